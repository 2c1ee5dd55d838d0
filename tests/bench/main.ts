/**
 * Measures inside the namespaces that `run.ts` has entered, and prints a table.
 *
 * Words: parts of the measurements' names; none means all.
 */
import { exitWith, Obstacle, print } from "../support/isolation.ts";
import { measureCalls } from "./calls.ts";
import { measureFirstCall } from "./first_call.ts";
import { measureGap } from "./gap.ts";
import { measureHealing } from "./heal.ts";
import { measureLargeTable } from "./large_table.ts";
import { measureMemory } from "./memory.ts";
import { isKept, type Measurement, printFindings } from "./report.ts";
import { measureSync } from "./sync.ts";
import { measureTelemetry } from "./telemetry.ts";

const CLIENT = "grpc-js on Deno, a process of its own, one connection over loopback";

/** All of them, in the order in which they run. */
export const MEASUREMENTS: readonly Measurement[] = [
  { name: "calls", how: `medians; client: ${CLIENT}`, run: measureCalls },
  {
    name: "first-call",
    how: `medians; client: ${CLIENT}, warm`,
    run: measureFirstCall,
  },
  { name: "large-table", how: `medians; client: ${CLIENT}`, run: measureLargeTable },
  {
    name: "gap",
    how: "medians; until InjectRoute succeeds for one of 254 routes that are there; " +
      "bare: grpc-js, the same .proto and flags, a handler that does nothing",
    run: measureGap,
  },
  {
    name: "heal",
    how: "254 routes; from event to event by the clock of an ip monitor of its own",
    run: measureHealing,
  },
  {
    name: "memory",
    how: "RSS of the sidecar and its ip processes, beside the requests and limits of " +
      "deploy/kubernetes; needs h2load",
    run: measureMemory,
  },
  { name: "sync", how: `medians; client: ${CLIENT}`, run: measureSync },
  {
    name: "telemetry",
    how: `medians of new routes, one after another, in turn; client: ${CLIENT}; ` +
      "of a scrape the sidecar's processor time",
    run: measureTelemetry,
  },
];

async function main(filters: readonly string[]): Promise<boolean> {
  const chosen = MEASUREMENTS.filter(({ name }) =>
    filters.length === 0 || filters.some((filter) => name.includes(filter))
  );
  if (chosen.length === 0) {
    const names = MEASUREMENTS.map(({ name }) => name).join(", ");
    throw new Obstacle(`No measurement has such a name; there are ${names}.`);
  }
  let kept = true;
  for (const { how, name, run } of chosen) {
    await print(`${name}: ${how}`);
    const findings = await run();
    await printFindings(findings);
    kept &&= findings.every(isKept);
  }
  return kept;
}

if (import.meta.main) await exitWith(() => main(Deno.args));
