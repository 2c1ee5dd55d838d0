import assert from "node:assert/strict";
import { AuditLog } from "../../src/dataplane/audit_log.ts";
import type {
  BatchResult,
  KernelEvent,
  Operation,
} from "../../src/dataplane/dataplane.ts";
import { Iproute2Dataplane } from "../../src/dataplane/iproute2/adapter.ts";
import { watchKernel } from "../../src/dataplane/iproute2/monitor.ts";
import { WarningLog } from "../../src/dataplane/iproute2/logs.ts";
import { until } from "../support/wait.ts";
import {
  CAUSE,
  cidr,
  collectAuditLog,
  device,
  ip,
  makeGround,
} from "../support/fixtures.ts";
import { openNodeUnderTest } from "./node_harness.ts";
import { installOddIp } from "./odd_ip.ts";

const TO = cidr("10.42.2.0/24");
const THROUGH = device("vxlan100");

/** Lines of other programs and libraries; some contain messages that `ip` has as well. */
const WARNINGS = [
  "Database /etc/iproute2/rt_tables is corrupted at 200",
  "ERROR: ld.so: object '/x.so' from /etc/ld.so.preload cannot be preloaded " +
  "(cannot open shared object file): ignored.",
  "libbpf: Failed to bump RLIMIT_MEMLOCK (err = -1), you may need to do it explicitly!",
  "libquilt: warning: File exists",
  "warning: No such device, Network is unreachable, Operation not permitted",
  "Warning: a kernel that is kind enough to warn",
  "Picked up _JAVA_OPTIONS: -Xmx512m",
];

interface OpenDataplane extends AsyncDisposable {
  readonly dataplane: Iproute2Dataplane;
  readonly warnings: readonly string[];
}

function openDataplane(): OpenDataplane {
  const warnings: string[] = [];
  const onWarning = (warning: string) => void warnings.push(warning);
  const dataplane = new Iproute2Dataplane(new AuditLog(collectAuditLog()), {
    onWarning,
  });
  return { dataplane, warnings, [Symbol.asyncDispose]: () => dataplane.close() };
}

const DELETION: Operation = {
  command: {
    kind: "delete-entry",
    entry: { table: 142, type: "unreachable", prefix: TO, metric: 142, payload: [] },
  },
  cause: CAUSE,
};
const ADDITION: Operation = {
  command: { kind: "add-route", route: { destination: TO, device: THROUGH } },
  cause: CAUSE,
};
const LINK: Operation = { command: { kind: "link", device: THROUGH } };

function kindsOf(reply: BatchResult): readonly unknown[] {
  return reply.kind === "answered"
    ? reply.results.map((result) => result.ok || result.failure.kind)
    : [reply];
}

Deno.test("Dataplane gives the same results beside a warning in front of each command", async () => {
  await using _ground = await makeGround("vxlan100");
  await ip("route add blackhole 10.9.9.9/32 table 142");
  using odd = installOddIp();
  for (const text of WARNINGS) {
    odd.obey([{ on: "^(link|route)", does: "warn", text }]);
    await using open = openDataplane();
    const { dataplane } = open;
    const reply = await dataplane.run([LINK, ADDITION, ADDITION, DELETION, LINK]);
    assert.deepEqual(kindsOf(reply), [true, true, "exists", "absent", true], text);
    assert.equal(
      reply.kind === "answered" && failureOf(reply, 2),
      "RTNETLINK answers: File exists",
    );
    assert.deepEqual(new Set(open.warnings), new Set([text]));
    odd.obey([]);
    await ip(`route del ${TO}`);
  }
  await ip("route del blackhole 10.9.9.9/32 table 142");
});

function failureOf(reply: BatchResult, index: number): string | undefined {
  const result = reply.kind === "answered" ? reply.results[index] : undefined;
  return result?.ok === false ? result.failure.message : undefined;
}

for (
  const text of [
    "Dump was interrupted and may be inconsistent.",
    "netlink receive error No buffer space available (105)",
    "Message truncated",
    "!!!Remnant of size 12",
    "RTNETLINK answers: Invalid argument",
  ]
) {
  Deno.test(`Dataplane loses a batch beside "${text}"`, async () => {
    await using _ground = await makeGround("vxlan100");
    using odd = installOddIp();
    await using open = openDataplane();
    odd.obey([{ on: "^link", does: "warn", text }]);
    assert.deepEqual(await open.dataplane.run([LINK]), { kind: "lost", why: text });
    // Also if another command fails after it.
    const reply = await open.dataplane.run([LINK, DELETION]);
    assert.deepEqual(reply, { kind: "lost", why: text });
    odd.obey([]);
    assert.deepEqual(kindsOf(await open.dataplane.run([LINK])), [true]);
  });
}

