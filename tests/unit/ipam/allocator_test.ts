import assert from "node:assert/strict";
import { AddressPool, type AllocateDecision } from "../../../src/ipam/allocator.ts";
import { describeAllocateFault } from "../../../src/ipam/messages.ts";
import {
  address,
  allocate,
  given,
  keyOf,
  names,
  owner,
  poolOf,
  release,
} from "./allocator_harness.ts";

Deno.test("a /24 has 253 addresses: all but network, broadcast and gateway", () => {
  const pool = poolOf("10.42.1.0/24");
  assert.equal(pool.free, 253);
  assert.equal(pool.gateway, "10.42.1.1");
  const all = names(253).map((name) => given(allocate(pool, name)));
  assert.deepEqual(
    all,
    Array.from({ length: 253 }, (_, at) => `10.42.1.${at + 2}`),
  );
  assert.equal(pool.free, 0);
  assert.deepEqual(allocate(pool, "one-more"), {
    kind: "exhausted",
    subnet: "10.42.1.0/24",
  });
  assert.equal(given(allocate(pool, "c7")), "10.42.1.9");
});

Deno.test("an owner that asks again gets its address again", () => {
  const pool = poolOf("10.42.1.0/24");
  assert.equal(given(allocate(pool, "a")), "10.42.1.2");
  assert.equal(given(allocate(pool, "b")), "10.42.1.3");
  assert.deepEqual(allocate(pool, "a"), {
    kind: "held",
    allocation: { address: "10.42.1.2", key: keyOf("a"), owner: "a" },
  });
  assert.equal(allocate(pool, "a", "10.42.1.2").kind, "held");
  assert.equal(pool.size, 2);
});

Deno.test("allocation goes round: what was just released comes last", () => {
  const pool = poolOf("10.42.1.0/29");
  assert.equal(given(allocate(pool, "a")), "10.42.1.2");
  release(pool, "a");
  const order = names(5).map((name) => given(allocate(pool, name)));
  assert.deepEqual(order.map((text) => text.slice(8)), ["3", "4", "5", "6", "2"]);
});

Deno.test("released addresses come back in the order of the round", () => {
  const pool = poolOf("10.42.1.0/24");
  for (const name of names(253)) allocate(pool, name);
  for (const octet of [200, 17, 90]) release(pool, `c${octet - 2}`);
  const back = ["x", "y", "z"].map((name) => given(allocate(pool, name)));
  assert.deepEqual(back, ["10.42.1.17", "10.42.1.90", "10.42.1.200"]);
  assert.equal(pool.cursor, 200);
});

Deno.test("the round goes on where an earlier life left it", () => {
  assert.equal(given(allocate(poolOf("10.42.1.0/24", 1, 200), "a")), "10.42.1.201");
  assert.equal(given(allocate(poolOf("10.42.1.0/24", 1, 254), "a")), "10.42.1.2");
  // Whatever stands in table 142, no reserved address is given for it.
  assert.equal(
    given(allocate(poolOf("10.42.1.0/24", 1, 2 ** 32 - 1), "a")),
    "10.42.1.2",
  );
});

Deno.test("a wanted address is given if it is free", () => {
  const pool = poolOf("10.42.1.0/24");
  assert.equal(given(allocate(pool, "a", "10.42.1.7")), "10.42.1.7");
  assert.equal(given(allocate(pool, "b")), "10.42.1.8");
  release(pool, "a");
  assert.equal(given(allocate(pool, "c")), "10.42.1.9");
});

const refusals: readonly (readonly [wanted: string, sentence: string])[] = [
  ["10.42.1.0", "Address 10.42.1.0 is the network address, which is never given"],
  ["10.42.1.255", "Address 10.42.1.255 is the broadcast address, which is never given"],
  ["10.42.1.1", "Address 10.42.1.1 is the gateway, which is never given"],
  ["10.42.2.7", "Address 10.42.2.7 is not in this node's subnet 10.42.1.0/24"],
  ["10.42.0.255", "Address 10.42.0.255 is not in this node's subnet 10.42.1.0/24"],
  [
    "10.42.1.7",
    'Address 10.42.1.7 is taken by "first"; ask for another one, or for any',
  ],
];

