import type { RouteOutcome, SyncOutcome } from "../../reconcile/ports.ts";
import { countOf, listFew } from "../../shared/quote.ts";
import type { CallResult, LoggedCall } from "../call_log.ts";
import { failed, linesAt } from "../call_messages.ts";
import type { SyncRoutesRequest } from "../gen/quilt/sidecar/v1/SyncRoutesRequest.ts";

/** Sentences with a line each; the others are counted. */
const MAX_SENTENCES = 3;

/** A SyncRoutes as the log names it. */
export function syncCall({ dry_run, routes }: SyncRoutesRequest): LoggedCall {
  const count = countOf(routes.length, "route");
  return { kind: "other", text: `SyncRoutes(${count}${dry_run ? ", dry run" : ""})` };
}

/**
 * What the log says about the outcomes of SyncRoutes: a few lines, whatever the number of
 * routes. Sentences about routes that could not be installed are logged when they change,
 * not with each call.
 */
export function syncResults(): (
  outcome: SyncOutcome,
  request: SyncRoutesRequest,
) => CallResult {
  let lastLogged = "";
  return (outcome, { dry_run }) => {
    switch (outcome.kind) {
      case "synced": {
        const sentences = describeOutcomes(outcome.outcomes);
        const isNew = !dry_run && sentences.join("\n") !== lastLogged;
        if (isNew) lastLogged = sentences.join("\n");
        const lines = [
          ...linesAt(isNew ? "warn" : "debug", sentences),
          ...linesAt("info", [summary(dry_run, outcome)]),
        ];
        return { kind: "succeeded", changed: outcome.changed || isNew, lines };
      }
      case "invalid":
        return { kind: "refused", sentence: outcome.sentence };
      default:
        return failed(outcome);
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

/** One line for all routes with the same reason; the line names the first of them. */
function describeOutcomes(outcomes: readonly RouteOutcome[]): readonly string[] {
  const pending = outcomes.filter(({ kind }) => kind === "pending");
  const byReason = Map.groupBy(pending, ({ detail }) => detail);
  const others = outcomes.filter(({ detail, kind }) =>
    kind !== "pending" && detail !== ""
  ).map(({ detail }) => detail);
  const omitted = others.length - MAX_SENTENCES;
  return [
    ...[...byReason].map(([reason, routes]) =>
      `${countOf(routes.length, "pending route")} (${reason}): ` +
      listFew(routes.map(({ destination }) => destination))
    ),
    ...others.slice(0, MAX_SENTENCES),
    ...(omitted > 0
      ? [`${countOf(omitted, "more reason")}; the response has each`]
      : []),
  ];
}
