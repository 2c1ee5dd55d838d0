import assert from "node:assert/strict";
import type {
  BatchResult,
  OperationResult,
  Read,
} from "../../../../src/dataplane/dataplane.ts";
import {
  type DumpPart,
  runParts,
  splitDump,
} from "../../../../src/dataplane/iproute2/dump.ts";

const RULES: Read = { kind: "rules" };
const LINKS: Read = { kind: "links" };
const FORWARDING: Read = { kind: "forwarding-table" };

/** A result that shows which part of a dump it comes from. */
function resultOf({ options }: DumpPart, read: Read): OperationResult {
  const message = `${read.kind} of ip ${options.join(" ")}`;
  return { ok: false, failure: { kind: "other", message } };
}

Deno.test("splitDump starts one ip, unless the forwarding database is among the reads", () => {
  assert.deepEqual(splitDump([]), []);
  assert.deepEqual(splitDump([RULES]), [{ options: [], reads: [RULES] }]);
  const detailed = { options: ["-details"], reads: [RULES, LINKS] };
  assert.deepEqual(splitDump([RULES, LINKS]), [detailed]);
  const bridge = {
    options: ["-family", "bridge", "-statistics"],
    reads: [FORWARDING],
  };
  assert.deepEqual(splitDump([FORWARDING]), [bridge]);
  assert.deepEqual(splitDump([RULES, FORWARDING, LINKS]), [detailed, bridge]);
});

Deno.test("runParts returns the results in the order of the reads", async () => {
  const reads = [FORWARDING, RULES, LINKS];
  const result = await runParts(reads, (part) =>
    Promise.resolve({
      kind: "answered",
      results: part.reads.map((read) => resultOf(part, read)),
    }));
  assert.ok(result.kind === "answered");
  const messages = result.results.map((one) => one.ok ? "" : one.failure.message);
  assert.deepEqual(messages, [
    "forwarding-table of ip -family bridge -statistics",
    "rules of ip -details",
    "links of ip -details",
  ]);
});

Deno.test("runParts loses the whole dump if one part is lost", async () => {
  const lost: BatchResult = { kind: "lost", why: "as the test wants" };
  for (const losing of [FORWARDING, RULES]) {
    const result = await runParts([RULES, FORWARDING], (part) =>
      Promise.resolve(
        part.reads.includes(losing)
          ? lost
          : { kind: "answered", results: [resultOf(part, RULES)] },
      ));
    assert.deepEqual(result, lost);
  }
});
