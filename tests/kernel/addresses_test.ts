import assert from "node:assert/strict";
import type { AllocateOutcome, ReleaseOutcome } from "../../src/pod_network.ts";
import { until } from "../support/wait.ts";
import { batch, ip, makeGround } from "./ground.ts";
import { caller, type NodeUnderTest, openNodeUnderTest } from "./node_under_test.ts";

const SUBNET = "10.42.1.0/24";
const LONG = "x".repeat(128);

/** The answer in a word: the address, or why there is none. */
function word(outcome: AllocateOutcome | ReleaseOutcome): string {
  switch (outcome.kind) {
    case "allocated":
      return outcome.allocated.address;
    case "released":
      return outcome.released.address;
    case "refused":
      return outcome.sentence;
    default:
      return outcome.kind;
  }
}

async function allocate(
  { node }: NodeUnderTest,
  owner: string,
  wanted = "",
): Promise<string> {
  const call = caller("AllocateAddress");
  return word(await node.podNetwork.allocateAddress(owner, wanted, call));
}

async function release(
  { node }: NodeUnderTest,
  kind: "address" | "owner",
  text: string,
): Promise<string> {
  const call = caller("ReleaseAddress");
  return word(await node.podNetwork.releaseAddress({ kind, text }, call));
}

/** Lines such as `10.42.1.2 web-1`. */
async function list({ node }: NodeUnderTest): Promise<readonly string[]> {
  const outcome = await node.podNetwork.listAddresses(caller("ListAddresses"));
  assert.ok(outcome.kind === "listed", outcome.kind);
  return outcome.addresses.map(({ address, owner }) => `${address} ${owner ?? "?"}`);
}

/** What table 142 has of addresses, without the payload. */
async function entries(): Promise<readonly string[]> {
  const text = await ip("-N route show table 142 proto 142 type prohibit");
  return text.split("\n").filter((line) => line !== "")
    .map((line) => line.replace(/ (window|ssthresh|cwnd) .*/, "").trim())
    .toSorted();
}

async function flushMemory(): Promise<void> {
  await batch(["route flush table 142"], { force: true });
}

