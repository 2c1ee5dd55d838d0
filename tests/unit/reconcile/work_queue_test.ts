import assert from "node:assert/strict";
import fc from "fast-check";
import type { AnyKey } from "../../../src/reconcile/reconciler.ts";
import { WorkQueue } from "../../../src/reconcile/work_queue.ts";

/** A call's key, about a destination. */
interface TestKey extends AnyKey {
  readonly subject: string;
}

/** A key that is done as soon as its batch begins; with `answered` it tells when. */
function keyOf(host: number, answered: () => void = () => {}): TestKey {
  const begin = () => void answered();
  return { subject: `10.${42 + Math.floor(host / 256)}.${host % 256}.0/24`, begin };
}

function push(queue: WorkQueue, key: TestKey): void {
  queue.push(key.subject, key);
}

/** What the reconciler does with a batch of these. */
function answerAll(keys: readonly AnyKey[]): void {
  for (const key of keys) key.begin();
}

/** Waits so many turns of the microtask queue; beyond nine, of the event loop. */
async function turns(count: number): Promise<void> {
  if (count > 9) {
    const { promise, resolve } = Promise.withResolvers<void>();
    setTimeout(resolve, 0);
    return await promise;
  }
  for (let turn = 0; turn < count; turn += 1) await Promise.resolve();
}

Deno.test("WorkQueue puts keys of distinct subjects that arrive together into one batch", async () => {
  const batches: number[] = [];
  const queue = new WorkQueue((keys) => {
    batches.push(keys.length);
    answerAll(keys);
    return Promise.resolve();
  });
  for (let host = 0; host < 100; host += 1) push(queue, keyOf(host));
  await queue.close();
  assert.deepEqual(batches, [100]);
});

Deno.test("WorkQueue lets a second key of a subject wait for the first, and all keys behind it", async () => {
  const batches: (readonly AnyKey[])[] = [];
  const queue = new WorkQueue((keys) => {
    batches.push(keys);
    answerAll(keys);
    return Promise.resolve();
  });
  const [first, second, again, last] = [keyOf(1), keyOf(2), keyOf(1), keyOf(3)];
  for (const each of [first, second, again, last]) push(queue, each);
  await queue.close();
  assert.deepEqual(batches, [[first, second], [again, last]]);
});

Deno.test("WorkQueue.alone runs nothing beside its work", async () => {
  const seen: string[] = [];
  const queue = new WorkQueue(async (keys) => {
    seen.push(`keys ${keys.length}`);
    await turns(10);
    seen.push("keys end");
    answerAll(keys);
  });
  push(queue, keyOf(1));
  const alone = queue.alone(async () => {
    seen.push("alone");
    await turns(10);
    seen.push("alone end");
    return 7;
  });
  push(queue, keyOf(2));
  assert.equal(await alone, 7);
  await queue.close();
  const batch = ["keys 1", "keys end"];
  assert.deepEqual(seen, [...batch, "alone", "alone end", ...batch]);
});

Deno.test("WorkQueue.alone may admit the calls that wait, but none from behind other work that runs alone", async () => {
  const seen: string[] = [];
  const queue = new WorkQueue((keys) => {
    seen.push(`keys ${keys.length}`);
    answerAll(keys);
    return Promise.resolve();
  });
  const long = queue.alone(async (calls) => {
    assert.equal(calls.waiting, false);
    await calls.admit();
    seen.push("nothing waits");
    for (const host of [1, 2, 1]) push(queue, keyOf(host));
    const behind = queue.alone(() => Promise.resolve(void seen.push("behind")));
    push(queue, keyOf(3));
    while (calls.waiting) {
      await calls.admit();
      seen.push("admitted");
    }
    return { behind };
  });
  await (await long).behind;
  await queue.close();
  const twice = ["keys 2", "admitted", "keys 1", "admitted"];
  assert.deepEqual(seen, ["nothing waits", ...twice, "behind", "keys 1"]);
});

Deno.test("WorkQueue.alone learns when a call waits that it may admit, and of none behind other work that runs alone", async () => {
  const seen: string[] = [];
  const queue = new WorkQueue((keys) => Promise.resolve(answerAll(keys)));
  const gate = Promise.withResolvers<void>();
  const first = queue.alone(async (calls) => {
    void calls.arrived().then(() => seen.push("arrived"));
    await turns(10);
    seen.push("nothing yet");
    push(queue, keyOf(1));
    await turns(10);
    await calls.admit();
    void calls.arrived().then(() => seen.push("from behind other work"));
    const second = queue.alone(() => Promise.resolve());
    push(queue, keyOf(2));
    await turns(10);
    gate.resolve();
    return { second };
  });
  await gate.promise;
  await (await first).second;
  await queue.close();
  assert.deepEqual(seen, ["nothing yet", "arrived"]);
});

Deno.test("WorkQueue lets calls overtake a repair that waits", async () => {
  const seen: string[] = [];
  const queue = new WorkQueue(async (keys) => {
    seen.push(`keys ${keys.length}`);
    await turns(10);
    answerAll(keys);
  });
  push(queue, keyOf(1));
  const repaired = queue.repair(() => Promise.resolve(void seen.push("repair")));
  push(queue, keyOf(2));
  const alone = queue.alone(() => Promise.resolve(void seen.push("alone")));
  push(queue, keyOf(3));
  await Promise.all([repaired, alone]);
  await queue.close();
  assert.deepEqual(seen, ["keys 2", "repair", "alone", "keys 1"]);
});

