import { runProgram } from "./cli/program.ts";

Deno.exit(await runProgram(Deno.args));
