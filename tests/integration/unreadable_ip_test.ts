import assert from "node:assert/strict";
import { AuditLog } from "../../src/dataplane/audit_log.ts";
import type { Operation } from "../../src/dataplane/dataplane.ts";
import { Iproute2Dataplane } from "../../src/dataplane/iproute2/adapter.ts";
import { watchKernel } from "../../src/dataplane/iproute2/monitor.ts";
import { until } from "../support/wait.ts";
import { collectAuditLog, device, makeGround } from "../support/fixtures.ts";
import { runToEnd } from "../support/namespace.ts";
import { openNodeUnderTest } from "./node_harness.ts";
import { partOf } from "../support/suite.ts";

const READ: readonly Operation[] = [{
  command: { kind: "link", device: device("lo") },
}];

/** Puts a shell script in the place of `ip` until it is disposed. */
function replaceIp(script: string): Disposable {
  const path = Deno.env.get("PATH") ?? "";
  const directory = Deno.makeTempDirSync({ prefix: "no-ip-" });
  const text = `#!/bin/sh\nexport PATH='${path}'\n${script}\n`;
  Deno.writeTextFileSync(`${directory}/ip`, text, { mode: 0o755 });
  Deno.env.set("PATH", `${directory}:${path}`);
  return {
    [Symbol.dispose]: () => {
      Deno.env.set("PATH", path);
      Deno.removeSync(directory, { recursive: true });
    },
  };
}

for (
  const [what, script] of partOf(
    [
      ["one line without end", "exec tr '\\0' x </dev/zero"],
      ["error messages without end", "exec yes 'RTNETLINK answers: File exists' >&2"],
      ["nothing and exits", "exit 0"],
      ["lines without end", "exec yes"],
      ["JSON lines without end", "exec yes '[]'"],
      ["one line without end to stderr", "exec tr '\\0' x </dev/zero >&2"],
      ["lines without end to stderr", "exec yes >&2"],
      ["a character now and then", "while :; do printf x; sleep 0.05; done"],
      ["random bytes", "exec cat /dev/urandom"],
      ["random bytes to stderr", "exec cat /dev/urandom >&2"],
    ] as const,
    3,
  )
) {
  Deno.test(`Dataplane loses a batch in bounded time and memory if ip writes ${what}`, async () => {
    using _replaced = replaceIp(script);
    const dataplane = new Iproute2Dataplane(new AuditLog(collectAuditLog()), {
      deadlineMs: 300,
    });
    await using _open = { [Symbol.asyncDispose]: () => dataplane.close() };
    const before = Deno.memoryUsage().rss;
    const began = performance.now();
    assert.equal((await dataplane.run(READ)).kind, "lost");
    assert.ok(performance.now() - began < 20_000);
    assert.ok(Deno.memoryUsage().rss - before < 400 * 1024 * 1024);
  });
}

Deno.test("watchKernel reports lost events for an event without end, and accepts the next one", async () => {
  using _replaced = replaceIp(
    "head -c 1000000 /dev/zero | tr '\\0' x; echo; echo '7: v1: <UP>'; sleep 60",
  );
  const seen: string[] = [];
  const monitor = watchKernel((event) => void seen.push(event.kind));
  await until(() => seen.includes("link"), { what: "the next event" });
  monitor.close();
  assert.deepEqual(seen, ["events-lost", "link"]);
});

/** Bytes that the kernel accepts in a name, but JSON or a terminal does not. */
const NAMES = [
  "a\\001b",
  "\\033[2J",
  "\\177",
  'quo"te',
  "a'b",
  "back\\\\",
  "\\377\\376",
  "#x",
  "-batch",
];

Deno.test("Node starts and serves beside devices of any name with routes of ours through them", async () => {
  await using _ground = await makeGround("vxlan100");
  for (const [at, name] of NAMES.entries()) {
    const made = await runToEnd([
      "bash",
      "-c",
      `n="$(printf -- '${name.replace("'", "'\\''")}')"
      ip link add name "$n" type ifb && ip link set dev "$n" up &&
      ip route add 10.42.${100 + at}.0/24 dev "$n" proto 142 &&
      ip route add 10.42.${100 + at}.0/24 dev "$n" proto static metric 7`,
    ]);
    assert.equal(made.code, 0, `${name}: ${made.stderr}`);
  }
  try {
    for (let start = 0; start < 2; start += 1) {
      await using node = await openNodeUnderTest({ resyncMs: 300 });
      const octet = 2 + start;
      assert.equal(await node.inject(`10.42.${octet}.0/24`), "added");
      assert.equal(await node.inject(`10.42.${octet}.0/24`), "unchanged");
      await new Promise((resolve) => setTimeout(resolve, 1500));
      assert.ok(
        node.log.every((line) => !line.includes("resync")),
        node.log.join("\n"),
      );
      // Also where such a device is in the way.
      for (const at of NAMES.keys()) {
        const to = `10.42.${100 + at}.0/24`;
        if (at % 2 === start) assert.equal(await node.remove(to), "removed");
        else assert.equal(await node.inject(to), "added");
      }
    }
  } finally {
    await runToEnd([
      "bash",
      "-c",
      `for d in /sys/class/net/*; do
      [ "$(cat "$d/type")" = 1 ] || continue; done
      ip -o link show type ifb | sed -E 's/^([0-9]+):.*/\\1/' | while read -r i; do
      for d in /sys/class/net/*; do [ "$(cat "$d/ifindex")" = "$i" ] &&
      ip link delete dev "\${d##*/}"; done; done; true`,
    ]);
  }
});
