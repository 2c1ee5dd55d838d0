import assert from "node:assert/strict";
import { privilegeChecks } from "../../../../src/diagnose/checks/privileges.ts";
import { PERMISSION_DENIED } from "../../../../src/routing/messages.ts";
import { cidr } from "../../../support/fixtures.ts";
import { healthyNode } from "../healthy_node.ts";

Deno.test("privilegeChecks tell a missing capability with the words of the RPCs", () => {
  const [finding, ...others] = privilegeChecks(healthyNode({ notPermitted: true }));
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

Deno.test("privilegeChecks tell another sidecar, and leave to the operator which one goes", () => {
  const facts = healthyNode({ otherSidecar: cidr("10.42.9.0/24") });
  assert.deepEqual(privilegeChecks(facts), [{
    id: "other-sidecar",
    severity: "critical",
    subject: { kind: "node" },
    found: "Another process has written 10.42.9.0/24 into table 142, as a second " +
      "sidecar in this network namespace does",
    meaning: "Each sidecar removes the routes of the other, so stop one of the two",
    remedy: ["pgrep -af 'main.ts serve'"],
  }]);
});

Deno.test("privilegeChecks name both faults at once", () => {
  const facts = healthyNode({
    notPermitted: true,
    otherSidecar: cidr("10.42.9.0/24"),
  });
  assert.deepEqual(privilegeChecks(facts).map(({ id }) => id), [
    "no-permission",
    "other-sidecar",
  ]);
});
