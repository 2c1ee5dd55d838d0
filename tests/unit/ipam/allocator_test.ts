import assert from "node:assert/strict";
import {
  AddressAllocator,
  type AllocateDecision,
} from "../../../src/ipam/allocator.ts";
import { describeAllocateFault } from "../../../src/ipam/messages.ts";
import {
  address,
  allocate,
  allocatorOf,
  keyOf,
  names,
  outcomeOf,
  owner,
  release,
} from "./allocator_harness.ts";

Deno.test("AddressAllocator has 253 addresses in a /24: all but network, broadcast and gateway", () => {
  const allocator = allocatorOf("10.42.1.0/24");
  assert.equal(allocator.free, 253);
  assert.equal(allocator.gateway, "10.42.1.1");
  const all = names(253).map((name) => outcomeOf(allocate(allocator, name)));
  assert.deepEqual(
    all,
    Array.from({ length: 253 }, (_, at) => `10.42.1.${at + 2}`),
  );
  assert.equal(allocator.free, 0);
  assert.deepEqual(allocate(allocator, "one-more"), {
    kind: "exhausted",
    subnet: "10.42.1.0/24",
  });
  assert.equal(outcomeOf(allocate(allocator, "c7")), "10.42.1.9");
});

Deno.test("choose is idempotent: an owner that asks again gets the same address", () => {
  const allocator = allocatorOf("10.42.1.0/24");
  assert.equal(outcomeOf(allocate(allocator, "a")), "10.42.1.2");
  assert.equal(outcomeOf(allocate(allocator, "b")), "10.42.1.3");
  assert.deepEqual(allocate(allocator, "a"), {
    kind: "held",
    allocation: { address: "10.42.1.2", key: keyOf("a"), owner: "a" },
  });
  assert.equal(allocate(allocator, "a", "10.42.1.2").kind, "held");
  assert.equal(allocator.size, 2);
});

Deno.test("allocation is round-robin: an address that was just released comes last", () => {
  const allocator = allocatorOf("10.42.1.0/29");
  assert.equal(outcomeOf(allocate(allocator, "a")), "10.42.1.2");
  release(allocator, "a");
  const order = names(5).map((name) => outcomeOf(allocate(allocator, name)));
  assert.deepEqual(order.map((text) => text.slice(8)), ["3", "4", "5", "6", "2"]);
});

Deno.test("released addresses are reused in the order of the round-robin", () => {
  const allocator = allocatorOf("10.42.1.0/24");
  for (const name of names(253)) allocate(allocator, name);
  for (const octet of [200, 17, 90]) release(allocator, `c${octet - 2}`);
  const back = ["x", "y", "z"].map((name) => outcomeOf(allocate(allocator, name)));
  assert.deepEqual(back, ["10.42.1.17", "10.42.1.90", "10.42.1.200"]);
  assert.equal(allocator.cursor, 200);
});

Deno.test("configure continues the round-robin at the cursor of an earlier process", () => {
  assert.equal(
    outcomeOf(allocate(allocatorOf("10.42.1.0/24", 1, 200), "a")),
    "10.42.1.201",
  );
  assert.equal(
    outcomeOf(allocate(allocatorOf("10.42.1.0/24", 1, 254), "a")),
    "10.42.1.2",
  );
  // Whatever cursor table 142 has, no reserved address is allocated.
  assert.equal(
    outcomeOf(allocate(allocatorOf("10.42.1.0/24", 1, 2 ** 32 - 1), "a")),
    "10.42.1.2",
  );
});

Deno.test("choose returns the requested address if it is free", () => {
  const allocator = allocatorOf("10.42.1.0/24");
  assert.equal(outcomeOf(allocate(allocator, "a", "10.42.1.7")), "10.42.1.7");
  assert.equal(outcomeOf(allocate(allocator, "b")), "10.42.1.8");
  release(allocator, "a");
  assert.equal(outcomeOf(allocate(allocator, "c")), "10.42.1.9");
});

const refusals: readonly (readonly [requested: string, sentence: string])[] = [
  ["10.42.1.0", "Address 10.42.1.0 is the network address, which is never allocated"],
  [
    "10.42.1.255",
    "Address 10.42.1.255 is the broadcast address, which is never allocated",
  ],
  ["10.42.1.1", "Address 10.42.1.1 is the gateway, which is never allocated"],
  ["10.42.2.7", "Address 10.42.2.7 is not in this node's subnet 10.42.1.0/24"],
  ["10.42.0.255", "Address 10.42.0.255 is not in this node's subnet 10.42.1.0/24"],
  [
    "10.42.1.7",
    'Address 10.42.1.7 is taken by "first"; ask for another one, or for any',
  ],
];

for (const [requested, sentence] of refusals) {
  Deno.test(`choose refuses a requested address: ${sentence}`, () => {
    const allocator = allocatorOf("10.42.1.0/24");
    allocate(allocator, "first", "10.42.1.7");
    assert.equal(
      sentenceOf(allocate(allocator, "second", requested), "second"),
      sentence,
    );
    assert.equal(allocator.size, 1);
  });
}

