import assert from "node:assert/strict";
import { startQuilt } from "../support/quilt.ts";
import { until } from "../support/wait.ts";
import { stringAt } from "../../deploy/json.ts";
import { done, messages, openHost, refused } from "./host.ts";
import { printedCall } from "./remedies.ts";

const SUBNET = "10.42.1.0/24";

Deno.test("AllocateAddress allocates 253 addresses over 16 connections, and released ones in round-robin order", async () => {
  await using host = await openHost();
  await using quilt = startQuilt(host.namespace, 16);
  quilt.watch();
  await until(() => quilt.watched.length === 1, { what: "the present network" });
  assert.deepEqual(quilt.watched[0], {
    subnet: "",
    gateway: "",
    cluster_cidr: "10.42.0.0/16",
    revision: 0,
  });
  assert.match(
    await quilt.allocate("too-early"),
    /^FAILED_PRECONDITION: No node subnet/,
  );

  assert.deepEqual(await host.client.configureNodeSubnet(SUBNET), done);
  await until(() => quilt.watched.length === 2, { what: "the configured network" });
  assert.deepEqual(quilt.watched[1], {
    subnet: SUBNET,
    gateway: "10.42.1.1",
    cluster_cidr: "10.42.0.0/16",
    revision: 1,
  });

  const owners = Array.from({ length: 253 }, (_, at) => containerId(at));
  const given = await Promise.all(owners.map((owner) => quilt.allocate(owner)));
  for (const address of given) assert.match(address, /^10\.42\.1\.\d+$/);
  assert.equal(new Set(given).size, 253);
  for (const reserved of ["10.42.1.0", "10.42.1.1", "10.42.1.255"]) {
    assert.ok(!given.includes(reserved), reserved);
  }
  assert.equal(
    await quilt.allocate("one-more"),
    `RESOURCE_EXHAUSTED: Every address of ${SUBNET} is taken; release one first`,
  );
  assert.deepEqual(
    new Set(await quilt.list()),
    new Set(owners.map((owner, at) => `${given[at]} ${owner}`)),
  );

  for (const octet of [40, 9, 200, 100]) {
    const address = `10.42.1.${octet}`;
    assert.equal(await quilt.release({ address }), address);
  }
  const back: string[] = [];
  for (const owner of ["w", "x", "y", "z"]) back.push(await quilt.allocate(owner));
  assert.deepEqual(back.map((address) => address.slice(8)), ["9", "40", "100", "200"]);
  assert.equal(await quilt.allocate("w"), "10.42.1.9");
});

/** As Docker and containerd write them. */
function containerId(at: number): string {
  return at.toString(16).padStart(4, "0").repeat(16);
}

Deno.test("ConfigureNodeSubnet refuses another subnet while addresses are allocated, and the same one loses nothing", async () => {
  await using host = await openHost();
  await using quilt = startQuilt(host.namespace);
  await host.client.configureNodeSubnet(SUBNET);
  assert.equal(await quilt.allocate("web-1"), "10.42.1.2");
  const refusal = await host.client.configureNodeSubnet("10.42.2.0/24");
  assert.deepEqual(
    refusal,
    refused(
      "Cannot change node subnet from 10.42.1.0/24 to 10.42.2.0/24 while 1 address is " +
        'allocated: 10.42.1.2 for "web-1"; when the container is gone, release its ' +
        'address and call again: grpcurl -plaintext -d \'{"address": "10.42.1.2"}\' ' +
        "127.0.0.1:50051 quilt.sidecar.v1.AddressService/ReleaseAddress",
    ),
  );
  assert.deepEqual(await host.client.configureNodeSubnet(SUBNET), done);
  assert.deepEqual(await quilt.list(), ["10.42.1.2 web-1"]);
  const remedy = printedCall(refusal.error);
  assert.equal(remedy.target, "127.0.0.1:50051");
  assert.equal(remedy.method, "quilt.sidecar.v1.AddressService/ReleaseAddress");
  const address = stringAt(remedy.request, "address");
  assert.equal(await quilt.release({ address }), "10.42.1.2");
  assert.deepEqual(await host.client.configureNodeSubnet("10.42.2.0/24"), done);
  assert.equal(await quilt.allocate("web-1"), "10.42.2.2");
});

