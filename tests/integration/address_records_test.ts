import assert from "node:assert/strict";
import { until } from "../support/wait.ts";
import {
  allocate,
  entries,
  flushStateTable,
  list,
  release,
} from "./addresses_harness.ts";
import { batch, ip, makeGround } from "../support/fixtures.ts";
import { openNodeUnderTest } from "./node_harness.ts";

const SUBNET = "10.42.1.0/24";
const LONG = "x".repeat(128);

Deno.test("restore removes parts of names that no allocation has, and nothing else", async () => {
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

Deno.test("AllocateAddress skips an address that another process has put into table 142", async () => {
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

Deno.test("AllocateAddress works beside an entry in the place of a name part, and leaves a foreign one there", async () => {
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

Deno.test("AllocateAddress skips an address that the ip of an earlier process still allocates", async () => {
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

Deno.test("resync finds an allocation that this process has not made, and ListAddresses shows it with an unknown owner", async () => {
  await using _ground = await makeGround();
  await using peer = await openNodeUnderTest({ resyncMs: 200 });
  await peer.configure(SUBNET);
  await ip("route add prohibit 10.42.1.77 table 142 proto 142 metric 142 window 7");
  await until(async () => (await list(peer)).includes("10.42.1.77 ?"), {
    what: "the allocation, after the next resync",
  });
  assert.equal(await release(peer, "address", "10.42.1.77"), "10.42.1.77");
  assert.deepEqual(await entries(), []);
});

Deno.test("resync writes addresses, names and the cursor again after another process flushed table 142", async () => {
  await using _ground = await makeGround();
  await using peer = await openNodeUnderTest();
  await peer.configure(SUBNET);
  for (const owner of ["a", LONG, "c"]) await allocate(peer, owner);
  await release(peer, "owner", "c");
  const before = await ip("route show table 142");
  await flushStateTable();
  await until(async () => await ip("route show table 142") === before, {
    what: "table 142 as it was",
  });
  assert.match(
    peer.log.join("\n"),
    /warn: Restored 3 records that were missing from table 142: 10\.42\.1\.0\/24, 10\.42\.1\.2\/32, 10\.42\.1\.3\/32$/m,
  );
  assert.equal(await allocate(peer, "d"), "10.42.1.5");
});

Deno.test("resync writes an owner's name again after another process changed it", async () => {
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
