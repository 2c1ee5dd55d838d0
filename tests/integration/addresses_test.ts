import assert from "node:assert/strict";
import { allocate, entries, list, release, textOf } from "./addresses_harness.ts";
import { ip, makeGround } from "../support/fixtures.ts";
import { caller, openNodeUnderTest } from "./node_harness.ts";

const SUBNET = "10.42.1.0/24";
const LONG = "x".repeat(128);

Deno.test("AllocateAddress stores the allocation in table 142 with its owner's name, and ReleaseAddress deletes both", async () => {
  await using _ground = await makeGround();
  await using peer = await openNodeUnderTest();
  assert.match(await allocate(peer, "web-1"), /^No node subnet is configured yet/);
  await peer.configure(SUBNET);
  assert.equal(await allocate(peer, "web-1"), "10.42.1.2");
  assert.equal(await allocate(peer, LONG), "10.42.1.3");
  assert.deepEqual(await list(peer), ["10.42.1.2 web-1", `10.42.1.3 ${LONG}`]);
  assert.deepEqual(await entries(), [
    ...[142, 143].map((metric) => `8 10.42.1.2 metric ${metric}`),
    ...[142, 143, 144, 145, 146, 147, 148]
      .map((metric) => `8 10.42.1.3 metric ${metric}`),
  ]);
  assert.equal(await release(peer, "owner", LONG), "10.42.1.3");
  assert.equal(await release(peer, "owner", LONG), "absent");
  assert.equal(await release(peer, "address", "10.42.1.2"), "10.42.1.2");
  assert.deepEqual(await entries(), []);
  const rpcs = new Set(peer.trail.records.map(({ rpc, peer }) => `${rpc} ${peer}`));
  assert.deepEqual(
    [...rpcs],
    ["ConfigureNodeSubnet", "AllocateAddress", "ReleaseAddress"].map((rpc) =>
      `${rpc} 127.0.0.1:40112`
    ),
  );
});

Deno.test("AllocateAddress is idempotent: an owner that calls again gets the same address, and nothing is written", async () => {
  await using _ground = await makeGround();
  await using peer = await openNodeUnderTest();
  await peer.configure(SUBNET);
  await allocate(peer, "web-1");
  peer.mutations();
  assert.equal(await allocate(peer, "web-1"), "10.42.1.2");
  assert.equal(await allocate(peer, "web-1", "10.42.1.2"), "10.42.1.2");
  assert.equal(await release(peer, "owner", "nobody"), "absent");
  assert.deepEqual(peer.mutations(), []);
});

Deno.test("253 concurrent calls of AllocateAddress share a few batches", async () => {
  await using _ground = await makeGround();
  await using peer = await openNodeUnderTest();
  await peer.configure(SUBNET);
  peer.mutations();
  const owners = Array.from({ length: 254 }, (_, at) => `container-${at}`);
  const answers = await Promise.all(owners.map((owner) => allocate(peer, owner)));
  const given = new Set(answers.slice(0, 253));
  assert.equal(given.size, 253);
  for (const reserved of ["10.42.1.0", "10.42.1.1", "10.42.1.255"]) {
    assert.ok(!given.has(reserved));
  }
  assert.equal(answers[253], `Every address of ${SUBNET} is taken; release one first`);
  // One batch writes the cursor once.
  const commands = peer.mutations().filter((command) =>
    command.includes(" blackhole ")
  );
  assert.equal(commands.length, 2);
});

Deno.test("restore knows every owner, whatever the bits of its name and of its hash", async () => {
  await using _ground = await makeGround();
  const owners = Array.from({ length: 200 }, (_, at) => {
    const length = 1 + (at * 37) % 128;
    const letters = Array.from(
      { length },
      (_, letter) => String.fromCharCode(33 + (at * 7 + letter * 31) % 94),
    );
    return `${at}:${letters.join("")}`.slice(0, 128);
  });
  let before: readonly string[];
  {
    await using peer = await openNodeUnderTest();
    await peer.configure(SUBNET);
    await Promise.all(owners.map((owner) => allocate(peer, owner)));
    before = await list(peer);
    assert.deepEqual(
      new Set(before.map((line) => line.split(" ")[1])),
      new Set(owners),
    );
  }
  await using peer = await openNodeUnderTest();
  assert.deepEqual(await list(peer), before);
  assert.match(peer.log.join("\n"), /0 routes, 200 addresses$/m);
  peer.mutations();
  for (const line of before.slice(0, 20)) {
    const [address = "", owner = ""] = line.split(" ");
    assert.equal(await allocate(peer, owner), address);
  }
  assert.deepEqual(peer.mutations(), []);
});

Deno.test("AllocateAddress continues round-robin after a restart: an address that was just released comes last", async () => {
  await using _ground = await makeGround();
  {
    await using peer = await openNodeUnderTest();
    await peer.configure(SUBNET);
    for (const owner of ["a", "b", "c"]) await allocate(peer, owner);
    await release(peer, "owner", "c");
    // The same subnet again keeps the place, too.
    assert.equal(await peer.configure(SUBNET), "configured");
  }
  await using peer = await openNodeUnderTest();
  assert.equal(await allocate(peer, "d"), "10.42.1.5");
});

