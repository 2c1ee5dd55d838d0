import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import type {
  AddressRefusal,
  AllocateOutcome,
  ReleaseTarget,
} from "../../../../src/addresses/ports.ts";
import { connectSidecar } from "../../../support/sidecar_client.ts";
import { address, MESSAGE, NETWORK, openServices, owner } from "../pod_network.ts";

const allocated = { address: address("10.42.1.2"), owner: owner("web-1") };

Deno.test("AllocateAddress answers the address with its network, and is logged if it is new", async () => {
  let changed = true;
  const asked: unknown[] = [];
  await using surface = await openServices({
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
    "DEBUG: RPC: AllocateAddress(owner=web-1)",
    "INFO: Allocated address: 10.42.1.2 of web-1",
    "DEBUG: RPC: AllocateAddress(owner=web-1, address=10.42.1.2)",
    "DEBUG: Address unchanged: 10.42.1.2 of web-1",
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

Deno.test("AddressService answers each refusal with a gRPC status and the sentence", async () => {
  let outcome: Exclude<AllocateOutcome, { kind: "allocated" }> = { kind: "queue-full" };
  await using surface = await openServices({
    allocateAddress: () => Promise.resolve(outcome),
    releaseAddress: () => Promise.resolve(outcome),
    listAddresses: () => Promise.resolve(outcome),
  });
  const { client } = surface;
  for (const [reason, code] of codes) {
    const sentence = `It is ${reason}: "…"`;
    outcome = { kind: "refused", reason, sentence };
    const fault = { ok: false, fault: { code, details: sentence, isAnswer: true } };
    assert.deepEqual(await client.allocateAddress("a"), fault);
    assert.deepEqual(await client.releaseAddress({ owner: "a" }), fault);
    assert.deepEqual(await client.listAddresses(), fault);
  }
  outcome = { kind: "shutting-down" };
  const answer = await client.listAddresses();
  assert.ok(!answer.ok);
  assert.equal(answer.fault.code, status.UNAVAILABLE);
  assert.match(
    surface.log.at(-1) ?? "",
    /^WARN: ListAddresses\(\) not executed: The sidecar is shutting down; /,
  );
});

Deno.test("ReleaseAddress names an address, an owner or nothing, and succeeds if no owner had it", async () => {
  const asked: ReleaseTarget[] = [];
  await using surface = await openServices({
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
  const nothing = { ok: true, value: { released: null } };
  assert.deepEqual(await client.releaseAddress({ owner: "web-1" }), {
    ok: true,
    value: { released: { ...allocated } },
  });
  assert.deepEqual(await client.releaseAddress({ address: "10.42.1.9" }), nothing);
  assert.deepEqual(await client.releaseAddress({}), nothing);
  assert.deepEqual(asked, [
    { kind: "owner", text: "web-1" },
    { kind: "address", text: "10.42.1.9" },
    { kind: "none" },
  ]);
  assert.deepEqual(surface.log.slice(0, 3), [
    "DEBUG: RPC: ReleaseAddress(owner=web-1)",
    "INFO: Released address: 10.42.1.2 of web-1",
    "DEBUG: RPC: ReleaseAddress(address=10.42.1.9)",
  ]);
});

Deno.test("ListAddresses has an empty owner for an address whose owner was lost", async () => {
  await using surface = await openServices({
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

Deno.test("connectSidecar answers UNAVAILABLE if no sidecar listens", async () => {
  const client = connectSidecar("127.0.0.1:1");
  const answer = await client.getNodeNetwork();
  assert.ok(!answer.ok);
  assert.equal(answer.fault.code, status.UNAVAILABLE);
  client.close();
});
