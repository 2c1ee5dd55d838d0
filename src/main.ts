import {
  describeUnexpectedError,
  EXIT_FAILURE,
  EXIT_OK,
  EXIT_USAGE,
  formatEarlyError,
} from "./cli/exit.ts";
import { refuseDenoVersion, SIDECAR_VERSION } from "./shared/versions.ts";
import { quote } from "./shared/quote.ts";
import { writeLine } from "./observability/buffered_line_writer.ts";

const HELP = `Usage: main.ts <command> [options]

  serve        serve the mesh agent's calls; see serve --help
  status       show the node's network, addresses and routes; see status --help
  doctor       say what stops traffic, and what ends it; see doctor --help
  health       ask a sidecar for its health; see health --help
  --help       this text
  --version    the sidecar's version`;

async function main(args: readonly string[]): Promise<number> {
  const [command, ...rest] = args;
  const refusal = refuseDenoVersion(Deno.version.deno);
  // The doctor itself says that, beside all that it finds.
  if (refusal !== undefined && command !== "doctor") {
    await writeLine(Deno.stderr, formatEarlyError(args, refusal));
    return EXIT_FAILURE;
  }
  switch (command) {
    case "serve": {
      // Loaded only now, because a refused version of Deno may fail to load the server.
      const { serve } = await import("./cli/serve.ts");
      return await serve(rest);
    }
    case "status": {
      const { status } = await import("./cli/status.ts");
      return await status(rest);
    }
    case "doctor": {
      const { doctor } = await import("./cli/doctor.ts");
      return await doctor(rest);
    }
    case "health": {
      const { health } = await import("./cli/health.ts");
      return await health(rest);
    }
    case "--help":
      await writeLine(Deno.stdout, HELP);
      return EXIT_OK;
    case "--version":
      await writeLine(Deno.stdout, SIDECAR_VERSION);
      return EXIT_OK;
    default:
      await writeLine(Deno.stderr, describeUnknown(command));
      return EXIT_USAGE;
  }
}

function describeUnknown(command: string | undefined): string {
  const what = command === undefined
    ? "No command is given"
    : `Unknown command ${quote(command)}`;
  return `${what}; use serve, status, doctor or health, or --help to see what there is`;
}

async function fail(cause: unknown): Promise<number> {
  const sentence = describeUnexpectedError(cause, Deno.args[0] ?? "");
  await writeLine(Deno.stderr, formatEarlyError(Deno.args, sentence));
  return EXIT_FAILURE;
}

Deno.exit(await main(Deno.args).catch(fail));
