import assert from "node:assert/strict";
import { AuditLog } from "../../../src/dataplane/audit_log.ts";
import {
  answerOf,
  type OperationResult,
  type Read,
} from "../../../src/dataplane/dataplane.ts";
import { DryRunDataplane } from "../../../src/dataplane/dry_run.ts";
import { render } from "../../../src/dataplane/iproute2/commands.ts";
import { address, CAUSE, collectAuditLog, device } from "../../support/fixtures.ts";

const DEVICE = device("vxlan100");
const LISTS: readonly Read[] = [
  { kind: "links" },
  { kind: "addresses" },
  { kind: "netconf" },
  { kind: "policy-rules" },
  { kind: "forwarding-table" },
  { kind: "neighbours", device: DEVICE },
];

Deno.test("DryRunDataplane answers every list of the data path with an empty one", async () => {
  const dataplane = new DryRunDataplane(new AuditLog(collectAuditLog()), render);
  const dumped = await dataplane.dump(LISTS);
  assert.ok(dumped.kind === "answered");
  for (const [at, { kind }] of LISTS.entries()) {
    const result: OperationResult | undefined = dumped.results[at];
    assert.ok(result?.ok === true && result.answer.kind === kind);
    const members: readonly unknown[] = Object.values(result.answer);
    assert.deepEqual(members.filter((one) => one !== kind), [[]]);
  }
});

Deno.test("DryRunDataplane refuses a look-up, records a probe, and watches nothing", async () => {
  const trail = collectAuditLog();
  const dataplane = new DryRunDataplane(new AuditLog(trail), render);
  const probe = { device: DEVICE, address: address("10.42.2.1") };
  const ran = await dataplane.run([
    { command: { kind: "look-up", address: probe.address } },
    { command: { kind: "probe-neighbour", probe }, cause: CAUSE },
  ]);
  assert.ok(ran.kind === "answered");
  assert.deepEqual(answerOf(ran.results[0], "look-up")?.result, {
    kind: "refused",
    why: "dry run",
  });
  assert.ok(answerOf(ran.results[1], "done"));
  const outcomes = trail.records.map(({ outcome, words }) => [words, outcome]);
  assert.deepEqual(outcomes, [["neigh add 10.42.2.1 dev vxlan100 use", "dry-run"]]);
  dataplane.watchDataPath().close();
});
