/**
 * @long
 */
import assert from "node:assert/strict";
import { setTimeout as rest } from "node:timers/promises";
import { done, makeQuietNamespace } from "../e2e/host.ts";
import { peakKiB } from "../e2e/processes.ts";
import { connectClient } from "../support/client.ts";
import { holdSocket } from "../support/held_socket.ts";
import { print } from "../support/isolation.ts";
import { addVxlan } from "../support/namespace.ts";
import { startSidecar } from "../support/sidecar.ts";
import { fullTest } from "../support/suite.ts";
import { until } from "../support/wait.ts";

/** Some 6,000 connections are let in within a minute; it is ended when they are. */
const FLOOD_SECONDS = 300;
const MOST_MB = 448;
const ROUTE = "10.42.2.0/24";

fullTest(
  "6,000 connections on an activated socket end in a hand-over with 75: no call is lost, every route stays, and memory stays within the unit's MemoryMax",
  async () => {
    await using namespace = await makeQuietNamespace();
    await addVxlan(namespace);
    using socket = holdSocket(namespace, { port: 50051 });
    const { launcher } = socket;
    const start = () =>
      startSidecar(namespace, {
        launcher,
        options: ["--grpc-addr", "fd:3", "--remove-routes-on-exit"],
      });
    await using first = await start();
    await using client = await connectClient(namespace);
    assert.deepEqual(await client.injectRoute(ROUTE, "vxlan100"), done);

    let isOver = false;
    let calls = 0;
    const call = async (): Promise<void> => {
      for (; !isOver; calls += 1) {
        const destination = `10.42.${3 + calls % 200}.0/24`;
        assert.deepEqual(await client.injectRoute(destination, "vxlan100"), done);
        await rest(50);
      }
    };
    const calling = call();
    const program = new URL("frame_flood_main.ts", import.meta.url).pathname;
    const words = ["connections", "50051", `${FLOOD_SECONDS}`, "64"];
    const flood = namespace.command(
      [Deno.execPath(), "run", "--allow-net", program, ...words],
      { stdin: "null", stdout: "null", stderr: "null" },
    ).spawn();
    let peak = 0;
    const watch = setInterval(() => peak = Math.max(peak, peakOf(first.pid)), 100);
    const { code } = await first.status;
    clearInterval(watch);
    assert.equal(code, 75, first.log.join("\n"));
    assert.match(
      first.log.join("\n"),
      /INFO: Handing over to a new process after 6000 /,
    );
    const between = await namespace.ip("route show table main proto 142");
    assert.ok(between.includes(ROUTE), between);

    await using second = await start();
    const callsBefore = calls;
    await until(() => calls > callsBefore + 50, {
      what: "calls to the second, during the flood",
      deadlineMs: 60_000,
    });
    flood.kill("SIGKILL");
    await flood.status;
    isOver = true;
    await calling;
    assert.deepEqual(await client.injectRoute(ROUTE, "vxlan100"), done);
    await print(
      `  6,000 connections: RSS peak ${peak} MB, ${calls} calls of the agent`,
    );
    assert.ok(peak <= MOST_MB, `${peak} MB`);
    second.kill("SIGTERM");
    assert.equal((await second.status).code, 0);
    // What was asked for holds for an end that is one.
    assert.equal(await namespace.ip("route show table main proto 142"), "");
  },
);

/** In MB; what it was last when it has ended. */
function peakOf(pid: number): number {
  try {
    return Math.round(peakKiB(pid) / 1_024);
  } catch {
    return 0;
  }
}
