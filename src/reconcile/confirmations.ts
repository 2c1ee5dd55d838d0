import type {
  Cause,
  Dataplane,
  TableEntry,
  TableRoute,
} from "../dataplane/dataplane.ts";
import { routeEntry } from "../state/table142_codec.ts";
import { exchangeAll } from "./exchanges.ts";
import type { Ledger } from "./desired_state.ts";
import { memoryOf } from "../state/table142_store.ts";

/**
 * The entries to write so that table 142 tells the next life whom the agent has not asked
 * for. No call writes them: a route that is there is asked for at no kernel write, and a
 * moment after the agent's start all of them are unconfirmed. What is left of these after
 * two looks at everything is of nodes that have gone, a few.
 */
export function outdatedConfirmations(
  ledger: Ledger,
  own: readonly TableRoute[],
): readonly TableEntry[] {
  return memoryOf(own).flatMap(({ remembered }): readonly TableEntry[] => {
    if (remembered.kind !== "route") return [];
    const { confirmed, route } = remembered;
    const { destination, device } = route;
    const wish = ledger.get(destination);
    if (wish?.route.device !== device || ledger.isLeaving(destination)) return [];
    const keep = ledger.confirmationToKeep(destination) ?? confirmed;
    return keep === confirmed ? [] : [routeEntry(route, keep)];
  });
}

/** Writes them. */
export async function keepConfirmations(
  dataplane: Dataplane,
  ledger: Ledger,
  own: readonly TableRoute[],
  cause: Cause,
): Promise<void> {
  const entries = outdatedConfirmations(ledger, own);
  await exchangeAll(
    dataplane,
    entries.map((entry) => ({ command: { kind: "put-entry", entry }, cause })),
  );
}
