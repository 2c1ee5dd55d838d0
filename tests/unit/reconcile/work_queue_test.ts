import assert from "node:assert/strict";
import fc from "fast-check";
import { type RouteJob, WorkQueue } from "../../../src/reconcile/work_queue.ts";
import { cidr, device } from "../../support/fixtures.ts";
import { caller } from "../../integration/node_harness.ts";

const CALL = caller("RemoveRoute");

/** A job whose answer tells in which batch it was carried out. */
function job(host: number, answered: () => void = () => {}): RouteJob {
  const destination = cidr(`10.${42 + Math.floor(host / 256)}.${host % 256}.0/24`);
  return host % 2 === 0
    ? { kind: "remove", destination, call: CALL, resolve: answered }
    : {
      kind: "inject",
      wanted: { destination, device: device("vxlan100") },
      call: CALL,
      resolve: answered,
    };
}

function answer(job: RouteJob): void {
  job.resolve({ kind: "caller-gone" });
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

Deno.test("jobs about distinct destinations that arrive together share a batch", async () => {
  const batches: number[] = [];
  const queue = new WorkQueue((jobs) => {
    batches.push(jobs.length);
    jobs.forEach(answer);
    return Promise.resolve();
  });
  for (let host = 0; host < 100; host += 1) queue.push(job(host));
  await queue.close();
  assert.deepEqual(batches, [100]);
});

Deno.test("a second job about a destination waits for the first, and all behind it wait", async () => {
  const batches: (readonly RouteJob[])[] = [];
  const queue = new WorkQueue((jobs) => {
    batches.push(jobs);
    jobs.forEach(answer);
    return Promise.resolve();
  });
  const [first, second, again, last] = [job(1), job(2), job(1), job(3)];
  for (const each of [first, second, again, last]) queue.push(each);
  await queue.close();
  assert.deepEqual(batches, [[first, second], [again, last]]);
});

Deno.test("a job that runs alone shares its time with no other", async () => {
  const seen: string[] = [];
  const queue = new WorkQueue(async (jobs) => {
    seen.push(`routes ${jobs.length}`);
    await turns(10);
    seen.push("routes end");
    jobs.forEach(answer);
  });
  queue.push(job(1));
  const alone = queue.alone(async () => {
    seen.push("alone");
    await turns(10);
    seen.push("alone end");
    return 7;
  });
  queue.push(job(2));
  assert.equal(await alone, 7);
  await queue.close();
  const routes = ["routes 1", "routes end"];
  assert.deepEqual(seen, [...routes, "alone", "alone end", ...routes]);
});

Deno.test("a job that runs alone may let the calls in that wait, but none that must not overtake", async () => {
  const seen: string[] = [];
  const queue = new WorkQueue((jobs) => {
    seen.push(`routes ${jobs.length}`);
    jobs.forEach(answer);
    return Promise.resolve();
  });
  const long = queue.alone(async (visitors) => {
    assert.equal(visitors.waiting, false);
    await visitors.admit();
    seen.push("nothing waits");
    for (const host of [1, 2, 1]) queue.push(job(host));
    const behind = queue.alone(() => Promise.resolve(void seen.push("behind")));
    queue.push(job(3));
    while (visitors.waiting) {
      await visitors.admit();
      seen.push("admitted");
    }
    return { behind };
  });
  await (await long).behind;
  await queue.close();
  const twice = ["routes 2", "admitted", "routes 1", "admitted"];
  assert.deepEqual(seen, ["nothing waits", ...twice, "behind", "routes 1"]);
});

Deno.test("calls overtake a repair that waits, and the repair is made after them", async () => {
  const seen: string[] = [];
  const queue = new WorkQueue(async (jobs) => {
    seen.push(`routes ${jobs.length}`);
    await turns(10);
    jobs.forEach(answer);
  });
  queue.push(job(1));
  const repaired = queue.repair(() => Promise.resolve(void seen.push("repair")));
  queue.push(job(2));
  const alone = queue.alone(() => Promise.resolve(void seen.push("alone")));
  queue.push(job(3));
  await Promise.all([repaired, alone]);
  await queue.close();
  assert.deepEqual(seen, ["routes 2", "repair", "alone", "routes 1"]);
});

Deno.test("a job that runs alone and fails does not stop the queue", async () => {
  const queue = new WorkQueue((jobs) => Promise.resolve(jobs.forEach(answer)));
  const failing = queue.alone(() => Promise.reject(new Error("as the test wants")));
  const { promise, resolve } = Promise.withResolvers<void>();
  queue.push(job(1, resolve));
  await assert.rejects(failing, /as the test wants/);
  await promise;
});

Deno.test("a full queue says so, and takes jobs again when it has worked", async () => {
  const gate = Promise.withResolvers<void>();
  const queue = new WorkQueue(async (jobs) => {
    await gate.promise;
    jobs.forEach(answer);
  });
  let pushed = 0;
  while (queue.refusal() === undefined && pushed < 10_000) {
    queue.push(job(pushed % 500));
    pushed += 1;
  }
  assert.deepEqual(queue.refusal(), { kind: "queue-full" });
  assert.equal(pushed, 1024);
  gate.resolve();
  await queue.alone(() => Promise.resolve());
  assert.equal(queue.refusal(), undefined);
});

Deno.test("a closing queue says so, and answers all that it had taken", async () => {
  let answered = 0;
  const queue = new WorkQueue(async (jobs) => {
    await turns(10);
    jobs.forEach(answer);
  });
  for (let host = 0; host < 300; host += 1) {
    queue.push(job(host % 7, () => void (answered += 1)));
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

Deno.test("whenever jobs arrive, each is carried out once, in the order of its destination", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 40 }), async (acts) => {
      const carried: number[] = [];
      const order = new Map<RouteJob, number>();
      let batch = 0;
      const queue = new WorkQueue(async (jobs) => {
        const destinations = jobs.map((each) =>
          each.kind === "inject" ? each.wanted.destination : each.destination
        );
        assert.equal(new Set(destinations).size, jobs.length, "one job a destination");
        await turns(acts[batch++ % acts.length]?.batchTurns ?? 0);
        for (const each of jobs) {
          carried.push(order.get(each) ?? -1);
          answer(each);
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
          const pushed = job(host, resolve);
          order.set(pushed, index);
          queue.push(pushed);
          answers.push(promise);
        }
        await turns(pause);
      }
      await within(Promise.all(answers));
      // Nobody overtakes: the queue is one line, whatever the destinations.
      assert.deepEqual(carried, acts.map((_, index) => index));
    }),
    { numRuns: 400 },
  );
});

Deno.test("a job pushed in the very turn in which the queue runs empty is carried out", async () => {
  for (let pause = 0; pause < 12; pause += 1) {
    for (const batchTurns of [0, 1, 2, 3]) {
      const queue = new WorkQueue(async (jobs) => {
        await turns(batchTurns);
        jobs.forEach(answer);
      });
      const first = Promise.withResolvers<void>();
      queue.push(job(1, first.resolve));
      await turns(pause);
      const second = Promise.withResolvers<void>();
      queue.push(job(1, second.resolve));
      const third = Promise.withResolvers<void>();
      void second.promise.then(() => queue.push(job(2, third.resolve)));
      await within(Promise.all([first.promise, second.promise, third.promise]));
    }
  }
});

/** A job without an answer must fail the test, not hang it. */
async function within<Value>(answers: Promise<Value>): Promise<Value> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error("a job was never run")), 10_000);
  try {
    return await Promise.race([answers, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
