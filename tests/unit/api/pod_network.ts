import assert from "node:assert/strict";
import { type Ipv4Address, parseAddress } from "../../../src/ipam/address.ts";
import { type Owner, parseOwner } from "../../../src/ipam/owner.ts";
import { createLogger } from "../../../src/observability/logger.ts";
import type { NodeNetwork, NodeNetworkService } from "../../../src/addresses/ports.ts";
import { createAddressService } from "../../../src/api/addresses/service.ts";
import { connectSidecar, type SidecarClient } from "../../support/sidecar_client.ts";
import { formatListenAddress } from "../../../src/transport/listen_address.ts";
import type { Activity } from "../../../src/reconcile/ports.ts";
import { SIDECAR_VERSION } from "../../../src/shared/versions.ts";
import {
  createNodeNetworkService,
  type NodeNetworkParts,
} from "../../../src/api/node_network/service.ts";
import { StreamLimiter } from "../../../src/api/stream_limiter.ts";
import { startServer } from "../../../src/transport/server.ts";
import { cidr } from "./outcomes.ts";

/** An address known to be good. */
export function address(text: string): Ipv4Address {
  const checked = parseAddress(text);
  assert.ok(checked.ok);
  return checked.value;
}

/** An owner known to be good. */
export function owner(text: string): Owner {
  const checked = parseOwner(text);
  assert.ok(checked.ok);
  return checked.value;
}

/** A network that is configured. */
export const NETWORK: NodeNetwork = {
  clusterCidr: cidr("10.42.0.0/16"),
  configured: {
    subnet: cidr("10.42.1.0/24"),
    gateway: address("10.42.1.1"),
    revision: 7,
  },
};

/** The same as it goes over the wire. */
export const MESSAGE = {
  subnet: "10.42.1.0/24",
  gateway: "10.42.1.1",
  cluster_cidr: "10.42.0.0/16",
  revision: 7,
};

const UNASKED: NodeNetworkService = {
  configureNodeSubnet: () => Promise.reject(new Error("not to be asked")),
  allocateAddress: () => Promise.reject(new Error("not to be asked")),
  releaseAddress: () => Promise.reject(new Error("not to be asked")),
  listAddresses: () => Promise.reject(new Error("not to be asked")),
  nodeNetwork: () => Promise.reject(new Error("not to be asked")),
  lastConfigure: () => undefined,
  watchNodeNetwork: () => () => {},
};

/** The two services with a client of them. */
export interface Surface extends AsyncDisposable {
  readonly client: SidecarClient;
  readonly streams: StreamLimiter;
  readonly log: readonly string[];
}

/** When the sidecar of these services started, and what it did since. */
const ACTIVITY: Activity = {
  startedMs: Date.UTC(2026, 0, 1),
  repairs: 2,
  lastFailure: { atMs: Date.UTC(2026, 0, 2), sentence: "The kernel refused" },
};

const OPTIONS = ["--log-level=debug"];

/** How many lines its outputs have. */
const LINES = {
  auditLines: { written: 7, dropped: 5, head: "ab".repeat(32) },
  logLines: { written: 9, dropped: 3 },
};

/** {@linkcode ACTIVITY} and the others as clients get them. */
export const ACTIVITY_MESSAGE = {
  version: SIDECAR_VERSION,
  started_at: { seconds: 1_767_225_600, nanos: 0 },
  repairs: 2,
  last_failure: "The kernel refused",
  last_failure_at: { seconds: 1_767_312_000, nanos: 0 },
  options: ["--log-level=debug"],
  audit_head: "ab".repeat(32),
  audit_written: 7,
  audit_lost: 5,
  log_lost: 3,
};

/** The two services over a node of the test's making, and the typed client of them. */
export async function openServices(
  network: Partial<NodeNetworkService>,
  findings: NodeNetworkParts["findings"] = { ofNode: [] },
): Promise<Surface> {
  const log: string[] = [];
  const sink = {
    write: (line: string) => void log.push(line.replace(/^\S+ /, "")),
    dropped: 0,
    flush: () => Promise.resolve(),
  };
  const logger = createLogger({ level: "debug", format: "text", sink });
  const streams = new StreamLimiter();
  const node = { ...UNASKED, ...network };
  const started = await startServer({ kind: "tcp", host: "127.0.0.1", port: 0 }, [
    createNodeNetworkService(
      {
        network: node,
        findings,
        activity: () => ACTIVITY,
        options: OPTIONS,
        ...LINES,
      },
      streams,
      logger,
    ),
    createAddressService(node, logger),
  ]);
  assert.ok(started.ok);
  const server = started.value;
  const client = connectSidecar(formatListenAddress(server.address));
  return {
    client,
    streams,
    log,
    [Symbol.asyncDispose]: async () => {
      streams.endAll();
      client.close();
      await server.close();
    },
  };
}
