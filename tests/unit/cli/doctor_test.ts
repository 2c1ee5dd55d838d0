/** The command `doctor` against servers that this process makes, on the task's port. */
import assert from "node:assert/strict";
import {
  isJsonObject,
  type JsonObject,
  parseJsonObject,
} from "../../../deploy/json.ts";
import type { ProbeState } from "../../../src/diagnose/ports.ts";
import { DEFAULT_LISTEN_ADDRESS } from "../../../src/transport/listen_address.ts";
import { startServer } from "../../../src/transport/server.ts";
import { type Finished, runToEnd } from "../../support/namespace.ts";
import { clientCommand } from "../../support/serve_task.ts";
import { finding, MemoryDataPath } from "../api/memory_data_path.ts";
import { cidr, device } from "../api/outcomes.ts";
import { address } from "../api/pod_network.ts";
import { serveNode } from "./serve_node.ts";

function doctor(...options: readonly string[]): Promise<Finished> {
  return runToEnd(clientCommand("doctor", options), { env: { NO_COLOR: "1" } });
}

/** What `--json` prints, with the exit code. */
interface Examined {
  readonly code: number;
  readonly document: JsonObject;
  /** As `group id severity`. */
  readonly found: readonly string[];
}

async function examined(...options: readonly string[]): Promise<Examined> {
  const { code, stderr, stdout } = await doctor("--json", ...options);
  assert.equal(stderr, "");
  const document = parseJsonObject(stdout);
  const { findings } = document;
  assert.ok(Array.isArray(findings));
  const found = findings.filter(isJsonObject)
    .map(({ group, id, severity }) => `${group} ${id} ${severity}`);
  return { code, document, found };
}

Deno.test("doctor shows what the sidecar found: exit code 1 for a critical finding, 3 for warnings, 0 for nothing", async () => {
  const dataPath = new MemoryDataPath();
  await using _server = await serveNode(dataPath);
  dataPath.publish([
    finding("device-down", "critical", { device: "vxlan100" }),
    finding("rp-filter", "warning"),
  ]);
  const shown = await doctor();
  assert.deepEqual([shown.code, shown.stderr], [1, ""]);
  const lines = shown.stdout.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]{12}Z/g, "TIME")
    .trimEnd().split("\n");
  assert.deepEqual(lines.slice(0, 16), [
    "Devices",
    "CRITICAL vxlan100: Found device-down (device-down since TIME)",
    "  It means critical",
    "    end device-down",
    "    and that is all",
    "",
    "Node",
    "WARNING this node: Found rp-filter (rp-filter since TIME)",
    "  It means warning",
    "    end rp-filter",
    "    and that is all",
    "",
    "Set-up        no findings",
    "Node          1 warning",
    "Devices       1 critical",
    "Destinations  no findings",
  ]);
  dataPath.publish([finding("rp-filter", "warning")]);
  assert.deepEqual((await examined()).code, 3);
  dataPath.publish([]);
  const { code, document, found } = await examined();
  assert.deepEqual([code, found], [0, []]);
  assert.deepEqual(document["sidecar"], { address: "127.0.0.1:50051", answers: true });
  assert.equal(document["checked_by"], "sidecar");
});

Deno.test("doctor says when the sidecar cannot read the kernel", async () => {
  const dataPath = new MemoryDataPath();
  await using _server = await serveNode(dataPath);
  dataPath.publish([], "ip was lost");
  const { code, found } = await examined();
  assert.deepEqual([code, found], [1, ["set-up kernel-unread critical"]]);
});

/** A destination that was asked. */
function peer(destination: string, gateway: ProbeState, proxied: ProbeState) {
  const [network] = destination.split(".0/");
  return {
    destination: cidr(destination),
    device: device("vxlan100"),
    gateway: { address: address(`${network}.1`), state: gateway },
    proxied: { address: address(`${network}.254`), state: proxied },
  };
}

const ANSWERED: ProbeState = { kind: "answered", afterMs: 1.25 };
const SILENT: ProbeState = { kind: "silent" };