for (const [wanted, sentence] of refusals) {
  Deno.test(`a wanted address is refused: ${sentence}`, () => {
    const pool = poolOf("10.42.1.0/24");
    allocate(pool, "first", "10.42.1.7");
    assert.equal(sentenceOf(allocate(pool, "second", wanted), "second"), sentence);
    assert.equal(pool.size, 1);
  });
}

Deno.test("an owner has one address: another one is refused", () => {
  const pool = poolOf("10.42.1.0/24");
  allocate(pool, "first", "10.42.1.7");
  assert.equal(
    sentenceOf(allocate(pool, "first", "10.42.1.8"), "first"),
    'Owner "first" has 10.42.1.7; release it before asking for 10.42.1.8',
  );
});

Deno.test("what cannot be given is refused in a sentence", () => {
  const pool = new AddressPool(1);
  assert.equal(
    sentenceOf(allocate(pool, "a"), "a"),
    "No node subnet is configured yet; call again after ConfigureNodeSubnet",
  );
  const full = poolOf("10.42.1.0/30");
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

Deno.test("the gateway is where it was set, and /31 and /32 have nothing to give", () => {
  const pool = poolOf("10.42.1.0/29", 6);
  assert.equal(pool.gateway, "10.42.1.6");
  assert.deepEqual(
    names(5).map((name) => given(allocate(pool, name)).slice(8)),
    ["1", "2", "3", "4", "5"],
  );
  assert.equal(pool.free, 0);
  for (const prefix of [31, 32]) {
    const none = poolOf(`10.42.1.0/${prefix}`);
    assert.equal(none.free, 0);
    assert.equal(allocate(none, "a").kind, "exhausted");
  }
});

Deno.test("an address that somebody else has put there is passed over", () => {
  const pool = poolOf("10.42.1.0/29");
  pool.block(address("10.42.1.2"));
  assert.equal(pool.free, 4);
  pool.reload([]);
  assert.equal(given(allocate(pool, "a")), "10.42.1.3");
  assert.equal(
    sentenceOf(allocate(pool, "b", "10.42.1.2"), "b"),
    "Address 10.42.1.2 is taken; ask for another one, or for any",
  );
});

Deno.test("an owner whose name was lost is known by its key, and named again", () => {
  const pool = poolOf("10.42.1.0/24");
  const lost = { address: address("10.42.1.7"), key: keyOf("a"), owner: undefined };
  pool.reload([lost]);
  assert.deepEqual(allocate(pool, "a"), { kind: "held", allocation: lost });
  assert.equal(
    sentenceOf(allocate(pool, "b", "10.42.1.7"), "b"),
    "Address 10.42.1.7 is taken by an owner whose name was lost; " +
      "ask for another one, or for any",
  );
  pool.name({ ...lost, owner: owner("a") });
  assert.equal(pool.at(address("10.42.1.7"))?.owner, "a");
  assert.equal(pool.of(keyOf("a"))?.owner, "a");
});

Deno.test("what is found again at a reload counts, wherever it lies", () => {
  const pool = poolOf("10.42.1.0/29");
  allocate(pool, "gone");
  const stray = { address: address("10.42.9.9"), key: keyOf("s"), owner: owner("s") };
  const gateway = { address: address("10.42.1.1"), key: keyOf("g"), owner: owner("g") };
  pool.reload([stray, gateway]);
  assert.deepEqual(pool.list(), [gateway, stray]);
  assert.equal(pool.size, 2);
  assert.equal(pool.free, 5);
  assert.equal(pool.of(keyOf("gone")), undefined);
  // Released, a gateway is still the gateway.
  pool.drop(gateway);
  pool.drop(stray);
  assert.equal(pool.free, 5);
  assert.equal(given(allocate(pool, "s")), "10.42.1.3");
});

Deno.test("an owner that is found twice keeps the address that it was told", () => {
  const key = keyOf("a");
  const one = { address: address("10.42.1.3"), key, owner: owner("a") };
  const other = { address: address("10.42.1.2"), key, owner: owner("a") };
  for (const found of [[one, other], [other, one]]) {
    const pool = poolOf("10.42.1.0/24");
    pool.take(one);
    pool.reload(found);
    assert.deepEqual(pool.of(key), one);
    assert.deepEqual(pool.list(), [other, one]);
    pool.drop(other);
    assert.deepEqual(pool.of(key), one);
  }
});
