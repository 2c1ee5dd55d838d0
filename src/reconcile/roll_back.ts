import type { Errand } from "../dataplane/iproute2/adapter.ts";
import type { CommandResult } from "../dataplane/iproute2/batch_process.ts";
import { routeEntry } from "../state/table142_codec.ts";
import { exchangeAll } from "./exchanges.ts";
import type { PresentGoal, PresentReached } from "./goal.ts";
import type { DesiredRoute, Ledger } from "./desired_state.ts";
import type { RouteParts } from "./route_parts.ts";
import { standingOf } from "./route_status.ts";

/** What table 142 is owed after a refusal. */
export interface Amends {
  readonly errand: Errand;
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
    errand: before === undefined
      ? { command: { kind: "forget", entry: routeEntry(wanted) }, cause }
      : { command: { kind: "remember", entry: routeEntry(before.route) }, cause },
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
  { door, ledger, touch }: RouteParts,
  owed: readonly Amends[],
): Promise<void> {
  if (owed.length === 0) return;
  const written = await exchangeAll(door, owed.map(({ errand }) => errand));
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
function isDone(result: CommandResult | undefined): boolean {
  return result !== undefined && (result.ok || result.failure.kind === "absent");
}
