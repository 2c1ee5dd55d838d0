import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { Cause } from "../kernel/audit.ts";
import type { Door } from "../kernel/door.ts";
import type { TableEntry } from "../kernel/replies.ts";
import type { OutcomeCounts, RouteOutcome, SyncOutcome } from "../route_table.ts";
import { TABLE_MAIN } from "../routes/found_route.ts";
import { OUR_PROTOCOL, recall, type WantedRoute } from "../routes/memory.ts";
import {
  crowded,
  destinationOf,
  type Devices,
  type PlannedStep,
  planRoutes,
  settledRoutes,
} from "../routes/plan.ts";
import { describeLost } from "../routes/sentences.ts";
import type { BridgeWatch } from "./bridge_watch.ts";
import { converge } from "./converge.ts";
import type { Ledger } from "./ledger.ts";
import { learnLinks } from "./look.ts";
import { readOwn } from "./own.ts";
import type { Snapshot } from "./snapshot.ts";
import {
  beginStep,
  overtakenStep,
  type StepParts,
  type StepResult,
} from "./sync_step.ts";
import { forgottenPrefixes } from "./survey.ts";
import type { Admit } from "./work_queue.ts";

/** What a sync works with. */
export interface SyncParts {
  readonly door: Door;
  readonly ledger: Ledger;
  readonly snapshot: Snapshot;
  readonly bridges: BridgeWatch;
}

/** Routes that shall be all there are. */
export interface SyncOrder {
  /** Valid, each destination once. */
  readonly wanted: readonly WantedRoute[];
  /** Look and decide, and write nothing. */
  readonly dryRun: boolean;
  readonly cause: Cause;
}

/** Steps between which calls about single destinations are let in: some 10 ms. */
const CHUNK = 256;

/**
 * Makes a set of routes all that are wanted: what stands is read at one go, and only
 * the difference is looked at more closely and written.
 *
 * Calls that it lets in between came after it: what they said of a destination stands.
 */
export async function syncRoutes(
  parts: SyncParts,
  order: SyncOrder,
  admit: Admit,
): Promise<SyncOutcome> {
  const { door, ledger, snapshot } = parts;
  const own = await readOwn(door);
  if (own.kind === "lost") {
    return { kind: "unread", sentence: describeLost("the routes", own.why) };
  }
  for (const prefix of forgottenPrefixes(ledger, own.entries)) {
    ledger.unremember(prefix);
  }
  await learnLinks(door, snapshot, order.wanted.map(({ device }) => device));
  const steps = planRoutes(order.wanted, {
    known: ledger.wishes().map(({ route }) => route.destination),
    settled: settledNow(own.entries, snapshot),
    nodeSubnet: ledger.nodeSubnet?.subnet,
  });
  const laterWords = new Set<Ipv4Cidr>();
  ledger.laterWords = laterWords;
  try {
    const results = await carryOut(steps, { ...parts, ...order }, laterWords, admit);
    const warnings = order.dryRun ? [] : await bridgeWarnings(parts, order);
    const outcomes = results.map(({ outcome }) => outcome);
    const changed = results.some((result) => result.changed);
    const counts = countOutcomes(outcomes);
    return { kind: "synced", outcomes, counts, changed, warnings };
  } finally {
    ledger.laterWords = undefined;
  }
}

/** What the kernel has just as it was asked for, and nobody else has a route for. */
function settledNow(entries: readonly TableEntry[], snapshot: Snapshot): Devices {
  const main = entries.map(({ route }) => route)
    .filter(({ table }) => table === TABLE_MAIN);
  for (const destination of crowded(main)) snapshot.occupy(destination);
  const routes = main.filter(({ destination }) => !snapshot.isOccupied(destination));
  const remembered = entries.flatMap(({ route, state }): readonly WantedRoute[] => {
    if (route.table !== OUR_PROTOCOL || state === undefined) return [];
    const entry = recall(state);
    return entry.kind === "route" ? [entry.route] : [];
  });
  return settledRoutes(routes, remembered);
}

async function carryOut(
  steps: readonly PlannedStep[],
  parts: StepParts & SyncParts,
  laterWords: ReadonlySet<Ipv4Cidr>,
  admit: Admit,
): Promise<readonly StepResult[]> {
  const { door, snapshot } = parts;
  const results: StepResult[] = [];
  let read = true;
  for (let at = 0; at < steps.length; at += CHUNK) {
    if (at > 0) {
      if (read) read = await door.pace();
      await admit();
    }
    const begun = steps.slice(at, at + CHUNK).map((step) =>
      laterWords.has(destinationOf(step))
        ? overtakenStep(step, parts)
        : beginStep(step, parts)
    );
    await converge(door, snapshot, begun.flatMap(({ task }) => task ?? []));
    const errands = begun.flatMap((step) => step.amends() ?? []);
    if (errands.length > 0) await door.exchange(errands);
    results.push(...begun.map((step) => step.conclude()));
  }
  return results;
}

async function bridgeWarnings(
  { bridges, snapshot }: SyncParts,
  { wanted }: SyncOrder,
): Promise<readonly string[]> {
  const warnings: string[] = [];
  for (const device of new Set(wanted.map((route) => route.device))) {
    const link = snapshot.link(device);
    if (link === undefined) continue;
    warnings.push(...await bridges.warnings(device, link.master));
  }
  return warnings;
}

function countOutcomes(outcomes: readonly RouteOutcome[]): OutcomeCounts {
  const counts = { added: 0, removed: 0, unchanged: 0, pending: 0, refused: 0 };
  for (const { kind } of outcomes) counts[kind] += 1;
  return counts;
}
