import { list } from "../../reconcile/repair_messages.ts";
import type { RouteOutcome, SyncOutcome } from "../../reconcile/route_table.ts";
import type { CallResult, LoggedCall } from "../call_log.ts";
import { at, unfulfilled } from "../quilt_runtime/log_lines.ts";
import type { SyncRoutesRequest } from "./wire.ts";

/** Kinds of sentences a line each; more are counted. */
const SHOWN = 3;

/** A SyncRoutes as the log names it. */
export function syncCall({ dry_run, routes }: SyncRoutesRequest): LoggedCall {
  const count = `${routes.length} ${routes.length === 1 ? "route" : "routes"}`;
  return { kind: "other", text: `SyncRoutes(${count}${dry_run ? ", dry run" : ""})` };
}

/**
 * What the log says of the outcome of each SyncRoutes: however many routes it concerns,
 * a few lines. What cannot be done is logged once, not each time that the same is asked
 * for.
 */
export function describeSyncs(): (
  outcome: SyncOutcome,
  request: SyncRoutesRequest,
) => CallResult {
  let logged = "";
  return (outcome, { dry_run }) => {
    switch (outcome.kind) {
      case "synced": {
        const notes = remarks(outcome.outcomes);
        const isNew = !dry_run && notes.join("\n") !== logged;
        if (isNew) logged = notes.join("\n");
        const lines = [
          ...at("warn", ...outcome.warnings),
          ...at(isNew ? "warn" : "debug", ...notes),
          ...at("info", summary(dry_run, outcome)),
        ];
        return { kind: "done", changed: outcome.changed || isNew, lines };
      }
      case "invalid":
        return { kind: "refused", sentence: outcome.sentence };
      default:
        return unfulfilled(outcome);
    }
  };
}

function summary(
  dryRun: boolean,
  { counts }: Extract<SyncOutcome, { kind: "synced" }>,
): string {
  const { added, pending, refused, removed, unchanged } = counts;
  return `${dryRun ? "Routes would be" : "Routes"} synced: ${added} added, ` +
    `${removed} removed, ${unchanged} unchanged, ${pending} pending, ${refused} refused`;
}

/** Of routes with the same to say one line, with the first of them named. */
function remarks(outcomes: readonly RouteOutcome[]): readonly string[] {
  const pending = outcomes.filter(({ kind }) => kind === "pending");
  const waiting = Map.groupBy(pending, ({ detail }) => detail);
  const others = outcomes.filter(({ detail, kind }) =>
    kind !== "pending" && detail !== ""
  ).map(({ detail }) => detail);
  const left = others.length - SHOWN;
  return [
    ...[...waiting].map(([detail, routes]) =>
      `${detail}, waiting for it: ${list(routes.map((route) => route.destination))}`
    ),
    ...others.slice(0, SHOWN),
    ...(left > 0 ? [`and so for ${left} more; the answer names them`] : []),
  ];
}
