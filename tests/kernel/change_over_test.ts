import assert from "node:assert/strict";
import { AuditTrail } from "../../src/kernel/audit.ts";
import { type Errand, KernelDoor } from "../../src/kernel/door.ts";
import { CAUSE, cidr, device, found, ipChildren, makeGround } from "./ground.ts";

const MUTATIONS = 100_000;
const GROUP = 100;
/** From 80 % of its 3,000 mutations on a process may give way to its successor. */
const PROCESS_MUTATIONS = 3_000;

const RSS_LIMIT_KB = 32 * 1024;
const WAIT_LIMIT_MS = 10;
/**
 * What the change-over costs, it costs at the same calls each time; what the rest of the
 * machine costs, at any.
 */
const CHANGE_OVERS = 5;

const destination = cidr("10.42.2.0/24");
const through = device("vxlan100");

/** As many successful mutations as asked, by turns adding and deleting one route. */
function mutations(count: number): readonly Errand[] {
  return Array.from({ length: count }, (_, index): Errand => ({
    command: index % 2 === 0
      ? { kind: "add-route", destination, device: through }
      : { kind: "delete-route", route: found(destination, { device: through }) },
    cause: CAUSE,
  }));
}

const SINK = { write: () => {}, dropped: 0, flush: () => Promise.resolve() };

function residentKb(pid: number): number {
  try {
    const status = Deno.readTextFileSync(`/proc/${pid}/status`);
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
  } catch {
    // It has given way to its successor this very moment.
    return 0;
  }
}

async function mutate(door: KernelDoor, errands: readonly Errand[]): Promise<number> {
  const started = performance.now();
  const reply = await door.exchange(errands);
  const took = performance.now() - started;
  assert.ok(reply.kind === "answered" && reply.results.every(({ ok }) => ok));
  return took;
}

Deno.test("over 100,000 mutations no ip grows beyond 32 MB, and never do more than three live at once", async () => {
  await using _ground = await makeGround("vxlan100");
  const door = new KernelDoor(new AuditTrail(SINK));
  await using _door = { [Symbol.asyncDispose]: () => door.close() };
  const errands = mutations(GROUP);
  const processes = new Set<number>();
  let largest = 0;
  for (let done = 0; done < MUTATIONS; done += GROUP) {
    await mutate(door, errands);
    // Looking through /proc is slow; a process lives for 30 groups.
    if (done % (5 * GROUP) !== 0) continue;
    const living = ipChildren();
    for (const pid of living) {
      processes.add(pid);
      largest = Math.max(largest, residentKb(pid));
    }
    // One at work, its successor, and one that is just ending.
    assert.ok(living.length <= 3, `${living.length} at once`);
  }
  assert.ok(largest > 1_000, "some process was measured");
  assert.ok(largest <= RSS_LIMIT_KB, `one grew to ${largest} kB`);
  const expected = MUTATIONS / PROCESS_MUTATIONS;
  assert.ok(processes.size >= expected, `${processes.size} processes`);
  assert.ok(processes.size <= expected + 2, `${processes.size} processes`);
});

/** Milliseconds of each call from one change-over to the next, the shortest of all times. */
async function shortestWaits(door: KernelDoor): Promise<readonly number[]> {
  const single = mutations(2).map((errand) => [errand]);
  const shortest = Array.from({ length: PROCESS_MUTATIONS }, () => Infinity);
  for (let changeOver = 0; changeOver < CHANGE_OVERS; changeOver += 1) {
    // Singly all the way: the successor's start must not be felt either.
    for (let at = 0; at < PROCESS_MUTATIONS; at += 1) {
      const took = await mutate(door, single[at % 2] ?? []);
      shortest[at] = Math.min(shortest[at] ?? Infinity, took);
    }
  }
  return shortest;
}

Deno.test("no call waits longer than 10 ms for the change-over to a fresh ip", async () => {
  await using _ground = await makeGround("vxlan100");
  const door = new KernelDoor(new AuditTrail(SINK));
  await using _door = { [Symbol.asyncDispose]: () => door.close() };
  await mutate(door, mutations(2));
  const first = ipChildren();
  const longest = Math.max(...await shortestWaits(door));
  assert.ok(!ipChildren().some((pid) => first.includes(pid)), "it did change over");
  assert.ok(longest <= WAIT_LIMIT_MS, `a call took ${longest} ms each time`);
});
