import assert from "node:assert/strict";
import { privilegeChecks } from "../../../../src/diagnose/checks/privileges.ts";
import {
  describeOtherWriter,
  PERMISSION_DENIED,
} from "../../../../src/routing/messages.ts";
import { cidr } from "../../../support/fixtures.ts";
import { healthyFacts } from "../healthy_facts.ts";

Deno.test("privilegeChecks find nothing on a healthy node", () => {
  assert.deepEqual(privilegeChecks(healthyFacts()), []);
});

Deno.test("privilegeChecks tell a missing capability with the words of the RPCs", () => {
  const [finding, ...others] = privilegeChecks(healthyFacts({ notPermitted: true }));
  assert.ok(finding);
  assert.deepEqual(others, []);
  assert.equal(finding.id, "no-permission");
  assert.equal(finding.severity, "critical");
  assert.deepEqual(finding.subject, { kind: "node" });
  const [what, ...remedy] = PERMISSION_DENIED.split("; ");
  assert.equal(finding.found, what);
  assert.ok(finding.meaning.endsWith(remedy.join("; ")));
  assert.deepEqual(finding.remedy, []);
});

Deno.test("privilegeChecks tell another sidecar with the words of the log", () => {
  const prefix = cidr("10.42.9.0/24");
  const [finding, ...others] = privilegeChecks(healthyFacts({ otherSidecar: prefix }));
  assert.ok(finding);
  assert.deepEqual(others, []);
  assert.equal(finding.id, "other-sidecar");
  assert.equal(finding.severity, "critical");
  assert.deepEqual(finding.remedy, ["pgrep -af 'main.ts serve'"]);
  const meaning = finding.meaning.replace("Each", "each");
  assert.equal(
    `${finding.found}: ${meaning}; find both with: ${finding.remedy}`,
    describeOtherWriter(prefix),
  );
});

Deno.test("privilegeChecks name both faults at once", () => {
  const facts = healthyFacts({
    notPermitted: true,
    otherSidecar: cidr("10.42.9.0/24"),
  });
  assert.deepEqual(privilegeChecks(facts).map(({ id }) => id), [
    "no-permission",
    "other-sidecar",
  ]);
});
