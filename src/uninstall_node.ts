/**
 * Takes away everything of ours that is in the kernel: the routes of the main table, and
 * what table 142 has of ours, whatever it says.
 */
import { AuditLog } from "./dataplane/audit_log.ts";
import {
  answerOf,
  type BatchResult,
  type Cause,
  type Dataplane,
  type Mutation,
} from "./dataplane/dataplane.ts";
import { Iproute2Dataplane } from "./dataplane/iproute2/adapter.ts";
import type { LineWriter } from "./observability/buffered_line_writer.ts";
import { describeFailure } from "./reconcile/outcome.ts";
import { type KernelRoute, TABLE_MAIN } from "./routing/kernel_route.ts";
import { listFew } from "./shared/quote.ts";
import { err, ok, type Result } from "./shared/result.ts";
import { entryOf } from "./state/table142_codec.ts";

/** What of ours the kernel has. */
export interface OurTraces {
  /** Those of the main table. */
  readonly routes: readonly KernelRoute[];
  /** How many entries there are in table 142. */
  readonly entries: number;
  /** What is deleted, and in this order: records first, as for every route that goes. */
  readonly mutations: readonly Mutation[];
}

const UNINSTALL: Cause = { rpc: "uninstall", peer: "" };

/** Milliseconds in which a sidecar on an address that was not given restores routes. */
const REPAIR_MS = 500;

/** Mutations in one batch. */
const AT_ONCE = 512;

/** The kernel of this network namespace, and what is to be taken from it. */
export interface UninstallNode extends AsyncDisposable {
  /** Reads what there is; the fault is why that failed. */
  find(): Promise<Result<OurTraces, string>>;
  /** Deletes it, and looks whether it stays away; the fault is one sentence. */
  take(traces: OurTraces): Promise<Result<void, string>>;
}

/** @param auditSink where each mutation leaves its record */
export function openUninstall(auditSink: LineWriter): UninstallNode {
  const dataplane: Dataplane = new Iproute2Dataplane(new AuditLog(auditSink));
  const find = async () => readTraces(await dataplane.dump([{ kind: "own-routes" }]));
  return {
    find,
    async take({ mutations }) {
      let why: string | undefined;
      for (let at = 0; at < mutations.length; at += AT_ONCE) {
        const commands = mutations.slice(at, at + AT_ONCE);
        const batch = await dataplane.run(
          commands.map((command) => ({ command, cause: UNINSTALL })),
        );
        if (batch.kind === "lost") return err(batch.why);
        why ??= whyFailed(commands, batch);
      }
      await new Promise((resolve) => setTimeout(resolve, REPAIR_MS));
      const left = await find();
      if (!left.ok) return left;
      if (left.value.mutations.length === 0) return ok(undefined);
      const named = listFew([...new Set(left.value.mutations.map(prefixOf))]);
      return err(
        why ??
          `Another process, such as a sidecar on another address, restored ${named}; ` +
            "stop it, and run the command again",
      );
    },
    [Symbol.asyncDispose]: () => dataplane.close(),
  };
}

function readTraces(dump: BatchResult): Result<OurTraces, string> {
  if (dump.kind === "lost") return err(dump.why);
  const [result] = dump.results;
  const ours = answerOf(result, "table")?.routes;
  if (ours === undefined) {
    return err(result?.ok === false ? result.failure.message : "ip did not answer");
  }
  const entries = ours.flatMap((route) => entryOf(route) ?? []);
  const routes = ours.map(({ route }) => route)
    .filter(({ table }) => table === TABLE_MAIN);
  return ok({
    routes,
    entries: entries.length,
    mutations: [
      ...entries.map((entry): Mutation => ({ kind: "delete-entry", entry })),
      ...routes.map((route): Mutation => ({ kind: "delete-route", route })),
    ],
  });
}

const NOT_PERMITTED =
  "Permission denied: deleting routes needs CAP_NET_ADMIN; run uninstall as root";

function whyFailed(
  commands: readonly Mutation[],
  batch: Extract<BatchResult, { readonly kind: "answered" }>,
): string | undefined {
  for (const [at, command] of commands.entries()) {
    const result = batch.results[at];
    // Gone already is what was wanted.
    if (result === undefined || result.ok || result.failure.kind === "absent") continue;
    const { failure } = result;
    if (failure.kind === "not-permitted") return NOT_PERMITTED;
    return describeFailure(prefixOf(command), { kind: "failed", failure });
  }
  return undefined;
}

function prefixOf(command: Mutation): string {
  switch (command.kind) {
    case "delete-route":
      return command.route.destination;
    case "delete-entry":
      return command.entry.prefix;
    default:
      return "";
  }
}
