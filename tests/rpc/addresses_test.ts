import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import { checkAddress, type Ipv4Address } from "../../src/ipam/address.ts";
import { checkOwner, type Owner } from "../../src/ipam/owner.ts";
import { createLogger } from "../../src/log.ts";
import type {
  AddressRefusal,
  AllocateOutcome,
  NodeNetwork,
  PodNetwork,
  ReleaseTarget,
} from "../../src/pod_network.ts";
import { createAddressService } from "../../src/rpc/address_service.ts";
import { connectSidecar, type SidecarClient } from "../../src/rpc/client.ts";
import { formatListenAddress } from "../../src/rpc/listen_address.ts";
import { createNodeNetworkService } from "../../src/rpc/node_network_service.ts";
import { OpenStreams } from "../../src/rpc/open_streams.ts";
import { startServer } from "../../src/rpc/server.ts";
import {
  decodeAllocateAddressRequest,
  decodeListAddressesResponse,
  decodeNodeNetworkResponse,
  decodeReleaseAddressRequest,
  decodeReleaseAddressResponse,
} from "../../src/rpc/wire_addresses.ts";
import { until } from "../support/wait.ts";
import { cidr } from "./outcomes.ts";

function address(text: string): Ipv4Address {
  const checked = checkAddress(text);
  assert.ok(checked.ok);
  return checked.value;
}

function owner(text: string): Owner {
  const checked = checkOwner(text);
  assert.ok(checked.ok);
  return checked.value;
}

const NETWORK: NodeNetwork = {
  clusterCidr: cidr("10.42.0.0/16"),
  configured: {
    subnet: cidr("10.42.1.0/24"),
    gateway: address("10.42.1.1"),
    revision: 7,
  },
};

const MESSAGE = {
  subnet: "10.42.1.0/24",
  gateway: "10.42.1.1",
  cluster_cidr: "10.42.0.0/16",
  revision: 7,
};

const UNASKED: PodNetwork = {
  allocateAddress: () => Promise.reject(new Error("not to be asked")),
  releaseAddress: () => Promise.reject(new Error("not to be asked")),
  listAddresses: () => Promise.reject(new Error("not to be asked")),
  nodeNetwork: () => Promise.reject(new Error("not to be asked")),
  watchNodeNetwork: () => () => {},
};

interface Surface extends AsyncDisposable {
  readonly client: SidecarClient;
  readonly streams: OpenStreams;
  readonly log: readonly string[];
}

