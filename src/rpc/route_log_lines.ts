import { list } from "../node/news.ts";
import type { RouteOutcome, SyncOutcome } from "../route_table.ts";
import { at, type LogLine, unfulfilled } from "./log_lines.ts";
import type { SyncRoutesRequest } from "./wire_routes.ts";

/** Kinds of sentences a line each; more are counted. */
const SHOWN = 3;

/**
 * What the log says of each SyncRoutes: info if it changed anything, and however many
 * routes it concerns, a few lines. What cannot be done is said once, not each time that
 * the same is asked for.
 */
export function describeSyncs(): (
  request: SyncRoutesRequest,
  outcome: SyncOutcome,
) => readonly LogLine[] {
  let told = "";
  return ({ dry_run, routes }, outcome) => {
    const count = `${routes.length} ${routes.length === 1 ? "route" : "routes"}`;
    const rpc = `RPC: SyncRoutes(${count}${dry_run ? ", dry run" : ""})`;
    switch (outcome.kind) {
      case "synced": {
        const notes = remarks(outcome.outcomes);
        const news = !dry_run && notes.join("\n") !== told;
        if (news) told = notes.join("\n");
        const level = outcome.changed || news ? "info" : "debug";
        return [
          ...at(level, rpc),
          ...at("warn", ...outcome.warnings),
          ...at(news ? "warn" : "debug", ...notes),
          ...at(level, summary(dry_run, outcome)),
        ];
      }
      case "invalid":
        return unfulfilled(rpc, { kind: "refused", sentence: outcome.sentence });
      default:
        return unfulfilled(rpc, outcome);
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
