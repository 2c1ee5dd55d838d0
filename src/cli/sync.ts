/** The command `sync`: makes the wanted routes exactly those of a file. */
import type { RouteOutcome } from "../api/gen/quilt/sidecar/v1/RouteOutcome.ts";
import type { SyncRoutesResponse } from "../api/gen/quilt/sidecar/v1/SyncRoutesResponse.ts";
import { ROUTE_SERVICE } from "../api/proto_registry.ts";
import { countOf, escapeInvisible } from "../shared/quote.ts";
import { err, ok, type Result } from "../shared/result.ts";
import type { CommandEnd, CommandLine } from "./command_definition.ts";
import { confirm } from "./confirmation.ts";
import { EXIT_FAILURE, EXIT_OK, EXIT_USAGE } from "./exit.ts";
import { align } from "./finding_report.ts";
import {
  type CallFault,
  connectSidecar,
  type SidecarConnection,
} from "./grpc_client.ts";
import { showText } from "./output.ts";
import { withProgress } from "./progress.ts";
import { differenceOf, formatDifference, type SyncChange } from "./sync_difference.ts";
import { type FileRoute, parseSyncFile } from "./sync_file.ts";
import { readTarget, type Target } from "./target.ts";
import { nameOf, readText } from "./text_input.ts";
import { explainFault } from "./explain_fault.ts";

/** Milliseconds: 65,536 routes take some 10 s. */
const DEADLINE_MS = 120_000;

/** Bytes of a file: 65,536 routes take 4 MB. */
const MOST_BYTES = 8 * 1024 * 1024;

/** Lines above the question: a terminal has 24, and --dry-run shows them all. */
const ASKED_CHANGES = 20;

/** Runs the command `sync`. */
export async function sync(line: CommandLine): Promise<CommandEnd> {
  const { operands: [path = ""], options } = line;
  const target = await readTarget("sync", options);
  if (!target.ok) return { exitCode: EXIT_USAGE, sentence: target.fault };
  const text = await readText(path, MOST_BYTES);
  if (!text.ok) return { exitCode: EXIT_USAGE, sentence: text.fault };
  const routes = parseSyncFile(nameOf(path), text.value);
  if (!routes.ok) return { exitCode: EXIT_USAGE, sentence: routes.fault };
  const plan = await call(target.value, (sidecar) => planSync(sidecar, routes.value));
  if (!plan.ok) return { exitCode: EXIT_FAILURE, sentence: plan.fault };
  const { changes, response } = plan.value;
  const isJson = options.has("json");
  if (options.has("dry-run")) {
    return await (isJson
      ? showJson(response, routes.value, true)
      : showResult(formatDifference(changes), response, " would be"));
  }
  const question = `Change ${countOf(changes.length, "route")}`;
  if (changes.length > 0 && !options.has("yes")) {
    const lines = formatDifference(changes, ASKED_CHANGES);
    const answer = await confirm({ lines, text: question });
    if (answer !== "yes") return declined(answer);
  }
  const done = await withProgress(
    `Changing ${countOf(changes.length, "route")}`,
    () => call(target.value, (sidecar) => syncRoutes(sidecar, routes.value, false)),
  );
  if (!done.ok) return { exitCode: EXIT_FAILURE, sentence: done.fault };
  return await (isJson
    ? showJson(done.value, routes.value, false)
    : showResult(formatUndone(done.value), done.value, ""));
}

function declined(answer: "no" | "nobody"): CommandEnd {
  return {
    exitCode: EXIT_FAILURE,
    sentence: answer === "no"
      ? "Nothing was changed"
      : "Nothing was changed, because standard input is not a terminal; give --yes to " +
        "apply the file without a question, or --dry-run to see the difference",
  };
}

/** Connects, asks, and explains a fault in one sentence. */
async function call<Value>(
  target: Target,
  ask: (sidecar: SidecarConnection) => Promise<Result<Value, CallFault>>,
): Promise<Result<Value, string>> {
  const answer = await (async () => {
    using sidecar = connectSidecar(target, DEADLINE_MS);
    return await ask(sidecar);
  })();
  return answer.ok
    ? answer
    : err(await explainFault(target, answer.fault, DEADLINE_MS));
}

/** What a sync would do. */
interface SyncPlan {
  readonly changes: readonly SyncChange[];
  readonly response: SyncRoutesResponse;
}

