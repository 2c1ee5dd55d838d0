import type { Operation, OperationResult } from "../dataplane/dataplane.ts";
import { routeEntry } from "../state/table142_codec.ts";
import { exchangeAll } from "./exchanges.ts";
import type { PresentGoal, PresentReached } from "./goal.ts";
import type { DesiredRoute, Ledger } from "./desired_state.ts";
import type { RouteParts } from "./route_parts.ts";
import { standingOf } from "./route_status.ts";

/** What table 142 is owed after a refusal. */
export interface Amends {
  readonly operation: Operation;
  /** What was refused. */
  readonly refused: DesiredRoute;
}

/**
 * A refusal is not remembered, but its entry may have been written before it: what puts
 * table 142 back to what the ledger says of the destination.
 */
export function amendsFor(
  ledger: Ledger,
  { cause, remember, wanted }: PresentGoal,
  reached: PresentReached,
): Amends | undefined {
  if (remember === undefined || !mayHaveWritten(reached)) return undefined;
  const before = ledger.get(wanted.destination);
  const standing = standingOf(wanted, reached);
  return {
    operation: before === undefined
      ? { command: { kind: "delete-entry", entry: routeEntry(wanted) }, cause }
      : { command: { kind: "put-entry", entry: routeEntry(before.route) }, cause },
    refused: { route: wanted, remembered: false, standing },
  };
}

function mayHaveWritten(reached: PresentReached): boolean {
  switch (reached.kind) {
    case "connected":
      return reached.remembered;
    case "failed":
      return reached.failure.kind !== "not-permitted";
    default:
      return false;
  }
}

/** Makes amends; what the kernel does not confirm is left to the repair. */
export async function makeAmends(
  { dataplane, ledger, touch }: RouteParts,
  owed: readonly Amends[],
): Promise<void> {
  if (owed.length === 0) return;
  const written = await exchangeAll(dataplane, owed.map(({ operation }) => operation));
  const results = written.ok ? written.value : [];
  for (const [index, { refused }] of owed.entries()) {
    if (isDone(results[index])) continue;
    const { destination } = refused.route;
    // An entry left there would be a wish at the next start.
    if (ledger.get(destination) === undefined) ledger.retract(refused);
    else ledger.unremember(destination);
    touch([destination]);
  }
}

/** An entry that is not there need not be taken away. */
function isDone(result: OperationResult | undefined): boolean {
  return result !== undefined && (result.ok || result.failure.kind === "absent");
}
