import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { Cause } from "../dataplane/dataplane.ts";
import type { OutcomeCounts, RouteOutcome, SyncOutcome } from "./route_table.ts";
import type { Route } from "../routing/route.ts";
import { destinationOf, type PlannedStep, planRoutes } from "../routing/difference.ts";
import { makeAmends } from "./roll_back.ts";
import { converge } from "./converge.ts";
import type { RouteParts } from "./route_parts.ts";
import {
  beginStep,
  overtakenStep,
  type StepParts,
  type StepResult,
  type StepUnderWay,
} from "./sync_step.ts";
import type { Visitors } from "./work_queue.ts";

/** Routes that shall be all there are. */
export interface SyncOrder {
  /** Valid, each destination once. */
  readonly wanted: readonly Route[];
  /** Look and decide, and write nothing. */
  readonly dryRun: boolean;
  readonly cause: Cause;
}

/** Steps that share an exchange: some 5 ms. */
const CHUNK = 128;

/**
 * Makes a set of routes all that are wanted. Each is looked at in the kernel, even one
 * that should be there: a look-up costs 10 µs whatever the table's size, while a listing
 * of our routes makes the kernel walk all routes there are (0.14 ms for 1,000).
 *
 * Calls that it lets in between came after it: what they said of a destination stands.
 */
export async function syncRoutes(
  parts: RouteParts,
  order: SyncOrder,
  visitors: Visitors,
): Promise<SyncOutcome> {
  const { ledger } = parts;
  const known = ledger.wishes().map(({ route }) => route.destination);
  const steps = planRoutes(order.wanted, known, ledger.nodeSubnet?.subnet);
  const laterWords = new Set<Ipv4Cidr>();
  ledger.laterWords = laterWords;
  try {
    const results = await carryOut(steps, { ...parts, ...order }, laterWords, visitors);
    const warnings = order.dryRun ? [] : await bridgeWarnings(parts, order);
    const outcomes = results.map(({ outcome }) => outcome);
    const changed = results.some((result) => result.changed);
    const counts = countOutcomes(outcomes);
    return { kind: "synced", outcomes, counts, changed, warnings };
  } finally {
    ledger.laterWords = undefined;
  }
}

/**
 * Two chunks are under way at a time: while `ip` works on one, the other is concluded or
 * prepared. Visitors are let in when none is.
 */
async function carryOut(
  steps: readonly PlannedStep[],
  parts: StepParts & RouteParts,
  laterWords: ReadonlySet<Ipv4Cidr>,
  visitors: Visitors,
): Promise<readonly StepResult[]> {
  const results: StepResult[] = [];
  let underWay: Chunk | undefined;
  const land = async (): Promise<void> => {
    if (underWay !== undefined) results.push(...await conclude(underWay, parts));
    underWay = undefined;
  };
  let read = true;
  for (let at = 0; at < steps.length; at += CHUNK) {
    if (at > 0 && read) read = await parts.dataplane.drainAuditLog();
    if (at > 0 && visitors.waiting) {
      await land();
      await visitors.admit();
    }
    const next = beginChunk(steps.slice(at, at + CHUNK), parts, laterWords);
    await land();
    underWay = next;
  }
  await land();
  return results;
}

/** Steps under way together. */
interface Chunk {
  readonly steps: readonly StepUnderWay[];
  readonly settled: Promise<void>;
}

function beginChunk(
  planned: readonly PlannedStep[],
  parts: StepParts & RouteParts,
  laterWords: ReadonlySet<Ipv4Cidr>,
): Chunk {
  const steps = planned.map((step) =>
    laterWords.has(destinationOf(step))
      ? overtakenStep(step, parts)
      : beginStep(step, parts)
  );
  const tasks = steps.flatMap(({ task }) => task ?? []);
  return { steps, settled: converge(parts.dataplane, parts.snapshot, tasks) };
}

async function conclude(
  { settled, steps }: Chunk,
  parts: RouteParts,
): Promise<readonly StepResult[]> {
  await settled;
  await makeAmends(parts, steps.flatMap((step) => step.amends() ?? []));
  return steps.map((step) => step.conclude());
}

async function bridgeWarnings(
  { bridges, snapshot }: RouteParts,
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