Deno.test("each kind of refusal of an address has its gRPC status and one sentence", async () => {
  await using host = await openHost({ options: ["--gateway-index", "254"] });
  await using quilt = startQuilt(host.namespace);
  await host.client.configureNodeSubnet(SUBNET);
  assert.equal(await quilt.allocate("web-1"), "10.42.1.1");
  const refusals = [
    [await quilt.allocate("web-1", "10.42.1.9"), /^ALREADY_EXISTS: Owner "web-1" has /],
    [
      await quilt.allocate("b", "10.42.1.1"),
      /^ALREADY_EXISTS: Address 10\.42\.1\.1 is /,
    ],
    [
      await quilt.allocate("b", "10.42.1.254"),
      /^INVALID_ARGUMENT: .* is the gateway, /,
    ],
    [
      await quilt.allocate("b", "10.42.2.1"),
      /^INVALID_ARGUMENT: .* is not in this node/,
    ],
    [await quilt.allocate("b", "10.42.1.01"), /^INVALID_ARGUMENT: Invalid address: "/],
    [await quilt.allocate(""), /^INVALID_ARGUMENT: Invalid owner: ""; use 1 to 128 /],
    [await quilt.allocate("a\nb"), /^INVALID_ARGUMENT: Invalid owner: "a\\nb"; /],
    [await quilt.allocate("é"), /^INVALID_ARGUMENT: Invalid owner: "\\u00e9"; /],
    [
      await quilt.allocate("x".repeat(129)),
      /^INVALID_ARGUMENT: Invalid owner: "x{64}…"/,
    ],
    [await quilt.release({ address: "" }), /^INVALID_ARGUMENT: Invalid address: ""; /],
    [
      await quilt.call("release"),
      /^INVALID_ARGUMENT: The request names nothing to release; /,
    ],
  ] as const;
  for (const [answer, what] of refusals) {
    assert.ok(typeof answer === "string", "it was not refused");
    assert.match(answer, what);
  }
  assert.equal(await quilt.release({ owner: "nobody" }), "");
  assert.deepEqual(await quilt.list(), ["10.42.1.1 web-1"]);
});

Deno.test("AllocateAddress answers all that a container's interface needs", async () => {
  await using host = await openHost();
  await using quilt = startQuilt(host.namespace);
  await host.client.configureNodeSubnet(SUBNET);
  assert.deepEqual(await quilt.call("allocate", { owner: "web-1", address: "" }), {
    address: { address: "10.42.1.2", owner: "web-1" },
    node_network: {
      subnet: SUBNET,
      gateway: "10.42.1.1",
      cluster_cidr: "10.42.0.0/16",
      revision: 1,
    },
  });
  assert.deepEqual(await quilt.call("list"), {
    addresses: [{ address: "10.42.1.2", owner: "web-1" }],
    free: 252,
  });
  assert.deepEqual(await quilt.call("release", { owner: "web-1" }), {
    released: { address: "10.42.1.2", owner: "web-1" },
  });
});

Deno.test("the log has one info line for each change of an address, and none for a call that changes nothing", async () => {
  await using host = await openHost();
  await using quilt = startQuilt(host.namespace);
  await host.client.configureNodeSubnet(SUBNET);
  await quilt.allocate("web-1");
  await quilt.allocate("web-1");
  await quilt.release({ owner: "web-1" });
  await quilt.release({ owner: "web-1" });
  await quilt.allocate("a\nINFO: forged");
  await host.sidecar.stop();
  const lines = messages(host.sidecar);
  const since = lines.slice(
    lines.findIndex((line) => line.includes("AllocateAddress")),
    -1,
  );
  assert.deepEqual(since, [
    "INFO: RPC: AllocateAddress(owner=web-1)",
    "INFO: Allocated address: 10.42.1.2 of web-1",
    "INFO: RPC: ReleaseAddress(owner=web-1)",
    "INFO: Released address: 10.42.1.2 of web-1",
    'WARN: AllocateAddress(owner="a\\nINFO: forged") refused: ' +
    'Invalid owner: "a\\nINFO: forged"; use 1 to 128 printable ASCII characters ' +
    "without spaces",
  ]);
});
