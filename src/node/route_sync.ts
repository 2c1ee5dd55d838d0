import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { Cause } from "../kernel/audit.ts";
import type { Door } from "../kernel/door.ts";
import type { OutcomeCounts, RouteOutcome, SyncOutcome } from "../route_table.ts";
import type { WantedRoute } from "../routes/memory.ts";
import { destinationOf, type PlannedStep, planRoutes } from "../routes/plan.ts";
import type { BridgeWatch } from "./bridge_watch.ts";
import { converge } from "./converge.ts";
import type { Ledger } from "./ledger.ts";
import { learnLinks } from "./look.ts";
import type { Snapshot } from "./snapshot.ts";
import {
  beginStep,
  overtakenStep,
  type StepParts,
  type StepResult,
} from "./sync_step.ts";
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
 * Makes a set of routes all that are wanted. Each is looked at in the kernel, even one
 * that should be there: a look-up costs 10 µs whatever the table's size, while a listing
 * of our routes makes the kernel walk all routes there are (0.14 ms for 1,000).
 *
 * Calls that it lets in between came after it: what they said of a destination stands.
 */
export async function syncRoutes(
  parts: SyncParts,
  order: SyncOrder,
  admit: Admit,
): Promise<SyncOutcome> {
  const { door, ledger, snapshot } = parts;
  await learnLinks(door, snapshot, order.wanted.map(({ device }) => device));
  const known = ledger.wishes().map(({ route }) => route.destination);
  const steps = planRoutes(order.wanted, known, ledger.nodeSubnet?.subnet);
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