Deno.test("doctor --probe has the peers asked, and names those that are silent: exit code 1", async () => {
  const dataPath = new MemoryDataPath();
  await using _server = await serveNode(dataPath);
  dataPath.publish([]);
  dataPath.outcome = {
    kind: "probed",
    results: [peer("10.42.2.0/24", ANSWERED, ANSWERED)],
  };
  assert.equal((await examined()).code, 0);
  assert.deepEqual(dataPath.probed, []);
  const healthy = await examined("--probe");
  assert.deepEqual([healthy.code, healthy.found], [0, []]);
  assert.deepEqual(dataPath.probed, ["ProbePeers"]);
  assert.deepEqual(healthy.document["peers"], [{
    destination: "10.42.2.0/24",
    device: "vxlan100",
    gateway: {
      address: "10.42.2.1",
      state: "answered",
      answered_after_ms: 1.3,
      reason: "",
    },
    proxied: {
      address: "10.42.2.254",
      state: "answered",
      answered_after_ms: 1.3,
      reason: "",
    },
  }]);
  dataPath.outcome = {
    kind: "probed",
    results: [
      peer("10.42.2.0/24", ANSWERED, SILENT),
      peer("10.42.3.0/24", SILENT, SILENT),
    ],
  };
  const silent = await examined("--probe");
  assert.deepEqual([silent.code, silent.found], [1, [
    "destinations peer-unreachable critical",
    "destinations peer-proxy-arp critical",
  ]]);
  // A sidecar that probes all the time reports a lost peer itself, and it appears once.
  dataPath.publish([
    finding("peer-unreachable", "critical", { destination: "10.42.3.0/24" }),
  ]);
  assert.deepEqual((await examined("--probe")).found, silent.found);
});

Deno.test("doctor --probe says why no peer was asked: exit code 3", async () => {
  const dataPath = new MemoryDataPath();
  await using _server = await serveNode(dataPath);
  dataPath.publish([]);
  dataPath.outcome = { kind: "busy" };
  const { code, document, found } = await examined("--probe");
  assert.deepEqual([code, found], [3, ["set-up not-probed warning"]]);
  assert.match(
    JSON.stringify(document),
    /No peer was probed: Another probe runs; call again when it is over/,
  );
});

Deno.test("doctor compares the options that are given with those of the sidecar", async () => {
  const dataPath = new MemoryDataPath();
  await using _server = await serveNode(dataPath);
  dataPath.publish([]);
  const same = await examined("--cluster-cidr", "10.42.0.0/16", "--gateway-index", "1");
  assert.deepEqual([same.code, same.found], [0, []]);
  const other = await examined("--cluster-cidr", "10.43.0.0/16");
  assert.deepEqual([other.code, other.found], [3, ["set-up manifest-drift warning"]]);
});

Deno.test("doctor of a sidecar that is too old to tell findings looks by ip alone", async () => {
  await using _server = await serveNode(undefined);
  const { document, found } = await examined("--probe");
  assert.ok(found.includes("set-up sidecar-old warning"), found.join());
  assert.ok(found.includes("set-up not-probed warning"), found.join());
  assert.equal(document["checked_by"], "ip");
});

Deno.test("doctor names a gRPC server that is no sidecar, and one that only accepts connections: exit code 1", async () => {
  const started = await startServer(DEFAULT_LISTEN_ADDRESS, []);
  assert.ok(started.ok);
  const foreign = await examined();
  await started.value.close(0);
  assert.equal(foreign.code, 1);
  assert.ok(foreign.found.includes("set-up port-taken critical"), foreign.found.join());
  using _listener = Deno.listen({ hostname: "127.0.0.1", port: 50051 });
  const silent = await examined();
  assert.equal(silent.code, 1);
  assert.ok(
    silent.found.includes("set-up sidecar-hangs critical"),
    silent.found.join(),
  );
});

Deno.test("doctor of a sidecar that has not made its first diagnosis says that it answers", async () => {
  await using _server = await serveNode(new MemoryDataPath());
  const { found } = await examined();
  assert.ok(found.includes("set-up sidecar-busy warning"), found.join());
});
