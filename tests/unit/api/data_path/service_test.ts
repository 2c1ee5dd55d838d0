import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import type { ProbeOutcome } from "../../../../src/diagnose/ports.ts";
import { DATA_PATH_SERVICE } from "../../../../src/api/proto_registry.ts";
import { until } from "../../../support/wait.ts";
import { openSurface } from "../../transport/surface.ts";
import { finding, findingMessage, TIMESTAMP } from "../memory_data_path.ts";
import { cidr, device } from "../outcomes.ts";
import { address } from "../pod_network.ts";

const NOTHING = { findings: [], diagnosed_at: TIMESTAMP, fault: "" };

Deno.test("ListFindings answers every field of a finding, about the node, a device or a destination", async () => {
  await using surface = await openSurface();
  surface.dataPath.publish([
    finding("forwarding-off", "critical"),
    finding("device-down", "critical", { device: "vxlan100" }),
    finding("route-contended", "warning", { destination: "10.42.2.0/24" }),
  ]);
  assert.deepEqual(await surface.ask(DATA_PATH_SERVICE, "ListFindings", {}), {
    findings: [
      findingMessage("forwarding-off", "critical"),
      findingMessage("device-down", "critical", { device: "vxlan100" }),
      findingMessage("route-contended", "warning", { destination: "10.42.2.0/24" }),
    ],
    diagnosed_at: TIMESTAMP,
    fault: "",
  });
  assert.deepEqual(surface.log, ["DEBUG: RPC: ListFindings()"]);
});

Deno.test("ListFindings waits for the first diagnosis, and says why the kernel could not be read", async () => {
  await using surface = await openSurface();
  const answer = surface.ask(DATA_PATH_SERVICE, "ListFindings", {});
  await until(() => surface.log.length > 0, { what: "the call" });
  surface.dataPath.publish([], "ip was lost");
  assert.deepEqual(await answer, { ...NOTHING, fault: "ip was lost" });
});

Deno.test("WatchFindings sends the present findings at once, all findings after each change, and ends its watch when its client is gone", async () => {
  await using surface = await openSurface();
  const { dataPath } = surface;
  const followers = dataPath.listeners.size;
  dataPath.publish([]);
  const watched = surface.watch(DATA_PATH_SERVICE, "WatchFindings", {});
  assert.deepEqual(await watched.count(1), [NOTHING]);
  const down = finding("device-down", "critical", { device: "vxlan100" });
  dataPath.publish([down]);
  await watched.count(2);
  dataPath.publish([down, finding("mtu-too-large", "warning", { device: "wg0" })]);
  const messages = await watched.count(3);
  const downMessage = findingMessage("device-down", "critical", { device: "vxlan100" });
  assert.deepEqual(messages.slice(1), [
    { ...NOTHING, findings: [downMessage] },
    {
      ...NOTHING,
      findings: [
        downMessage,
        findingMessage("mtu-too-large", "warning", { device: "wg0" }),
      ],
    },
  ]);
  watched.cancel();
  await until(() => dataPath.listeners.size === followers, {
    what: "the end of the watch",
  });
  assert.deepEqual(surface.log, ["DEBUG: RPC: WatchFindings()"]);
});

Deno.test("WatchFindings waits for the first diagnosis, and ends with UNAVAILABLE when the sidecar stops", async () => {
  await using surface = await openSurface();
  const watched = surface.watch(DATA_PATH_SERVICE, "WatchFindings", {});
  await until(() => surface.log.length > 0, { what: "the watch" });
  surface.dataPath.publish([], "ip was lost");
  assert.deepEqual(await watched.count(1), [{ ...NOTHING, fault: "ip was lost" }]);
  surface.streams.endAll();
  assert.equal((await watched.end).code, status.UNAVAILABLE);
});

Deno.test("WatchFindings sends only the latest of many changes at once", async () => {
  await using surface = await openSurface();
  surface.dataPath.publish([]);
  const watched = surface.watch(DATA_PATH_SERVICE, "WatchFindings", {});
  await watched.count(1);
  for (let change = 0; change < 1_000; change += 1) {
    surface.dataPath.publish([finding("forwarding-off", "critical")]);
    surface.dataPath.publish([]);
  }
  surface.dataPath.publish([finding("no-permission", "critical")]);
  await until(
    () => JSON.stringify(watched.messages.at(-1)).includes('"no-permission"'),
    { what: () => `the latest, not ${JSON.stringify(watched.messages)}` },
  );
  // The first of the changes was sent at once if the interval had passed by then.
  assert.ok(watched.messages.length <= 3, `${watched.messages.length} messages`);
  watched.cancel();
});

