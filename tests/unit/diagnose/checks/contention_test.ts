import assert from "node:assert/strict";
import { contentionChecks } from "../../../../src/diagnose/checks/contention.ts";
import type { Contention } from "../../../../src/diagnose/facts.ts";
import { cidr } from "../../../support/fixtures.ts";
import { healthyNode, SECOND, THIRD } from "../healthy_node.ts";

function contention(change: Partial<Contention> = {}): Contention {
  return {
    destination: SECOND,
    repairs: 12,
    protocol: undefined,
    everyMs: 5_000,
    ...change,
  };
}

function only(change: Partial<Contention>) {
  const [finding, ...others] = contentionChecks(
    healthyNode({ contended: [contention(change)] }),
  );
  assert.ok(finding);
  assert.deepEqual(others, []);
  return finding;
}

Deno.test("contentionChecks give each destination a warning", () => {
  const contended = [SECOND, THIRD].map((destination) => contention({ destination }));
  assert.deepEqual(
    contentionChecks(healthyNode({ contended })).map(({ id, severity, subject }) => ({
      id,
      severity,
      subject,
    })),
    [SECOND, THIRD].map((destination) => ({
      id: "route-contended",
      severity: "warning",
      subject: { kind: "destination", destination },
    })),
  );
});

Deno.test("contentionChecks tell who only deletes, and what systemd-networkd lacks, and give no command for it", () => {
  const finding = only({});
  assert.equal(
    finding.found,
    "Another process deletes the route to 10.42.2.0/24 every 5 s; the sidecar has repaired it 12 times",
  );
  assert.match(
    finding.meaning,
    /systemd-networkd .* ManageForeignRoutes=no; if systemd-networkd does not run, look for /,
  );
  assert.deepEqual(finding.remedy, []);
});

for (
  const [protocol, who] of [
    [3, /proto boot is an operator, a script /],
    [4, /proto static is an administrator, /],
    [12, /BIRD/],
    [16, /DHCP client/],
    [142, /a second one runs here/],
    [186, /BGP daemon/],
    [77, /look for the program that uses proto 77$/],
  ] as const
) {
  Deno.test(`contentionChecks name who writes with proto ${protocol}, and give no command for it`, () => {
    const finding = only({ protocol });
    assert.match(finding.found, new RegExp(` with proto ${protocol} every 5 s; `));
    assert.match(finding.meaning, who);
    assert.deepEqual(finding.remedy, []);
  });
}

for (
  const [everyMs, repairs, pattern] of [
    [300.4, 4, / every 300 ms; the sidecar has repaired it 4 times$/],
    [999.6, 4, / every 1000 ms; /],
    [1_249, 4, / every 1.2 s; /],
    [undefined, 1, /10\.42\.2\.0\/24; the sidecar has repaired it 1 time$/],
  ] as const
) {
  Deno.test(`contentionChecks write the pattern of ${repairs} changes every ${everyMs} ms`, () => {
    assert.match(only({ everyMs, repairs }).found, pattern);
  });
}

Deno.test("contentionChecks leave what a second sidecar does to its own finding", () => {
  const contended = [undefined, 142, 3].map((protocol) => contention({ protocol }));
  const facts = healthyNode({ contended, otherSidecar: cidr("10.42.9.0/24") });
  assert.deepEqual(
    contentionChecks(facts).map(({ found }) => /proto \d+/.exec(found)?.[0]),
    ["proto 3"],
  );
});