Deno.test("Node starts, serves and resyncs beside warnings, and logs each once", async () => {
  await using _ground = await makeGround("vxlan100");
  using odd = installOddIp();
  odd.obey([{ on: ".", does: "warn", text: "libquilt[4711]: warning: File exists" }]);
  const faults: unknown[] = [];
  await using node = await openNodeUnderTest({
    resyncMs: 1000,
    onKernel: (fault) => void faults.push(fault),
  });
  for (let octet = 2; octet < 20; octet += 1) {
    assert.equal(await node.inject(`10.42.${octet}.0/24`), "added");
  }
  // There is no event for it, so that only a resync finds it.
  await ip("route flush table 142");
  await until(() => node.mutations().some((command) => command.includes("table 142")), {
    what: "the records to be written again",
    deadlineMs: 20_000,
  });
  const logged = node.log.filter((line) => line.includes("libquilt"));
  assert.deepEqual(logged, [
    'warn: Ignored a warning of ip: "libquilt[4711]: warning: File exists"',
  ]);
  assert.deepEqual(faults, []);
});

Deno.test("Dataplane treats an error message that came beside a good answer as a warning", async () => {
  await using _ground = await makeGround("vxlan100");
  using odd = installOddIp();
  const text = "Error: libquilt cannot find its configuration";
  odd.obey([{ on: "^(route|link|rule)", does: "warn", text }]);
  await using node = await openNodeUnderTest();
  for (let octet = 2; octet < 6; octet += 1) {
    assert.equal(await node.inject(`10.42.${octet}.0/24`), "added");
    assert.equal(
      await node.inject(`10.42.${octet}.0/24`, "nosuch"),
      "Interface 'nosuch' not found",
    );
  }
  const logged = node.log.filter((line) => line.includes("libquilt"));
  assert.deepEqual(logged, [`warn: Ignored a warning of ip: "${text}"`]);
});

Deno.test("WarningLog is bounded, quotes warnings, and ignores numbers in them", () => {
  const lines: string[] = [];
  const log = new WarningLog({
    log: (level, message) => void lines.push(`${level}: ${message}`),
    flush: () => Promise.resolve(),
  });
  for (let pid = 0; pid < 1000; pid += 1) log.note(`[${pid}] \u001b[31mforged\u2028`);
  assert.deepEqual(lines, ['warn: Ignored a warning of ip: "[0] \\u001b[31mforged"']);
  for (let at = 0; at < 1000; at += 1) log.note("x".repeat(at + 1));
  assert.equal(lines.length, 65);
  assert.equal(lines.at(-1), "warn: Further warnings of ip are not logged");
  assert.ok(lines.every((line) => line.length < 400));
});

Deno.test("watchKernel reports lost events for a receive error, and not for a warning", async () => {
  await using _ground = await makeGround("vxlan100");
  const directory = Deno.makeTempDirSync();
  const path = Deno.env.get("PATH") ?? "";
  const wrapper = (text: string) =>
    Deno.writeTextFileSync(
      `${directory}/ip`,
      `#!/bin/sh\nexport PATH='${path}'\necho '${text}' >&2\nexec ip "$@"\n`,
      { mode: 0o755 },
    );
  try {
    for (
      const [text, expected] of [
        ["Database /etc/iproute2/rt_tables is corrupted at 200", "warning"],
        ["netlink receive error No buffer space available (105)", "events-lost"],
      ] as const
    ) {
      wrapper(text);
      Deno.env.set("PATH", `${directory}:${path}`);
      const seen: string[] = [];
      const onEvent = (event: KernelEvent): void => {
        if (event.kind === "events-lost") seen.push(`${event.kind}: ${event.why}`);
      };
      const monitor = watchKernel(
        onEvent,
        (line) => void seen.push(`warning: ${line}`),
      );
      await until(() => seen.length > 0, { what: expected });
      monitor.close();
      assert.deepEqual(seen, [`${expected}: ${text}`]);
    }
  } finally {
    Deno.env.set("PATH", path);
    Deno.removeSync(directory, { recursive: true });
  }
});