Deno.test("ConfigureNodeSubnet refuses another subnet while addresses are allocated, and the same one loses nothing", async () => {
  await using _ground = await makeGround();
  await using peer = await openNodeUnderTest();
  await peer.configure(SUBNET);
  await allocate(peer, "a");
  await allocate(peer, "b");
  assert.match(
    await peer.configure("10.42.2.0/24"),
    /^Cannot change node subnet from 10\.42\.1\.0\/24 to 10\.42\.2\.0\/24 while 2 addresses are allocated: 10\.42\.1\.2 for "a", 10\.42\.1\.3 for "b"; /,
  );
  assert.equal(await peer.configure(SUBNET), "configured");
  assert.deepEqual(await list(peer), ["10.42.1.2 a", "10.42.1.3 b"]);
  await release(peer, "owner", "a");
  await release(peer, "owner", "b");
  assert.equal(await peer.configure("10.42.2.0/24"), "configured");
  assert.equal(await allocate(peer, "a"), "10.42.2.2");
});

Deno.test("AllocateAddress gives an owner whose name was lost its address again, and stores the name", async () => {
  await using _ground = await makeGround();
  {
    await using peer = await openNodeUnderTest();
    await peer.configure(SUBNET);
    await allocate(peer, LONG);
    await allocate(peer, "b");
  }
  await ip("route del prohibit 10.42.1.2 table 142 proto 142 metric 145");
  await using peer = await openNodeUnderTest();
  assert.deepEqual(await list(peer), ["10.42.1.2 ?", "10.42.1.3 b"]);
  // The parts that say nothing any more are gone.
  assert.equal((await entries()).length, 3);
  assert.match(
    await allocate(peer, "c", "10.42.1.2"),
    /is taken by an owner whose name/,
  );
  assert.equal(await allocate(peer, LONG), "10.42.1.2");
  assert.deepEqual(await list(peer), [`10.42.1.2 ${LONG}`, "10.42.1.3 b"]);
  assert.equal((await entries()).length, 9);
});

Deno.test("ReleaseAddress releases an address whose owner is unknown", async () => {
  await using _ground = await makeGround();
  {
    await using peer = await openNodeUnderTest();
    await peer.configure(SUBNET);
    await allocate(peer, "a");
  }
  await ip("route del prohibit 10.42.1.2 table 142 proto 142 metric 143");
  await using peer = await openNodeUnderTest();
  assert.equal(await release(peer, "address", "10.42.1.2"), "10.42.1.2");
  assert.deepEqual(await entries(), []);
});

Deno.test("AllocateAddress allocates nothing for a client that has gone", async () => {
  await using _ground = await makeGround();
  await using peer = await openNodeUnderTest();
  await peer.configure(SUBNET);
  const gone = { ...caller("AllocateAddress"), gone: () => true };
  const outcome = await peer.node.network.allocateAddress("a", "", gone);
  assert.equal(outcome.kind, "caller-gone");
  assert.deepEqual(await list(peer), []);
});

const hostile: readonly (readonly [owner: string, address: string, what: RegExp])[] = [
  ["", "", /^Invalid owner: ""; use 1 to 128 printable ASCII characters/],
  ["a".repeat(129), "", /^Invalid owner: "a{64}…"; /],
  ["a\nroute del default", "", /^Invalid owner: "a\\nroute del default"; /],
  ["ä", "", /^Invalid owner: "\\u00e4"; /],
  ["a b", "", /^Invalid owner: "a b"; /],
  ["a", "10.42.1.300", /^Invalid address: "10\.42\.1\.300"; /],
  ["a", "10.42.1.7/32", /^Invalid address: "10\.42\.1\.7\/32"; /],
  ["a", "10.42.1.7\n", /^Invalid address: "10\.42\.1\.7\\n"; /],
  ["a", "10.42.1.1", /^Address 10\.42\.1\.1 is the gateway, which is never allocated$/],
];

Deno.test("AllocateAddress and ReleaseAddress refuse invalid owners and addresses, and write nothing", async () => {
  await using _ground = await makeGround();
  await using peer = await openNodeUnderTest();
  await peer.configure(SUBNET);
  peer.mutations();
  for (const [owner, address, what] of hostile) {
    assert.match(await allocate(peer, owner, address), what);
  }
  assert.match(await release(peer, "owner", "a\n"), /^Invalid owner: "a\\n"; /);
  assert.match(await release(peer, "address", "a"), /^Invalid address: "a"; /);
  const nothing = { kind: "none" } as const;
  const call = caller("ReleaseAddress");
  assert.equal(
    textOf(await peer.node.network.releaseAddress(nothing, call)),
    "The request names nothing to release; set address or owner",
  );
  assert.deepEqual(peer.mutations(), []);
});
