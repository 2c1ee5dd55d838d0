import assert from "node:assert/strict";
import { lanes } from "../support/lanes.ts";
import type { Sidecar } from "../support/sidecar.ts";
import { until } from "../support/wait.ts";
import { done, fib, type Host, messagesSoFar, openHost } from "../e2e/host.ts";
import { processorSeconds } from "../e2e/processes.ts";
import { slowness } from "../support/slowness.ts";
import { bounded, partOf } from "../support/suite.ts";

const TO = "10.42.2.0/24";
const SECONDS = bounded(10, 3);

/** Of one core, all processes of the sidecar together. */
const CPU_SHARE = 0.2;

/** Log lines that one contention may cost, from its first repair to its end. */
const LINES = 20;

/** What another process does, and the log lines at the start and the end. */
interface Contention {
  readonly what: string;
  /** A shell command that never ends by itself. */
  readonly loop: string;
  readonly begun: RegExp;
  readonly over: RegExp;
}

const CONTENDED = {
  begun: /WARN: Another process keeps changing our routes; .*: 10\.42\.2\.0\/24$/,
  over: /INFO: No other process changes our routes any more: 10\.42\.2\.0\/24$/,
};

const FLAPPING = {
  begun:
    /WARN: Links keep going up and down, and the kernel deletes our routes each time: vxlan100$/,
  over: /INFO: Links are stable again: vxlan100$/,
};

/** Feeds a line to one `ip`, again and again without a pause. */
function repeated(line: string): string {
  return `yes '${line}' | ip -force -batch -`;
}

const CONTENTIONS: readonly Contention[] = [
  {
    what: "deleted",
    loop: repeated(`route del ${TO}`),
    ...CONTENDED,
  },
  {
    what: "replaced",
    loop: repeated(`route replace ${TO} dev other proto static`),
    ...CONTENDED,
  },
  {
    what: "lost with its link",
    // As long up as down: without the pauses most observations would find it down.
    loop: "while :; do ip link set vxlan100 down; sleep 0.02; " +
      "ip link set vxlan100 up; sleep 0.02; done",
    ...FLAPPING,
  },
];

/** Runs a loop for its time, then ends all of it. */
async function run({ namespace }: Host, loop: string): Promise<void> {
  const { status } = namespace.command(["timeout", String(SECONDS), "sh", "-c", loop], {
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  await status;
}

/** Lines of the log from the one with this number on. */
function since(sidecar: Sidecar, known: number): readonly string[] {
  return messagesSoFar(sidecar).slice(known);
}

async function contend({ begun, loop, over, what }: Contention): Promise<void> {
  await using host = await openHost({
    before: ["link add other type veth peer name otherpeer", "link set other up"],
  });
  const { client, namespace, sidecar } = host;
  for (const to of [TO, "10.42.3.0/24"]) {
    assert.deepEqual(await client.injectRoute(to, "vxlan100"), done);
  }
  await sidecar.logged(/Successfully injected route: 10\.42\.3\.0\/24/);
  const known = messagesSoFar(sidecar).length;
  const before = processorSeconds(sidecar.pid);
  const started = performance.now();
  await run(host, loop);
  const share = (processorSeconds(sidecar.pid) - before) * 1000 /
    (performance.now() - started);
  // The loop may have been cut off while it was down.
  await namespace.ip("link set vxlan100 up");
  await until(() => fib(sidecar.pid).get(TO) === "vxlan100", {
    deadlineMs: 1_000 * await slowness(),
    what: `the route once it is no longer ${what}`,
  });
  await sidecar.logged(over, 10_000);
  const logged = since(sidecar, known);
  const shown = `${what}, ${Math.round(share * 100)} % CPU:\n${logged.join("\n")}`;
  assert.ok(share < CPU_SHARE, shown);
  assert.ok(logged.length < LINES, shown);
  for (const once of [begun, over]) {
    assert.equal(logged.filter((line) => once.test(line)).length, 1, shown);
  }
  assert.deepEqual([...fib(sidecar.pid).values()], ["vxlan100", "vxlan100"]);
}

/** Tries a second time, because the rest of the machine may disturb one run. */
async function contendTwiceAtMost(what: Contention): Promise<void> {
  try {
    await contend(what);
  } catch {
    await contend(what);
  }
}

Deno.test(`the repair of a route that is deleted, replaced or flapping in a tight loop for ${SECONDS} s costs little CPU and few log lines, and is complete within a second of its end`, async () => {
  // Each on a host of its own, concurrently.
  await lanes(partOf(CONTENTIONS, 1).map(contendTwiceAtMost));
});
