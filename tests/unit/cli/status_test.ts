/** The command `status` against servers that this process makes, on the task's port. */
import assert from "node:assert/strict";
import { createAddressService } from "../../../src/api/addresses/service.ts";
import { CurrentFindings } from "../../../src/api/data_path/current_findings.ts";
import { createDataPathService } from "../../../src/api/data_path/service.ts";
import { createNodeNetworkService } from "../../../src/api/node_network/service.ts";
import { createRouteService } from "../../../src/api/routes/service.ts";
import { StreamLimiter } from "../../../src/api/stream_limiter.ts";
import type { NodeNetworkService } from "../../../src/addresses/ports.ts";
import { createLogger } from "../../../src/observability/logger.ts";
import { INSTALLED } from "../../../src/reconcile/outcome.ts";
import type { RouteService } from "../../../src/reconcile/ports.ts";
import { StatusFeed } from "../../../src/reconcile/status_feed.ts";
import { DEFAULT_LISTEN_ADDRESS } from "../../../src/transport/listen_address.ts";
import { startServer } from "../../../src/transport/server.ts";
import { type Finished, runToEnd } from "../../support/namespace.ts";
import { clientCommand } from "../../support/serve_task.ts";
import { finding, MemoryDataPath } from "../api/memory_data_path.ts";
import { cidr, device } from "../api/outcomes.ts";
import { NETWORK } from "../api/pod_network.ts";

function unasked(): Promise<never> {
  return Promise.reject(new Error("not to be asked"));
}

const NODE: NodeNetworkService = {
  configureNodeSubnet: unasked,
  allocateAddress: unasked,
  releaseAddress: unasked,
  listAddresses: () => Promise.resolve({ kind: "listed", addresses: [], free: 253 }),
  nodeNetwork: () => Promise.resolve(NETWORK),
  lastConfigure: () => undefined,
  watchNodeNetwork: () => () => {},
};

/** One route, which the kernel has. */
function openTable(): RouteService {
  const feed = new StatusFeed();
  const route = { destination: cidr("10.42.2.0/24"), device: device("vxlan100") };
  feed.desired.put({ route, persisted: true, status: INSTALLED });
  feed.open();
  return {
    injectRoute: unasked,
    removeRoute: unasked,
    list: () => feed.list(),
    watch: (wake) => feed.watch(wake),
    sync: unasked,
  };
}

/** Serves a node with these findings; `undefined`: a sidecar that is too old for them. */
async function serve(dataPath: MemoryDataPath | undefined): Promise<AsyncDisposable> {
  const sink = { write: () => {}, dropped: 0, flush: () => Promise.resolve() };
  const logger = createLogger({ level: "error", format: "text", sink });
  const streams = new StreamLimiter();
  const findings = new CurrentFindings(dataPath ?? new MemoryDataPath());
  const started = await startServer(DEFAULT_LISTEN_ADDRESS, [
    createNodeNetworkService(NODE, findings, streams, logger),
    createAddressService(NODE, logger),
    createRouteService(openTable(), findings, streams, logger),
    ...(dataPath === undefined
      ? []
      : [createDataPathService(dataPath, streams, logger)]),
  ]);
  assert.ok(started.ok);
  return { [Symbol.asyncDispose]: () => started.value.close(0) };
}

function status(...options: readonly string[]): Promise<Finished> {
  return runToEnd(clientCommand("status", options), { env: { NO_COLOR: "1" } });
}

/** What it prints when it succeeds, with each time alike. */
async function shown(...options: readonly string[]): Promise<string> {
  const { code, stderr, stdout } = await status(...options);
  assert.deepEqual([code, stderr], [0, ""]);
  return stdout.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]{12}Z/g, "TIME").trimEnd();
}

const SUMMARY = [
  "Node subnet   10.42.1.0/24, gateway 10.42.1.1",
  "Cluster CIDR  10.42.0.0/16",
  "Addresses     0 allocated, 253 free",
];

const TABLE_HEAD = "DESTINATION   DEVICE    STATE      SINCE                     NOTE";

Deno.test("status shows the findings before everything else, and names them beside the route", async () => {
  const dataPath = new MemoryDataPath();
  dataPath.publish([
    finding("device-down", "critical", { device: "vxlan100" }),
    finding("rp-filter", "warning"),
  ]);
  await using _server = await serve(dataPath);
  assert.deepEqual((await shown()).split("\n"), [
    "CRITICAL vxlan100: Found device-down (device-down since TIME)",
    "  It means critical",
    "    end device-down",
    "    and that is all",
    "",
    "WARNING this node: Found rp-filter (rp-filter since TIME)",
    "  It means warning",
    "    end rp-filter",
    "    and that is all",
    "",
    "Data path     1 critical, 1 warning",
    ...SUMMARY,
    "Routes        1 installed, 0 pending; 0 unconfirmed; 1 with findings",
    "",
    TABLE_HEAD,
    "10.42.2.0/24  vxlan100  installed  TIME  device-down",
  ]);
  const json = JSON.parse(await shown("--json"));
  assert.deepEqual(
    json.findings.map(({ id, severity }: Record<string, unknown>) => [id, severity]),
    [["device-down", "critical"], ["rp-filter", "warning"]],
  );
  assert.deepEqual(json.routes[0].findings, ["device-down"]);
});

Deno.test("status of a sidecar that is too old to tell findings shows all the rest", async () => {
  await using _server = await serve(undefined);
  assert.deepEqual((await shown()).split("\n"), [
    "Data path     not told by this sidecar",
    ...SUMMARY,
    "Routes        1 installed, 0 pending; 0 unconfirmed",
    "",
    TABLE_HEAD,
    "10.42.2.0/24  vxlan100  installed  TIME",
  ]);
  const json = JSON.parse(await shown("--json"));
  assert.deepEqual([json.data_path.told, json.findings], [false, []]);
});

Deno.test("status of a sidecar that has not made a diagnosis within 3 s shows all the rest", async () => {
  await using _server = await serve(new MemoryDataPath());
  const [first, ...rest] = (await shown()).split("\n");
  assert.equal(
    first,
    "Data path     not told by this sidecar: no answer came within 3 s",
  );
  assert.deepEqual(rest.slice(0, SUMMARY.length), SUMMARY);
});
