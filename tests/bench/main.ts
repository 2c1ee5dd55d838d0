/**
 * Measures inside the namespaces that `run.ts` has entered, and prints a table.
 *
 * Words: parts of the measurements' names; none means all.
 */
import { exitWith, Obstacle, say } from "../support/isolation.ts";
import { measureCalls } from "./calls.ts";
import { measureFirstCall } from "./first_call.ts";
import { measureGap } from "./gap.ts";
import { measureHealing } from "./heal.ts";
import { measureLargeTable } from "./large_table.ts";
import { isKept, type Measurement, printFindings } from "./report.ts";
import { measureSync } from "./sync.ts";

const MEASUREMENTS: readonly Measurement[] = [
  { name: "calls", run: measureCalls },
  { name: "first-call", run: measureFirstCall },
  { name: "large-table", run: measureLargeTable },
  { name: "gap", run: measureGap },
  { name: "heal", run: measureHealing },
  { name: "sync", run: measureSync },
];

async function main(filters: readonly string[]): Promise<boolean> {
  const chosen = MEASUREMENTS.filter(({ name }) =>
    filters.length === 0 || filters.some((filter) => name.includes(filter))
  );
  if (chosen.length === 0) {
    const names = MEASUREMENTS.map(({ name }) => name).join(", ");
    throw new Obstacle(`No measurement has such a name; there are ${names}.`);
  }
  await say("Client: grpc-js on Deno, a process of its own, one connection, loopback.");
  let kept = true;
  for (const { run } of chosen) {
    const findings = await run();
    await printFindings(findings);
    kept &&= findings.every(isKept);
  }
  return kept;
}

await exitWith(() => main(Deno.args));