/** The two services over a node of the test's making, and the typed client of them. */
async function open(network: Partial<PodNetwork>): Promise<Surface> {
  const log: string[] = [];
  const sink = {
    write: (line: string) => void log.push(line.replace(/^\S+ /, "")),
    dropped: 0,
    flush: () => Promise.resolve(),
  };
  const logger = createLogger({ level: "debug", format: "text", sink });
  const streams = new OpenStreams();
  const node = { ...UNASKED, ...network };
  const started = await startServer({ kind: "tcp", host: "127.0.0.1", port: 0 }, [
    createNodeNetworkService(node, streams, logger),
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

const allocated = { address: address("10.42.1.2"), owner: owner("web-1") };

Deno.test("an allocation goes over the wire with its network, and is logged if it is new", async () => {
  let changed = true;
  const asked: unknown[] = [];
  await using surface = await open({
    allocateAddress: (owner, wanted, { peer, rpc }) => {
      asked.push([owner, wanted, rpc, peer.startsWith("127.0.0.1:")]);
      return Promise.resolve({
        kind: "allocated",
        allocated,
        network: NETWORK,
        changed,
      });
    },
  });
  const answer = {
    ok: true,
    value: { address: { ...allocated }, node_network: MESSAGE },
  };
  assert.deepEqual(await surface.client.allocateAddress("web-1"), answer);
  changed = false;
  assert.deepEqual(await surface.client.allocateAddress("web-1", "10.42.1.2"), answer);
  assert.deepEqual(asked, [
    ["web-1", "", "AllocateAddress", true],
    ["web-1", "10.42.1.2", "AllocateAddress", true],
  ]);
  assert.deepEqual(surface.log, [
    "INFO: RPC: AllocateAddress(owner=web-1)",
    "INFO: Allocated address: 10.42.1.2 of web-1",
    "DEBUG: RPC: AllocateAddress(owner=web-1, address=10.42.1.2)",
    "DEBUG: Address is allocated already: 10.42.1.2 of web-1",
  ]);
});

const codes: readonly (readonly [AddressRefusal["reason"], status])[] = [
  ["invalid", status.INVALID_ARGUMENT],
  ["not-ready", status.FAILED_PRECONDITION],
  ["exhausted", status.RESOURCE_EXHAUSTED],
  ["taken", status.ALREADY_EXISTS],
  ["lost", status.UNAVAILABLE],
  ["failed", status.INTERNAL],
];

Deno.test("a refusal is a gRPC status with the sentence, whatever was asked", async () => {
  let outcome: Exclude<AllocateOutcome, { kind: "allocated" }> = { kind: "queue-full" };
  await using surface = await open({
    allocateAddress: () => Promise.resolve(outcome),
    releaseAddress: () => Promise.resolve(outcome),
    listAddresses: () => Promise.resolve(outcome),
  });
  const { client } = surface;
  for (const [reason, code] of codes) {
    const sentence = `It is ${reason}: "…"`;
    outcome = { kind: "refused", reason, sentence };
    const fault = { ok: false, fault: { code, sentence } };
    assert.deepEqual(await client.allocateAddress("a"), fault);
    assert.deepEqual(await client.releaseAddress({ owner: "a" }), fault);
    assert.deepEqual(await client.listAddresses(), fault);
  }
  outcome = { kind: "shutting-down" };
  const answer = await client.listAddresses();
  assert.ok(!answer.ok);
  assert.equal(answer.fault.code, status.UNAVAILABLE);
  assert.match(surface.log.at(-1) ?? "", /^WARN: The sidecar is shutting down; /);
});

Deno.test("a release names an address, an owner or nothing, and what nobody had is no fault", async () => {
  const asked: ReleaseTarget[] = [];
  await using surface = await open({
    releaseAddress: (target) => {
      asked.push(target);
      return Promise.resolve(
        target.kind === "owner"
          ? { kind: "released", released: allocated }
          : { kind: "absent" },
      );
    },
  });
  const { client } = surface;
  const nobody = { ok: true, value: { released: null } };
  assert.deepEqual(await client.releaseAddress({ owner: "web-1" }), {
    ok: true,
    value: { released: { ...allocated } },
  });
  assert.deepEqual(await client.releaseAddress({ address: "10.42.1.9" }), nobody);
  assert.deepEqual(await client.releaseAddress({}), nobody);
  assert.deepEqual(asked, [
    { kind: "owner", text: "web-1" },
    { kind: "address", text: "10.42.1.9" },
    { kind: "none" },
  ]);
  assert.deepEqual(surface.log.slice(0, 3), [
    "INFO: RPC: ReleaseAddress(owner=web-1)",
    "INFO: Released address: 10.42.1.2 of web-1",
    "DEBUG: RPC: ReleaseAddress(address=10.42.1.9)",
  ]);
});

Deno.test("an owner whose name was lost is listed without one", async () => {
  await using surface = await open({
    listAddresses: () =>
      Promise.resolve({
        kind: "listed",
        addresses: [allocated, { address: address("10.42.1.3"), owner: undefined }],
        free: 251,
      }),
  });
  assert.deepEqual(await surface.client.listAddresses(), {
    ok: true,
    value: {
      addresses: [{ ...allocated }, { address: "10.42.1.3", owner: "" }],
      free: 251,
    },
  });
});

Deno.test("a network that is not configured yet is empty but for the cluster", async () => {
  await using surface = await open({
    nodeNetwork: () => Promise.resolve({ ...NETWORK, configured: undefined }),
  });
  assert.deepEqual(await surface.client.getNodeNetwork(), {
    ok: true,
    value: { subnet: "", gateway: "", cluster_cidr: "10.42.0.0/16", revision: 0 },
  });
});

/** A watch that the test feeds, and how many listen to it. */
function makeWatch() {
  const listeners = new Set<(network: NodeNetwork) => void>();
  return {
    listeners,
    tell: (network: NodeNetwork) => {
      for (const listener of listeners) listener(network);
    },
    watchNodeNetwork: (listener: (network: NodeNetwork) => void) => {
      listeners.add(listener);
      listener(NETWORK);
      return () => listeners.delete(listener);
    },
  };
}

Deno.test("a watch ends with its reader, and nobody listens any more", async () => {
  const watch = makeWatch();
  await using surface = await open(watch);
  for await (const network of surface.client.watchNodeNetwork()) {
    assert.deepEqual(network, MESSAGE);
    break;
  }
  await until(() => watch.listeners.size === 0, { what: "the end of the watch" });
});

Deno.test("a watcher sees each change as it comes, and the end when we stop", async () => {
  const watch = makeWatch();
  await using surface = await open(watch);
  const seen: number[] = [];
  const reading = (async () => {
    for await (const { revision } of surface.client.watchNodeNetwork()) {
      seen.push(revision);
    }
  })();
  await until(() => seen.length === 1, { what: "the present network" });
  watch.tell({ ...NETWORK, configured: undefined });
  await until(() => seen.length === 2, { what: "the change" });
  assert.deepEqual(seen, [7, 0]);
  surface.streams.endAll();
  await assert.rejects(reading, /14 UNAVAILABLE: The sidecar is shutting down; /);
});

Deno.test("of many changes at once a watcher gets the first and the newest", async () => {
  const watch = makeWatch();
  await using surface = await open(watch);
  const seen: number[] = [];
  void (async () => {
    for await (const { revision } of surface.client.watchNodeNetwork()) {
      seen.push(revision);
    }
  })().catch(() => {});
  await until(() => seen.length === 1, { what: "the present network" });
  const { configured } = NETWORK;
  assert.ok(configured !== undefined);
  for (let revision = 8; revision <= 2_000; revision += 1) {
    watch.tell({ ...NETWORK, configured: { ...configured, revision } });
  }
  await until(() => seen.at(-1) === 2_000, { what: "the newest" });
  assert.deepEqual(seen, [7, 2_000]);
});

Deno.test("a message that is not what the .proto says is an error", () => {
  for (const message of [undefined, null, 7, {}, { owner: 7, address: "" }]) {
    assert.throws(() => decodeAllocateAddressRequest(message), TypeError);
    assert.throws(() => decodeListAddressesResponse(message), TypeError);
    assert.throws(() => decodeNodeNetworkResponse(message), TypeError);
  }
  assert.throws(() => decodeReleaseAddressRequest({ target: "both" }), TypeError);
  assert.throws(() => decodeReleaseAddressRequest({ target: "owner" }), TypeError);
  assert.throws(() => decodeReleaseAddressResponse({}), TypeError);
});

Deno.test("a sidecar that is not there is UNAVAILABLE", async () => {
  const nobody = connectSidecar("127.0.0.1:1");
  const answer = await nobody.getNodeNetwork();
  assert.ok(!answer.ok);
  assert.equal(answer.fault.code, status.UNAVAILABLE);
  nobody.close();
});
