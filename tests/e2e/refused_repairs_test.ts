import assert from "node:assert/strict";
import { until } from "../support/wait.ts";
import { auditRecordsSoFar, type Host, messages, openHost } from "./host.ts";

const ENTRIES = [
  "blackhole 10.42.1.0/24 table 142 proto 142 metric 142 window 1",
  "unreachable 10.42.2.0/24 table 142 proto 142 metric 142" +
  " window 1987603553 ssthresh 1848717360",
];

const LAUNCHER = [
  "setpriv",
  "--bounding-set",
  "-net_admin",
  "--inh-caps",
  "-net_admin",
];

/** A host whose sidecar may write nothing, and finds a subnet and a route to restore. */
function openRefused(resyncSeconds: number): Promise<Host> {
  return openHost({
    before: ENTRIES.map((entry) => `route add ${entry}`),
    launcher: LAUNCHER,
    options: ["--resync-interval", String(resyncSeconds)],
  });
}

/** The times at which the sidecar failed to write something, in milliseconds. */
function attempts({ sidecar }: Host, what: RegExp): readonly number[] {
  return auditRecordsSoFar(sidecar)
    .filter(({ rpc, words }) => rpc === "repair" && what.test(String(words)))
    .map(({ time }) => Date.parse(String(time)));
}

const SUBNET = /^route replace blackhole /;
const ROUTE = /^route add 10\.42\.2\.0\/24 dev vxlan100 /;

Deno.test("a repair that the kernel refuses is retried only at the resync, and logged once with the reason", async () => {
  await using host = await openRefused(1);
  const { namespace, sidecar } = host;
  await namespace.ip("route flush table 142");
  for (const what of [SUBNET, ROUTE]) {
    await until(() => attempts(host, what).length >= 6, {
      what: () => `attempts; the trail:\n${sidecar.audit.join("\n")}`,
      deadlineMs: 15_000,
    });
  }
  for (const what of [SUBNET, ROUTE]) {
    const times = attempts(host, what);
    // The flush and the first resync may have come together.
    const spanMs = (times.at(-1) ?? 0) - (times[1] ?? 0);
    assert.ok(spanMs >= (times.length - 2) * 900, times.join());
  }
  await sidecar.stop();
  const logged = messages(sidecar).join("\n");
  assert.doesNotMatch(logged, /Another process keeps changing/);
  for (const destination of ["10.42.1.0/24", "10.42.2.0/24"]) {
    const lines = messages(sidecar).filter((line) =>
      line.startsWith("WARN: Permission denied: ") && line.includes(destination)
    );
    assert.equal(lines.length, 1, logged);
  }
});

Deno.test("a repair that the kernel refuses is retried when its device changes", async () => {
  await using host = await openRefused(3600);
  const { namespace, sidecar } = host;
  await sidecar.logged(/WARN: Permission denied: .*: 10\.42\.2\.0\/24$/);
  await namespace.ip("link set vxlan100 down");
  await sidecar.logged(
    /WARN: \d+ routes? (?:is|are) pending \(Interface 'vxlan100' is down\)/,
  );
  const before = attempts(host, ROUTE).length;
  await namespace.ip("link set vxlan100 up");
  await until(() => attempts(host, ROUTE).length > before, { what: "an attempt" });
});
