/**
 * @alone
 */
import assert from "node:assert/strict";
import { AuditLog } from "../../src/dataplane/audit_log.ts";
import type { Operation } from "../../src/dataplane/dataplane.ts";
import { Iproute2Dataplane } from "../../src/dataplane/iproute2/adapter.ts";
import {
  CAUSE,
  cidr,
  device,
  found,
  ipChildren,
  makeGround,
} from "../support/fixtures.ts";
import { bounded } from "../support/suite.ts";

const MUTATIONS = bounded(100_000, 7_000);
/** Reading /proc is slow; a process is replaced after six times as many. */
const LOOK_EVERY = 500;
/** After so many mutations a process is replaced. */
const PROCESS_MUTATIONS = 3_000;
/** After so many its replacement is started. */
const REPLACEMENT_AT = 2_400;

/** After which mutations another `ip` is started or ended beside it, by turns. */
function isBystanders(position: number): boolean {
  return position % 300 === 0 && position > 0 && position < REPLACEMENT_AT - 300;
}

const RSS_LIMIT_KB = 32 * 1024;
const WAIT_LIMIT_MS = 10;
/** So many calls in a row feel one start of an `ip`, or one change-over, at most. */
const STRETCH = 50;

const destination = cidr("10.42.2.0/24");
const through = device("vxlan100");

/** As many successful mutations as asked, by turns adding and deleting one route. */
function mutations(count: number): readonly Operation[] {
  return Array.from({ length: count }, (_, index): Operation => ({
    command: index % 2 === 0
      ? { kind: "add-route", route: { destination, device: through } }
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
    // It has just exited after its replacement.
    return 0;
  }
}

async function mutate(
  dataplane: Iproute2Dataplane,
  operations: readonly Operation[],
): Promise<void> {
  const reply = await dataplane.run(operations);
  assert.ok(reply.kind === "answered" && reply.results.every(({ ok }) => ok));
}

/** Starts an `ip` that has nothing to do with the dataplane, and ends it, again and again. */
class Bystander implements AsyncDisposable {
  #child: Deno.ChildProcess | undefined;
  readonly #ended: Promise<unknown>[] = [];

  meddle(): void {
    if (this.#child === undefined) {
      const command = new Deno.Command("ip", {
        args: ["-batch", "-"],
        stdin: "piped",
        stdout: "null",
        stderr: "null",
      });
      this.#child = command.spawn();
    } else {
      this.#ended.push(this.#child.stdin.close(), this.#child.status);
      this.#child = undefined;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child !== undefined) this.meddle();
    await Promise.all(this.#ended);
  }
}

/** The longest wait of each stretch of calls, by what happened in it. */
class Waits {
  /** The replacement was started, or took over. */
  readonly changeOver: number[] = [];
  /** The bystander was started, or ended: what that costs, the machine takes. */
  readonly bystander: number[] = [];
  #longest = 0;

  add(position: number, ms: number): void {
    this.#longest = Math.max(this.#longest, ms);
    if (position % STRETCH !== STRETCH - 1) return;
    const from = position - STRETCH + 1;
    if (from === REPLACEMENT_AT || from === 0) this.changeOver.push(this.#longest);
    if (isBystanders(from)) this.bystander.push(this.#longest);
    this.#longest = 0;
  }
}

function assertUnnoticed({ bystander, changeOver }: Waits): void {
  const slow = (all: readonly number[]) => all.filter((ms) => ms > WAIT_LIMIT_MS);
  const expected = slow(bystander).length * changeOver.length / bystander.length;
  // One short stall of the machine, and the stalls of a busy machine, with a margin.
  const allowed = 1 + 2 * expected + 3 * Math.sqrt(expected);
  const shown = slow(changeOver).map(Math.round).join(" ");
  assert.ok(
    slow(changeOver).length <= allowed,
    `of ${changeOver.length} waits ${shown} ms, where ${allowed} may be that long`,
  );
}

Deno.test(`Dataplane replaces ip over ${MUTATIONS} mutations: none grows beyond 32 MB, at most four run, and no call waits 10 ms for it`, async () => {
  await using _ground = await makeGround("vxlan100");
  const dataplane = new Iproute2Dataplane(new AuditLog(SINK));
  await using _open = { [Symbol.asyncDispose]: () => dataplane.close() };
  await using bystander = new Bystander();
  const single = mutations(2).map((operation) => [operation]);
  const waits = new Waits();
  const processes = new Set<number>();
  let largest = 0;
  for (let at = 0; at < MUTATIONS; at += 1) {
    // The replacement is started at the end of the call before.
    const position = (at + 1) % PROCESS_MUTATIONS;
    const from = performance.now();
    if (isBystanders(position)) bystander.meddle();
    await mutate(dataplane, single[at % 2] ?? []);
    // The first `ip` of all is no change-over.
    if (at >= STRETCH) waits.add(position, performance.now() - from);
    if (at % LOOK_EVERY !== 0) continue;
    const living = ipChildren();
    for (const pid of living) {
      processes.add(pid);
      largest = Math.max(largest, residentKb(pid));
    }
    // The current one, its replacement, and two that are exiting.
    assert.ok(living.length <= 4, `${living.length} at once`);
  }
  assert.ok(largest > 1_000, "some process was measured");
  assert.ok(largest <= RSS_LIMIT_KB, `one grew to ${largest} kB`);
  const expected = MUTATIONS / PROCESS_MUTATIONS;
  assert.ok(processes.size >= expected, `${processes.size} processes`);
  assert.ok(processes.size <= expected + 4, `${processes.size} processes`);
  assertUnnoticed(waits);
});
