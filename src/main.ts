import { endProcess } from "./cli/end_process.ts";
import { runProgram } from "./cli/program.ts";

endProcess(await runProgram(Deno.args));
