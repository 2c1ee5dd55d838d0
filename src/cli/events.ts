/** The command `events`: what happens, as it happens, one line each. */
import { writeAll, type WriteEnd } from "../observability/buffered_line_writer.ts";
import { DEADLINE_MS } from "./client_command.ts";
import type { CommandEnd, CommandLine } from "./command_definition.ts";
import { EXIT_FAILURE, EXIT_OK, EXIT_USAGE } from "./exit.ts";
import { explainFault } from "./explain_fault.ts";
import { followSidecar, type SidecarUpdate } from "./follow_sidecar.ts";
import { reasonOf } from "./grpc_client.ts";
import { interruption } from "./interruption.ts";
import { endOf } from "./output.ts";
import { describeEvent, eventJson, StateEvents } from "./state_events.ts";
import { readTarget } from "./target.ts";
import { standardTerminal } from "./terminal.ts";

/** Runs the command `events`. */
export async function events({ options }: CommandLine): Promise<CommandEnd> {
  const target = await readTarget("events", options);
  if (!target.ok) return { exitCode: EXIT_USAGE, sentence: target.fault };
  const over = Promise.withResolvers<void>();
  interruption().then(over.resolve);
  const output = new Output(over.resolve);
  const state = new StateEvents((fault) => reasonOf(fault, DEADLINE_MS));
  let unreached: Promise<string> | undefined;
  const onUpdate = (update: SidecarUpdate): void => {
    if (update.kind === "lost" && !state.hasAnswered) {
      // No sidecar has answered yet, so this is a fault of the call, and not an event.
      unreached = explainFault(target.value, update.fault, DEADLINE_MS);
      return over.resolve();
    }
    const time = new Date();
    const terminal = standardTerminal();
    output.write(
      state.take(update).map((event) =>
        options.has("json")
          ? eventJson(event, time)
          : describeEvent(event, time, terminal)
      ),
    );
  };
  await followSidecar(target.value, {
    onUpdate,
    over: over.promise,
    deadlineMs: DEADLINE_MS,
  });
  const end = await output.end();
  if (unreached !== undefined) {
    return { exitCode: EXIT_FAILURE, sentence: await unreached };
  }
  return endOf(end, EXIT_OK);
}

/** Writes lines to standard output, in their order, until nobody reads them. */
class Output {
  readonly #onClosed: () => void;
  #written: Promise<WriteEnd> = Promise.resolve({ kind: "written" });

  constructor(onClosed: () => void) {
    this.#onClosed = onClosed;
  }

  write(lines: readonly string[]): void {
    if (lines.length === 0) return;
    this.#written = this.#written.then(async (before) => {
      if (before.kind !== "written") return before;
      const end = await writeAll(Deno.stdout, `${lines.join("\n")}\n`);
      if (end.kind !== "written") this.#onClosed();
      return end;
    });
  }

  /** How the writing of all lines ended. */
  end(): Promise<WriteEnd> {
    return this.#written;
  }
}