async function planSync(
  sidecar: SidecarConnection,
  routes: readonly FileRoute[],
): Promise<Result<SyncPlan, CallFault>> {
  const [before, planned] = await Promise.all([
    sidecar.reader.listRoutes(),
    syncRoutes(sidecar, routes, true),
  ]);
  if (!before.ok) return before;
  if (!planned.ok) return planned;
  const response = planned.value;
  const changes = differenceOf(before.value.routes, routes, response.outcomes);
  return ok({ changes, response });
}

function syncRoutes(
  { call }: SidecarConnection,
  routes: readonly FileRoute[],
  dryRun: boolean,
): Promise<Result<SyncRoutesResponse, CallFault>> {
  return call(ROUTE_SERVICE, "SyncRoutes", { routes, dry_run: dryRun });
}

/** What was asked for and is not so, one line each. */
function formatUndone({ outcomes }: SyncRoutesResponse): readonly string[] {
  return align(
    outcomes.filter(({ kind }) =>
      kind === "ROUTE_OUTCOME_KIND_REFUSED" || kind === "ROUTE_OUTCOME_KIND_PENDING"
    ).map((outcome) => [outcome.destination, wordOf(outcome), outcome.detail]),
  );
}

function showResult(
  lines: readonly string[],
  response: SyncRoutesResponse,
  would: string,
): Promise<CommandEnd> {
  const { added, pending, refused, removed, unchanged } = response;
  const counts = [
    `${added}${would} added`,
    `${removed}${would} removed`,
    `${unchanged}${would} unchanged`,
    ...pending === 0 ? [] : [`${pending}${would} pending`],
    ...refused === 0 ? [] : [`${refused}${would} refused`],
  ];
  return showText([...lines, counts.join(", ")].join("\n"), exitCodeOf(response));
}

function exitCodeOf({ refused }: SyncRoutesResponse): number {
  return refused === 0 ? EXIT_OK : EXIT_FAILURE;
}

/** What `sync --json` prints: one JSON document. */
export interface SyncJson {
  /** A field may be added, and none changes its meaning. */
  readonly version: 1;
  /** Whether nothing was changed, and this is what would be done. */
  readonly dry_run: boolean;
  /** How many routes were not in the kernel, or went through another device. */
  readonly added: number;
  /** How many were ours and are not in the file. */
  readonly removed: number;
  /** How many were as the file has them. */
  readonly unchanged: number;
  /** How many wait for their device. */
  readonly pending: number;
  /** How many could not be done; then the exit code is 1. */
  readonly refused: number;
  /** Each destination of the file, and each that was removed, in ascending order. */
  readonly routes: readonly SyncedRouteJson[];
}

/** A destination in {@linkcode SyncJson}. */
export interface SyncedRouteJson {
  /** E.g. `10.42.2.0/24`. */
  readonly destination: string;
  /** Of the file; empty if the file does not have the destination. */
  readonly device: string;
  readonly outcome: "added" | "removed" | "unchanged" | "pending" | "refused";
  /** What there is to know of it, a sentence; empty if there is nothing. */
  readonly detail: string;
}

function showJson(
  response: SyncRoutesResponse,
  routes: readonly FileRoute[],
  dryRun: boolean,
): Promise<CommandEnd> {
  const text = syncJson(response, routes, dryRun);
  return showText(text, exitCodeOf(response));
}

/** The one line of `sync --json`. */
export function syncJson(
  { added, outcomes, pending, refused, removed, unchanged }: SyncRoutesResponse,
  routes: readonly FileRoute[],
  dryRun: boolean,
): string {
  const devices = new Map(
    routes.map(({ destination, device }) => [destination, device]),
  );
  const document: SyncJson = {
    version: 1,
    dry_run: dryRun,
    added,
    removed,
    unchanged,
    pending,
    refused,
    routes: outcomes.map((outcome) => ({
      destination: outcome.destination,
      device: devices.get(outcome.destination) ?? "",
      outcome: wordOf(outcome),
      detail: outcome.detail,
    })),
  };
  return escapeInvisible(JSON.stringify(document));
}

function wordOf({ kind }: RouteOutcome): SyncedRouteJson["outcome"] {
  switch (kind) {
    case "ROUTE_OUTCOME_KIND_ADDED":
      return "added";
    case "ROUTE_OUTCOME_KIND_REMOVED":
      return "removed";
    case "ROUTE_OUTCOME_KIND_UNCHANGED":
      return "unchanged";
    case "ROUTE_OUTCOME_KIND_PENDING":
      return "pending";
    case "ROUTE_OUTCOME_KIND_REFUSED":
    // A kind of a newer sidecar: nobody may take it for done.
    case "ROUTE_OUTCOME_KIND_UNSPECIFIED":
      return "refused";
    default:
      return kind satisfies never;
  }
}
