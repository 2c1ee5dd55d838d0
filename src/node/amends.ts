import type { Errand } from "../kernel/door.ts";
import { routeEntry } from "../routes/memory.ts";
import type { PresentGoal, PresentReached } from "./goal.ts";
import type { Ledger } from "./ledger.ts";

/**
 * A refusal is not remembered, but its entry may have been written before it: what puts
 * table 142 back to what the ledger says of the destination.
 */
export function amends(
  ledger: Ledger,
  { cause, remember, wanted }: PresentGoal,
  reached: PresentReached,
): Errand | undefined {
  if (remember === undefined || !mayHaveWritten(reached)) return undefined;
  const before = ledger.get(wanted.destination);
  return before === undefined
    ? { command: { kind: "forget", entry: routeEntry(wanted) }, cause }
    : { command: { kind: "remember", entry: routeEntry(before.route) }, cause };
}

function mayHaveWritten(reached: PresentReached): boolean {
  switch (reached.kind) {
    case "connected":
      return reached.wrote;
    case "failed":
      return reached.failure.kind !== "not-permitted";
    default:
      return false;
  }
}
