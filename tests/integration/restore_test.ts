import assert from "node:assert/strict";
import { allocate, list, release } from "./addresses_harness.ts";
import { batch, cidr, ip, makeGround, routesTo } from "../support/fixtures.ts";
import { openNodeUnderTest } from "./node_harness.ts";

const SUBNET = "10.42.1.0/24";
const TO = "10.42.2.0/24";

/** With our protocol number, and such that no call could name it. */
const OUTSIDE = [
  "route add default via 192.0.2.254 dev other proto 142",
  "route add 203.0.113.0/24 via 192.0.2.254 dev other proto 142 metric 50",
  "route add 10.42.0.0/16 dev other proto 142",
  "route add 10.42.7.0/25 dev other proto 142",
  "route add unreachable 198.51.100.0/24 table 142 proto 142 metric 142 window 1987603553 ssthresh 1848717360",
  "route add blackhole 10.43.1.0/24 table 142 proto 142 metric 142 window 9",
];

async function everything(): Promise<string> {
  return await ip("-4 route show table all");
}

Deno.test("a route with our protocol number outside of this cluster's subnets is logged once, and left alone at the start and on exit", async () => {
  await using _ground = await makeGround("vxlan100", "other");
  await batch(["address add 192.0.2.1/24 dev other", ...OUTSIDE]);
  const before = await everything();
  {
    await using peer = await openNodeUnderTest({ removeRoutesOnExit: true });
    assert.equal(await everything(), before);
    assert.equal(await peer.inject(TO), "added");
    assert.equal(await peer.configure(SUBNET), "configured");
    const logged = peer.log.filter((line) => line.includes("protocol 142"));
    assert.deepEqual(logged, [
      "warn: Ignored 6 routes of protocol 142 that do not match --cluster-cidr " +
      "10.42.0.0/16 and --node-prefix 24: 10.43.1.0/24, 198.51.100.0/24, 0.0.0.0/0 and 3 more; " +
      "list them with: ip route show table all proto 142",
    ]);
  }
  assert.equal(await everything(), before);
});

for (
  const [what, policy] of [
    ["cluster CIDR", { clusterCidr: cidr("10.43.0.0/16"), nodePrefix: 24 }],
    ["node prefix", { clusterCidr: cidr("10.42.0.0/16"), nodePrefix: 25 }],
  ] as const
) {
  Deno.test(`restore ignores all records of before under another ${what}, and takes them again under the old one`, async () => {
    await using _ground = await makeGround("vxlan100");
    {
      await using peer = await openNodeUnderTest();
      await peer.configure("10.42.9.0/24");
      assert.equal(await peer.configure(SUBNET), "configured");
      assert.equal(await peer.inject(TO), "added");
    }
    const before = await everything();
    {
      await using peer = await openNodeUnderTest({ policy });
      assert.deepEqual(await peer.node.routes.list(), []);
      const { configured } = await peer.node.network.nodeNetwork();
      assert.equal(configured, undefined);
      assert.deepEqual(peer.mutations(), []);
    }
    assert.equal(await everything(), before);
    await ip(`route del ${TO}`);
    await using peer = await openNodeUnderTest();
    assert.deepEqual(await routesTo(TO), [`${TO} dev vxlan100 proto 142 scope link`]);
    const { configured } = await peer.node.network.nodeNetwork();
    assert.equal(configured?.subnet, SUBNET);
    assert.equal(configured.revision, 2);
  });
}

Deno.test("ConfigureNodeSubnet accepts a new subnet beside one of another cluster CIDR, with a higher revision", async () => {
  await using _ground = await makeGround();
  await ip("route add blackhole 10.43.1.0/24 table 142 proto 142 metric 142 window 9");
  {
    await using peer = await openNodeUnderTest();
    assert.equal(await peer.configure(SUBNET), "configured");
  }
  await using peer = await openNodeUnderTest();
  const { configured } = await peer.node.network.nodeNetwork();
  assert.equal(configured?.subnet, SUBNET);
  assert.equal(configured.revision, 10);
});