Deno.test("an allocation stands in table 142 with its owner's name, and goes when it is released", async () => {
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

Deno.test("an owner that asks again gets its address again, and nothing is written", async () => {
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

Deno.test("253 calls at once share a handful of exchanges", async () => {
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
  // One exchange writes once how far the round has come.
  const rounds = peer.mutations().filter((words) => words.includes(" blackhole "));
  assert.equal(rounds.length, 2);
});

Deno.test("whatever the bits of a name and of its hash, a restart knows them all", async () => {
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

Deno.test("the round goes on after a restart: what was just released comes last", async () => {
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

Deno.test("another subnet is refused while addresses are allocated, the same one loses nothing", async () => {
  await using _ground = await makeGround();
  await using peer = await openNodeUnderTest();
  await peer.configure(SUBNET);
  await allocate(peer, "a");
  await allocate(peer, "b");
  assert.equal(
    await peer.configure("10.42.2.0/24"),
    "Cannot change node subnet from 10.42.1.0/24 to 10.42.2.0/24 " +
      "while 2 addresses are allocated",
  );
  assert.equal(await peer.configure(SUBNET), "configured");
  assert.deepEqual(await list(peer), ["10.42.1.2 a", "10.42.1.3 b"]);
  await release(peer, "owner", "a");
  await release(peer, "owner", "b");
  assert.equal(await peer.configure("10.42.2.0/24"), "configured");
  assert.equal(await allocate(peer, "a"), "10.42.2.2");
});

Deno.test("an owner whose name is lost keeps its address, and is known when it asks again", async () => {
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

Deno.test("an address of nobody that is known can be released", async () => {
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

Deno.test("parts of names that no allocation has are removed at the start, nothing else", async () => {
  await using _ground = await makeGround();
  {
    await using peer = await openNodeUnderTest();
    await peer.configure(SUBNET);
    await allocate(peer, "a");
    await allocate(peer, LONG);
  }
  const theirs = [
    "route add prohibit 10.42.1.9 table 142 proto static metric 143 window 5",
    "route add prohibit 10.42.1.9 table 142 proto 142 metric 149 window 5",
    "route add prohibit 10.42.1.16/28 table 142 proto 142 metric 143 window 5",
  ];
  await batch([
    ...theirs,
    "route del prohibit 10.42.1.3 table 142 proto 142 metric 142",
    "route add prohibit 10.42.1.2 table 142 proto 142 metric 144 window 1633771873",
    "route add prohibit 10.42.1.8 table 142 proto 142 metric 143 window 1633771873",
  ]);
  await using peer = await openNodeUnderTest();
  assert.deepEqual(await list(peer), ["10.42.1.2 a"]);
  assert.deepEqual(await entries(), [
    "8 10.42.1.16/28 metric 143",
    "8 10.42.1.2 metric 142",
    "8 10.42.1.2 metric 143",
    "8 10.42.1.9 metric 149",
  ]);
  assert.match(
    await ip("route show table 142 proto static"),
    /^prohibit 10\.42\.1\.9 /,
  );
});

Deno.test("an address that somebody else has put into table 142 is passed over", async () => {
  await using _ground = await makeGround();
  await using peer = await openNodeUnderTest();
  await peer.configure(SUBNET);
  await ip("route add blackhole 10.42.1.2 table 142 proto static metric 142");
  // The second call builds on the first one, which does not come out as planned.
  const answers = await Promise.all([allocate(peer, "a"), allocate(peer, "a")]);
  assert.deepEqual(answers, ["10.42.1.3", "10.42.1.3"]);
  assert.match(
    await allocate(peer, "b", "10.42.1.2"),
    /^Address 10\.42\.1\.2 is taken; /,
  );
  assert.equal(
    await ip("route show table 142 proto static"),
    "blackhole 10.42.1.2 metric 142 \n",
  );
});

Deno.test("an entry where a part of a name would stand is no obstacle, and stays if it is not ours", async () => {
  await using _ground = await makeGround();
  await using peer = await openNodeUnderTest();
  await peer.configure(SUBNET);
  await ip("route add blackhole 10.42.1.2 table 142 proto static metric 143");
  // Ours, and of no use: it is removed.
  await ip("route add prohibit 10.42.1.4 table 142 proto 142 metric 143 window 7");
  assert.equal(await allocate(peer, "a"), "10.42.1.2");
  assert.equal(await allocate(peer, "b", "10.42.1.4"), "10.42.1.4");
  assert.deepEqual(await list(peer), ["10.42.1.2 a", "10.42.1.4 b"]);
  assert.equal((await entries()).length, 3);
  assert.match(
    await ip("route show table 142 proto static"),
    /^blackhole 10\.42\.1\.2 /,
  );
});

Deno.test("an allocation that an earlier life's ip still makes is nobody else's", async () => {
  await using _ground = await makeGround();
  let theirs: string;
  {
    await using peer = await openNodeUnderTest();
    await peer.configure(SUBNET);
    await allocate(peer, "early");
    theirs = await ip("route show table 142 type prohibit");
    await release(peer, "owner", "early");
    for (const owner of ["w", "x"]) await allocate(peer, owner, "10.42.1.254");
  }
  await using peer = await openNodeUnderTest();
  await batch(
    theirs.trim().split("\n").map((line) => `route add ${line} table 142 proto 142`),
  );
  assert.equal(await allocate(peer, "late"), "10.42.1.3");
  assert.deepEqual(await list(peer), [
    "10.42.1.2 early",
    "10.42.1.3 late",
    "10.42.1.254 w",
  ]);
});

Deno.test("an allocation that nobody here made is found, and shown as one of an unknown owner", async () => {
  await using _ground = await makeGround();
  await using peer = await openNodeUnderTest();
  await peer.configure(SUBNET);
  await ip("route add prohibit 10.42.1.77 table 142 proto 142 metric 142 window 7");
  await until(async () => (await list(peer)).includes("10.42.1.77 ?"), {
    what: "the allocation, with the next look at everything",
  });
  assert.equal(await release(peer, "address", "10.42.1.77"), "10.42.1.77");
  assert.deepEqual(await entries(), []);
});

Deno.test("table 142 flushed behind our back: addresses, names and the round are written again", async () => {
  await using _ground = await makeGround();
  await using peer = await openNodeUnderTest();
  await peer.configure(SUBNET);
  for (const owner of ["a", LONG, "c"]) await allocate(peer, owner);
  await release(peer, "owner", "c");
  const before = await ip("route show table 142");
  await flushMemory();
  await until(async () => await ip("route show table 142") === before, {
    what: "table 142 as it was",
  });
  assert.match(
    peer.log.join("\n"),
    /warn: Remembered again, gone from table 142: 10\.42\.1\.2\/32, 10\.42\.1\.3\/32$/m,
  );
  assert.equal(await allocate(peer, "d"), "10.42.1.5");
});

Deno.test("a name changed behind our back is written again", async () => {
  await using _ground = await makeGround();
  await using peer = await openNodeUnderTest();
  await peer.configure(SUBNET);
  await allocate(peer, LONG);
  const before = await ip("route show table 142");
  await ip("route del prohibit 10.42.1.2 table 142 proto 142 metric 144");
  await until(async () => await ip("route show table 142") === before, {
    what: "the part of the name",
  });
});

Deno.test("a caller that has gone gets no address", async () => {
  await using _ground = await makeGround();
  await using peer = await openNodeUnderTest();
  await peer.configure(SUBNET);
  const gone = { ...caller("AllocateAddress"), gone: () => true };
  const outcome = await peer.node.podNetwork.allocateAddress("a", "", gone);
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
  ["a", "10.42.1.1", /^Address 10\.42\.1\.1 is the gateway, which is never given$/],
];

Deno.test("what is no owner or no address is refused, and nothing is written", async () => {
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
    word(await peer.node.podNetwork.releaseAddress(nothing, call)),
    "Nothing to release is named; set address or owner",
  );
  assert.deepEqual(peer.mutations(), []);
});