Deno.test("WorkQueue goes on after work that runs alone and fails", async () => {
  const queue = new WorkQueue((keys) => Promise.resolve(answerAll(keys)));
  const failing = queue.alone(() => Promise.reject(new Error("as the test wants")));
  const { promise, resolve } = Promise.withResolvers<void>();
  push(queue, keyOf(1, resolve));
  await assert.rejects(failing, /as the test wants/);
  await promise;
});

Deno.test("WorkQueue refuses calls while 1024 wait, and takes them again afterwards", async () => {
  const gate = Promise.withResolvers<void>();
  const queue = new WorkQueue(async (keys) => {
    await gate.promise;
    answerAll(keys);
  });
  let pushed = 0;
  while (queue.refusal() === undefined && pushed < 10_000) {
    push(queue, keyOf(pushed % 500));
    pushed += 1;
  }
  assert.deepEqual(queue.refusal(), { kind: "queue-full" });
  assert.equal(pushed, 1024);
  gate.resolve();
  await queue.alone(() => Promise.resolve());
  assert.equal(queue.refusal(), undefined);
});

Deno.test("WorkQueue.close refuses calls, and reconciles every key that was pushed before", async () => {
  let answered = 0;
  const queue = new WorkQueue(async (keys) => {
    await turns(10);
    answerAll(keys);
  });
  for (let host = 0; host < 300; host += 1) {
    push(queue, keyOf(host % 7, () => void (answered += 1)));
  }
  const closed = queue.close();
  assert.deepEqual(queue.refusal(), { kind: "shutting-down" });
  await closed;
  assert.equal(answered, 300);
});

interface Act {
  readonly kind: "push" | "alone";
  readonly host: number;
  /** Turns before the next act, or before the answers of this one's batch. */
  readonly turns: number;
  readonly batchTurns: number;
}

const act = fc.record<Act>({
  kind: fc.constantFrom("push", "push", "push", "alone"),
  host: fc.nat({ max: 5 }),
  turns: fc.nat({ max: 12 }),
  batchTurns: fc.nat({ max: 12 }),
});

Deno.test("WorkQueue reconciles each key once, in the order of arrival, whenever it arrives", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 40, size: "max" }), async (acts) => {
      const carried: number[] = [];
      const order = new Map<AnyKey, number>();
      const subjectOf = new Map<AnyKey, string>();
      let batch = 0;
      const queue = new WorkQueue(async (keys) => {
        const subjects = new Set(keys.map((key) => subjectOf.get(key)));
        assert.equal(subjects.size, keys.length, "one key a destination");
        await turns(acts[batch++ % acts.length]?.batchTurns ?? 0);
        for (const key of keys) {
          carried.push(order.get(key) ?? -1);
          key.begin();
        }
      });
      const answers: Promise<void>[] = [];
      for (const [index, { kind, host, turns: pause }] of acts.entries()) {
        if (kind === "alone") {
          answers.push(queue.alone(async () => {
            await turns(pause);
            carried.push(index);
          }));
        } else {
          const { promise, resolve } = Promise.withResolvers<void>();
          const pushed = keyOf(host, resolve);
          order.set(pushed, index);
          subjectOf.set(pushed, pushed.subject);
          push(queue, pushed);
          answers.push(promise);
        }
        await turns(pause);
      }
      await within(Promise.all(answers));
      // Nothing overtakes: the queue is one line, whatever the subjects.
      assert.deepEqual(carried, acts.map((_, index) => index));
    }),
    { numRuns: 400 },
  );
});

Deno.test("WorkQueue reconciles a key that is pushed in the very turn in which the queue runs empty", async () => {
  for (let pause = 0; pause < 12; pause += 1) {
    for (const batchTurns of [0, 1, 2, 3]) {
      const queue = new WorkQueue(async (keys) => {
        await turns(batchTurns);
        answerAll(keys);
      });
      const first = Promise.withResolvers<void>();
      push(queue, keyOf(1, first.resolve));
      await turns(pause);
      const second = Promise.withResolvers<void>();
      push(queue, keyOf(1, second.resolve));
      const third = Promise.withResolvers<void>();
      void second.promise.then(() => push(queue, keyOf(2, third.resolve)));
      await within(Promise.all([first.promise, second.promise, third.promise]));
    }
  }
});

/** A key that is never reconciled must fail the test, not hang it. */
async function within<Value>(answers: Promise<Value>): Promise<Value> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error("a key was never reconciled")),
    10_000,
  );
  try {
    return await Promise.race([answers, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

Deno.test("WorkQueue puts keys without a subject into one batch with any others", async () => {
  const batches: number[] = [];
  const queue = new WorkQueue((keys) => {
    batches.push(keys.length);
    return Promise.resolve();
  });
  for (let at = 0; at < 10; at += 1) {
    queue.push(undefined, keyOf(1));
    push(queue, keyOf(at));
  }
  await queue.close();
  assert.deepEqual(batches, [20]);
});

Deno.test("WorkQueue puts at most 128 keys into a batch", async () => {
  const batches: number[] = [];
  const queue = new WorkQueue((keys) => {
    batches.push(keys.length);
    return Promise.resolve();
  });
  for (let host = 0; host < 300; host += 1) push(queue, keyOf(host));
  await queue.close();
  assert.deepEqual(batches, [128, 128, 44]);
});