Deno.test("restore leaves one of two routes of ours for one destination, with a record or without", async () => {
  await using _ground = await makeGround("vxlan100", "other");
  {
    await using peer = await openNodeUnderTest();
    assert.equal(await peer.inject(TO), "added");
  }
  const ours = (to: string) => [`${to} dev vxlan100 proto 142 scope link`];
  await batch([
    `route add ${TO} dev vxlan100 proto 142 metric 100`,
    "route add 10.42.3.0/24 dev vxlan100 proto 142",
    "route add 10.42.3.0/24 dev other proto 142 metric 100",
  ]);
  await using peer = await openNodeUnderTest();
  for (const to of [TO, "10.42.3.0/24"]) {
    assert.deepEqual(await routesTo(to), ours(to));
    assert.equal(await peer.inject(to), "unchanged");
  }
});

Deno.test("restore logs an allocated address that the gateway has now, with its owner, and never allocates it again", async () => {
  await using _ground = await makeGround();
  {
    await using peer = await openNodeUnderTest();
    await peer.configure(SUBNET);
    assert.equal(await allocate(peer, "web-1"), "10.42.1.2");
  }
  const gatewayIndex = 2;
  const warning = 'warn: Address 10.42.1.2 is the gateway and taken by "web-1"; ' +
    "release it, or start with another --gateway-index";
  {
    await using peer = await openNodeUnderTest({ gatewayIndex });
    assert.ok(peer.log.includes(warning), peer.log.join("\n"));
    assert.equal(await allocate(peer, "web-1"), "10.42.1.2");
    assert.equal(await release(peer, "owner", "web-1"), "10.42.1.2");
    assert.equal(
      await allocate(peer, "web-2", "10.42.1.2"),
      "Address 10.42.1.2 is the gateway, which is never allocated",
    );
  }
  await using peer = await openNodeUnderTest({ gatewayIndex });
  assert.ok(!peer.log.includes(warning));
});

Deno.test("ConfigureNodeSubnet accepts only a subnet with all allocated addresses after the subnet's record was lost", async () => {
  await using _ground = await makeGround();
  {
    await using peer = await openNodeUnderTest();
    await peer.configure(SUBNET);
    for (const owner of ["a", "b"]) await allocate(peer, owner);
  }
  await ip(`route del blackhole ${SUBNET} table 142 proto 142 metric 142`);
  await using peer = await openNodeUnderTest();
  assert.match(
    await peer.configure("10.42.2.0/24"),
    /^Cannot change node subnet to 10\.42\.2\.0\/24 while 2 addresses outside of it are allocated: /,
  );
  assert.equal(await peer.configure(SUBNET), "configured");
  assert.deepEqual(await list(peer), ["10.42.1.2 a", "10.42.1.3 b"]);
  assert.equal(await allocate(peer, "c"), "10.42.1.4");
  for (const owner of ["a", "b", "c"]) await release(peer, "owner", owner);
  assert.equal(await peer.configure("10.42.2.0/24"), "configured");
});

Deno.test("ConfigureNodeSubnet is refused while addresses of another cluster CIDR are allocated", async () => {
  await using _ground = await makeGround();
  {
    await using peer = await openNodeUnderTest();
    await peer.configure(SUBNET);
    await allocate(peer, "a");
  }
  const policy = { clusterCidr: cidr("10.43.0.0/16"), nodePrefix: 24 };
  await using peer = await openNodeUnderTest({ policy });
  assert.match(await allocate(peer, "b"), /^No node subnet is configured yet/);
  assert.match(
    await peer.configure("10.43.1.0/24"),
    /^Cannot change node subnet to 10\.43\.1\.0\/24 while 1 address outside of it is allocated: /,
  );
  assert.equal(await release(peer, "owner", "a"), "10.42.1.2");
  assert.equal(await peer.configure("10.43.1.0/24"), "configured");
  assert.equal(await allocate(peer, "b"), "10.43.1.2");
});
