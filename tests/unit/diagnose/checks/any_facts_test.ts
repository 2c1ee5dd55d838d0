import assert from "node:assert/strict";
import fc from "fast-check";
import { contentionChecks } from "../../../../src/diagnose/checks/contention.ts";
import { forwardingSettingsChecks } from "../../../../src/diagnose/checks/forwarding_settings.ts";
import { neighbourChecks } from "../../../../src/diagnose/checks/neighbours.ts";
import { ownSubnetChecks } from "../../../../src/diagnose/checks/own_subnet.ts";
import { privilegeChecks } from "../../../../src/diagnose/checks/privileges.ts";
import { ruleChecks } from "../../../../src/diagnose/checks/rules.ts";
import { shadowedRouteChecks } from "../../../../src/diagnose/checks/shadowed_routes.ts";
import { keyOf } from "../../../../src/diagnose/finding.ts";
import { anyFacts } from "../any_facts.ts";

const CHECKS = {
  contentionChecks,
  forwardingSettingsChecks,
  neighbourChecks,
  ownSubnetChecks,
  privilegeChecks,
  ruleChecks,
  shadowedRouteChecks,
};

for (const [name, check] of Object.entries(CHECKS)) {
  Deno.test(`${name} neither throw nor repeat a key, and write one line each, whatever the facts`, () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        const findings = check(facts);
        const keys = findings.map(keyOf);
        assert.deepEqual(keys, [...new Set(keys)]);
        for (const { found, meaning, remedy } of findings) {
          for (const line of [found, meaning, ...remedy]) {
            assert.match(line, /^[^\r\n]*[^\r\n.]$/);
          }
        }
      }),
      { numRuns: 500 },
    );
  });
}