Deno.test("choose refuses a second address for the same owner", () => {
  const allocator = allocatorOf("10.42.1.0/24");
  allocate(allocator, "first", "10.42.1.7");
  assert.equal(
    sentenceOf(allocate(allocator, "first", "10.42.1.8"), "first"),
    'Owner "first" has 10.42.1.7; release it before asking for 10.42.1.8',
  );
});

Deno.test("choose refuses without a subnet, and if every address is taken", () => {
  const allocator = new AddressAllocator(1);
  assert.equal(
    sentenceOf(allocate(allocator, "a"), "a"),
    "No node subnet is configured yet; call again after ConfigureNodeSubnet",
  );
  const full = allocatorOf("10.42.1.0/30");
  allocate(full, "a");
  assert.equal(
    sentenceOf(allocate(full, "b"), "b"),
    "Every address of 10.42.1.0/30 is taken; release one first",
  );
});

function sentenceOf(decision: AllocateDecision, name: string): string {
  assert.ok(decision.kind !== "fresh" && decision.kind !== "held", decision.kind);
  return describeAllocateFault(decision, owner(name));
}

Deno.test("configure reserves the gateway at its index, and /31 and /32 have no host address", () => {
  const allocator = allocatorOf("10.42.1.0/29", 6);
  assert.equal(allocator.gateway, "10.42.1.6");
  assert.deepEqual(
    names(5).map((name) => outcomeOf(allocate(allocator, name)).slice(8)),
    ["1", "2", "3", "4", "5"],
  );
  assert.equal(allocator.free, 0);
  for (const prefix of [31, 32]) {
    const none = allocatorOf(`10.42.1.0/${prefix}`);
    assert.equal(none.free, 0);
    assert.equal(allocate(none, "a").kind, "exhausted");
  }
});

Deno.test("exclude keeps an address of another process from being allocated", () => {
  const allocator = allocatorOf("10.42.1.0/29");
  allocator.exclude(address("10.42.1.2"));
  assert.equal(allocator.free, 4);
  allocator.replaceAll([]);
  assert.equal(outcomeOf(allocate(allocator, "a")), "10.42.1.3");
  assert.equal(
    sentenceOf(allocate(allocator, "b", "10.42.1.2"), "b"),
    "Address 10.42.1.2 is taken; ask for another one, or for any",
  );
});

Deno.test("setOwner names an owner of whom only the key was known", () => {
  const allocator = allocatorOf("10.42.1.0/24");
  const lost = { address: address("10.42.1.7"), key: keyOf("a"), owner: undefined };
  allocator.replaceAll([lost]);
  assert.deepEqual(allocate(allocator, "a"), { kind: "held", allocation: lost });
  assert.equal(
    sentenceOf(allocate(allocator, "b", "10.42.1.7"), "b"),
    "Address 10.42.1.7 is taken by an owner whose name was lost; " +
      "ask for another one, or for any",
  );
  allocator.setOwner({ ...lost, owner: owner("a") });
  assert.equal(allocator.findByAddress(address("10.42.1.7"))?.owner, "a");
  assert.equal(allocator.findByOwner(keyOf("a"))?.owner, "a");
});

Deno.test("replaceAll keeps allocations outside of the subnet and on the gateway's address", () => {
  const allocator = allocatorOf("10.42.1.0/29");
  allocate(allocator, "gone");
  const stray = { address: address("10.42.9.9"), key: keyOf("s"), owner: owner("s") };
  const gateway = { address: address("10.42.1.1"), key: keyOf("g"), owner: owner("g") };
  allocator.replaceAll([stray, gateway]);
  assert.deepEqual(allocator.list(), [gateway, stray]);
  assert.equal(allocator.size, 2);
  assert.equal(allocator.free, 5);
  assert.equal(allocator.findByOwner(keyOf("gone")), undefined);
  // The gateway's address stays reserved after its release.
  allocator.release(gateway);
  allocator.release(stray);
  assert.equal(allocator.free, 5);
  assert.equal(outcomeOf(allocate(allocator, "s")), "10.42.1.3");
});

Deno.test("replaceAll lets an owner with two addresses keep the one that it was answered with", () => {
  const key = keyOf("a");
  const one = { address: address("10.42.1.3"), key, owner: owner("a") };
  const other = { address: address("10.42.1.2"), key, owner: owner("a") };
  for (const found of [[one, other], [other, one]]) {
    const allocator = allocatorOf("10.42.1.0/24");
    allocator.allocate(one);
    allocator.replaceAll(found);
    assert.deepEqual(allocator.findByOwner(key), one);
    assert.deepEqual(allocator.list(), [other, one]);
    allocator.release(other);
    assert.deepEqual(allocator.findByOwner(key), one);
  }
});
