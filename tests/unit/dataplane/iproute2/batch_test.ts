import assert from "node:assert/strict";
import fc from "fast-check";
import type { OperationResult, Read } from "../../../../src/dataplane/dataplane.ts";
import { Batch } from "../../../../src/dataplane/iproute2/batch.ts";
import { type Command, toLine } from "../../../../src/dataplane/iproute2/commands.ts";
import { address, cidr, device } from "../../../support/fixtures.ts";

const LINK: Command = { kind: "link", device: device("vxlan100") };
const ADDITION: Command = {
  kind: "add-route",
  route: { destination: cidr("10.42.2.0/24"), device: device("vxlan100") },
};

function batchOf(commands: readonly Command[], firstNumber = 1): Batch {
  return new Batch(commands.map(toLine), firstNumber);
}

/** An answer that shows which line of JSON it was read from. */
function answerFrom(_command: Read, json: string) {
  const names = new Set([json]);
  return { kind: "answer", answer: { kind: "link-names", names } } as const;
}

function shown(result: OperationResult): string {
  if (!result.ok) return `failure ${result.failure.message}`;
  const { answer } = result;
  return answer.kind === "link-names" ? [...answer.names].join() : answer.kind;
}

Deno.test("Batch ends with a sentinel that has the number of its line", () => {
  const batch = batchOf([LINK, ADDITION], 8);
  assert.equal(
    batch.text,
    "link show dev vxlan100\n" +
      "route add 10.42.2.0/24 dev vxlan100 proto 142\nend-of-batch-10\n",
  );
  const message = 'Object "end-of-batch-10" is unknown, try "ip help".';
  assert.ok(batch.isSentinel(10, message));
  assert.ok(!batch.isSentinel(9, message));
  assert.ok(
    !batch.isSentinel(10, 'Object "end-of-batch-1" is unknown, try "ip help".'),
  );
});

Deno.test("Batch gives each failure and each line of JSON to the command that it belongs to", () => {
  // Each command: whether it is a read, and whether it fails.
  const commands = fc.array(fc.tuple(fc.boolean(), fc.boolean()), { maxLength: 12 });
  fc.assert(
    fc.property(commands, fc.integer({ min: 1, max: 1e6 }), (list, firstNumber) => {
      const batch = batchOf(list.map(([read]) => read ? LINK : ADDITION), firstNumber);
      const expected = list.map(([read, fails], index) =>
        fails ? `failure ${index}` : read ? `json ${index}` : "done"
      );
      list.forEach(([read, fails], index) => {
        const number = firstNumber + index;
        if (fails) {
          assert.ok(batch.canFail(number));
          batch.addFailure(number, { kind: "other", message: String(index) });
          assert.ok(!batch.canFail(number), "a line fails once");
        } else if (read) assert.ok(batch.addJson(`json ${index}`));
      });
      batch.end();
      assert.equal(batch.missing, 0);
      const answer = batch.answer(answerFrom);
      assert.ok(answer.kind === "answered");
      assert.deepEqual(answer.results.map(shown), expected);
    }),
  );
});

Deno.test("Batch takes the FIB's refusal of a look-up for its answer, and no other failure", () => {
  const lookUp: Command = { kind: "look-up", address: address("10.42.2.7") };
  const batch = batchOf([lookUp, lookUp, LINK]);
  const messages = [
    "RTNETLINK answers: No route to host",
    "RTNETLINK answers: No such device",
    "RTNETLINK answers: No route to host",
  ];
  for (const [at, message] of messages.entries()) {
    batch.addFailure(at + 1, { kind: "other", message });
  }
  batch.end();
  assert.equal(batch.missing, 0);
  const answer = batch.answer(answerFrom);
  assert.ok(answer.kind === "answered");
  const [refused, ...failed] = answer.results;
  assert.deepEqual(refused, {
    ok: true,
    answer: { kind: "look-up", result: { kind: "refused", why: "No route to host" } },
  });
  assert.deepEqual(failed.map(({ ok }) => ok), [false, false]);
});

Deno.test("Batch accepts no failure of a line before the last one, after the end, or not sent", () => {
  const batch = batchOf([ADDITION, ADDITION, ADDITION], 5);
  for (const number of [-1, 0, 4, 8, 9, NaN, Infinity]) {
    assert.ok(!batch.canFail(number), String(number));
  }
  batch.addFailure(6, { kind: "exists", message: "File exists" });
  assert.ok(!batch.canFail(5));
  assert.ok(batch.canFail(7));
  batch.end();
  assert.ok(!batch.canFail(7));
});

Deno.test("Batch counts missing and surplus lines of JSON", () => {
  const batch = batchOf([LINK, ADDITION, LINK]);
  assert.equal(batch.missing, 2);
  batch.addFailure(1, { kind: "no-device", message: "" });
  assert.equal(batch.missing, 1);
  assert.ok(batch.addJson("[]"));
  assert.equal(batch.missing, 0);
  assert.ok(batch.addJson("[]"));
  assert.equal(batch.missing, -1);
  assert.ok(!batch.addJson("[]"));
});

Deno.test("Batch returns the first fault that a read finds", () => {
  const batch = batchOf([LINK, LINK]);
  batch.addJson("a");
  batch.addJson("b");
  batch.end();
  const fault = { kind: "violation", why: "ip answered about another device" } as const;
  assert.deepEqual(
    batch.answer((command, json) => json === "b" ? fault : answerFrom(command, json)),
    fault,
  );
});
