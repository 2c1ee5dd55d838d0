import assert from "node:assert/strict";
import fc from "fast-check";
import { CHECKS } from "../../../src/diagnose/checks.ts";
import type { Facts } from "../../../src/diagnose/facts.ts";
import { type Finding, FINDING_IDS, keyOf } from "../../../src/diagnose/finding.ts";
import { bounded } from "../../support/suite.ts";
import { anyFacts } from "./any_facts.ts";
import { healthyNode } from "./healthy_node.ts";

function findings(facts: Facts): readonly Finding[] {
  return CHECKS.flatMap((check) => check(facts));
}

Deno.test("CHECKS find nothing on a healthy node", () => {
  assert.deepEqual(findings(healthyNode()), []);
});

/** What a remedy's line consists of: nothing of it that facts say is the shell's own. */
const LINE = /^(?:(?:ip|bridge|sysctl|grpcurl) [A-Za-z0-9 ./:=_-]+|pgrep .+)$/;

Deno.test("CHECKS never throw, find each thing once and say it whole, whatever the node has", () => {
  fc.assert(
    fc.property(anyFacts, (facts) => {
      const all = findings(facts);
      const keys = all.map(keyOf);
      assert.deepEqual(keys, [...new Set(keys)]);
      for (const { found, meaning, remedy } of all) {
        for (const sentence of [found, meaning]) {
          assert.match(sentence, /^\S[^\r\n]*[^\s.]$/);
          assert.doesNotMatch(sentence, /undefined|NaN|Infinity|\[object/);
        }
        for (const line of remedy) assert.match(line, LINE);
      }
    }),
    { numRuns: bounded(20_000, 5_000) },
  );
});

Deno.test("anyFacts lead to every finding, so that the property is about each of them", () => {
  const found = fc.sample(anyFacts, 3_000).flatMap(findings);
  const ids = new Set(found.map(({ id }) => id));
  assert.deepEqual(FINDING_IDS.filter((id) => !ids.has(id)), []);
});