Deno.test("WatchFindings ends after 16,384 findings, because its client may not be reading; the first message does not count", async () => {
  await using surface = await openSurface();
  const many = Array.from(
    { length: 6_000 },
    () => finding("route-shadowed", "critical", { destination: "10.42.2.0/24" }),
  );
  surface.dataPath.publish(many);
  const watched = surface.watch(DATA_PATH_SERVICE, "WatchFindings", {});
  for (let message = 1; message <= 3; message += 1) {
    await watched.count(message);
    surface.dataPath.publish(many, `change ${message}`);
  }
  assert.deepEqual(await watched.end, {
    code: status.UNAVAILABLE,
    details: "This watch has carried 16384 findings; watch again",
  });
  assert.equal(watched.messages.length, 3);
});

const PROBED: ProbeOutcome = {
  kind: "probed",
  results: [
    {
      destination: cidr("10.42.2.0/24"),
      device: device("vxlan100"),
      gateway: {
        address: address("10.42.2.1"),
        state: { kind: "answered", afterMs: 1_300.25 },
      },
      proxied: { address: address("10.42.2.254"), state: { kind: "silent" } },
    },
    {
      destination: cidr("10.42.3.0/24"),
      device: device("vxlan100"),
      gateway: { address: address("10.42.3.1"), state: { kind: "known" } },
      proxied: {
        address: address("10.42.3.254"),
        state: { kind: "failed", why: "Network is down" },
      },
    },
  ],
};

Deno.test("ProbePeers answers the state of each gateway and proxied address", async () => {
  await using surface = await openSurface();
  surface.dataPath.outcome = PROBED;
  const asked = (address: string, state: string) => ({
    address,
    state: `PROBE_STATE_${state}`,
    answered_after: null,
    reason: "",
  });
  assert.deepEqual(await surface.ask(DATA_PATH_SERVICE, "ProbePeers", {}), {
    peers: [
      {
        destination: "10.42.2.0/24",
        device: "vxlan100",
        gateway: {
          ...asked("10.42.2.1", "ANSWERED"),
          answered_after: { seconds: 1, nanos: 300_250_000 },
        },
        proxied: asked("10.42.2.254", "SILENT"),
      },
      {
        destination: "10.42.3.0/24",
        device: "vxlan100",
        gateway: asked("10.42.3.1", "KNOWN"),
        proxied: { ...asked("10.42.3.254", "FAILED"), reason: "Network is down" },
      },
    ],
  });
  assert.deepEqual(surface.dataPath.probed, ["ProbePeers"]);
  assert.deepEqual(surface.log, [
    "DEBUG: RPC: ProbePeers()",
    "DEBUG: Probed 2 peers; gateways: 1 answered, 0 silent, 1 known, 0 failed; " +
    "proxied addresses: 0 answered, 1 silent, 0 known, 1 failed",
  ]);
});

const REFUSED: readonly (readonly [ProbeOutcome, status, string])[] = [
  [{ kind: "busy" }, status.RESOURCE_EXHAUSTED, "Another probe runs; "],
  [{ kind: "queue-full" }, status.RESOURCE_EXHAUSTED, "Too many calls are waiting "],
  [{ kind: "shutting-down" }, status.UNAVAILABLE, "The sidecar is shutting down; "],
  [{ kind: "caller-gone" }, status.CANCELLED, "The client cancelled the call "],
];

for (const [outcome, expected, sentence] of REFUSED) {
  Deno.test(`ProbePeers that is ${outcome.kind} ends with ${status[expected]}, and the log says why once`, async () => {
    await using surface = await openSurface();
    surface.dataPath.outcome = outcome;
    for (let call = 0; call < 2; call += 1) {
      const answer = await surface.ask(DATA_PATH_SERVICE, "ProbePeers", {});
      const text = JSON.stringify(answer);
      assert.ok(text.startsWith(`{"code":${expected},"details":"${sentence}`), text);
    }
    const warnings = surface.log.filter((line) => line.startsWith("WARN: "));
    assert.equal(warnings.length, 1, surface.log.join("\n"));
    assert.match(warnings[0] ?? "", /^WARN: ProbePeers\(\) not executed: /);
  });
}
