/** The command `uninstall`: deletes everything that the sidecar left in the kernel. */
import type { LineWriter } from "../observability/buffered_line_writer.ts";
import { countOf } from "../shared/quote.ts";
import { openUninstall, type OurTraces } from "../uninstall_node.ts";
import type { CommandEnd, CommandLine } from "./command_definition.ts";
import { confirm } from "./confirmation.ts";
import { EXIT_FAILURE, EXIT_OK, EXIT_USAGE } from "./exit.ts";
import { identifyListener } from "./listener.ts";
import { showText } from "./output.ts";
import { readTarget } from "./target.ts";

/** Milliseconds to find out whether a sidecar runs. */
const LISTENER_MS = 1_000;

/** Runs the command `uninstall`. */
export async function uninstall({ options }: CommandLine): Promise<CommandEnd> {
  if (!options.has("routes")) {
    return refuse(
      EXIT_USAGE,
      "uninstall needs --routes: it then deletes the routes and the entries of table 142",
    );
  }
  const target = await readTarget("uninstall", options);
  if (!target.ok) return refuse(EXIT_USAGE, target.fault);
  const { address, authority } = target.value;
  if (await identifyListener(address, LISTENER_MS) !== "none") {
    return refuse(
      EXIT_FAILURE,
      `A process listens on ${authority}: a sidecar would restore what uninstall ` +
        "deletes; stop it first",
    );
  }
  const records: string[] = [];
  await using node = openUninstall(collect(records));
  const found = await node.find();
  if (!found.ok) return refuse(EXIT_FAILURE, `Cannot read the kernel: ${found.fault}`);
  const isJson = options.has("json");
  if (found.value.mutations.length === 0) {
    return isJson
      ? EXIT_OK
      : await showText("Nothing of the sidecar is in this network namespace");
  }
  if (!options.has("yes")) {
    const answer = await confirm({
      lines: describeRoutes(found.value),
      text: `Delete ${countTraces(found.value)} in this network namespace`,
    });
    if (answer !== "yes") return declined(answer);
  }
  const taken = await node.take(found.value);
  if (isJson && records.length > 0) {
    const shown = await showText(records.join("\n"));
    if (shown !== EXIT_OK) return shown;
  }
  if (!taken.ok) return refuse(EXIT_FAILURE, taken.fault);
  if (isJson) return EXIT_OK;
  const done = `Deleted ${countTraces(found.value)}; nothing of the sidecar is left`;
  return await showText([...describeRoutes(found.value), done].join("\n"));
}

function declined(answer: "no" | "nobody"): CommandEnd {
  return refuse(
    EXIT_FAILURE,
    answer === "no"
      ? "Nothing was deleted"
      : "Nothing was deleted, because standard input is not a terminal; give --yes to " +
        "delete without a question",
  );
}

/** `3 routes and 5 entries of table 142`. */
export function countTraces({ entries, routes }: OurTraces): string {
  return `${countOf(routes.length, "route")} and ` +
    `${countOf(entries, "entry", "entries")} of table 142`;
}

/** Lines above the question: a terminal has 24. */
const SHOWN_ROUTES = 20;

/** The routes, one line each: `- 10.42.2.0/24 dev vxlan100`. */
export function describeRoutes({ routes }: OurTraces): readonly string[] {
  const lines = routes.slice(0, SHOWN_ROUTES).map(({ destination, device }) =>
    `- ${destination}${device === undefined ? "" : ` dev ${device}`}`
  );
  const left = routes.length - SHOWN_ROUTES;
  return left > 0 ? [...lines, `and ${left} more`] : lines;
}

function refuse(exitCode: number, sentence: string): CommandEnd {
  return { exitCode, sentence };
}

/** The audit log of the few lines that this command writes. */
function collect(lines: string[]): LineWriter {
  return {
    write: (line) => void lines.push(line),
    dropped: 0,
    flush: () => Promise.resolve(),
  };
}
