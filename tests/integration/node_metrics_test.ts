/** What metrics show of a node, and that they have no more series for more of anything. */
import assert from "node:assert/strict";
import { checkClusterPolicy } from "../../src/ipam/policy.ts";
import { observeState } from "../../src/observability/instruments.ts";
import {
  type CollectedMetrics,
  collectMetrics,
  nameOf,
} from "../support/collected_metrics.ts";
import { ip, makeGround } from "../support/fixtures.ts";
import { bounded } from "../support/suite.ts";
import { until } from "../support/wait.ts";
import { caller, type NodeUnderTest, openNodeUnderTest } from "./node_harness.ts";

interface MeasuredNode extends AsyncDisposable, CollectedMetrics, NodeUnderTest {}

/** A node that counts, with its gauges. Each of its subnets has 4,096 addresses. */
async function openMeasuredNode(): Promise<MeasuredNode> {
  const policy = checkClusterPolicy("10.0.0.0/8", 20);
  assert.ok(policy.ok);
  const metrics = collectMetrics();
  const { instruments, meters } = metrics;
  const peer = await openNodeUnderTest({ instruments, policy: policy.value });
  observeState(meters.all, {
    ...peer.node.gauges,
    connections: () => 0,
    streams: () => 0,
    auditLines: { written: 0, dropped: 0 },
    logLines: { written: 0, dropped: 0 },
    version: "0.0.0",
    denoVersion: Deno.version.deno,
  });
  return { ...metrics, ...peer };
}

/** The destination with this number; that with the number 0 is the node's own. */
function destination(number: number): string {
  return `10.${number >> 4}.${(number & 15) << 4}.0/20`;
}

Deno.test("a node's gauges show its routes by state, its addresses, and its findings by id and severity", async () => {
  await using _ground = await makeGround("vxlan100");
  await using peer = await openMeasuredNode();
  const { counted, node } = peer;
  assert.deepEqual(await counted("quilt.addresses"), {});
  assert.equal(await peer.configure(destination(0)), "configured");
  const allocate = caller("AllocateAddress");
  for (const owner of ["one", "other"]) {
    const { kind } = await node.network.allocateAddress(owner, "", allocate);
    assert.equal(kind, "allocated");
  }
  const listed = await node.network.listAddresses(caller("ListAddresses"));
  assert.ok(listed.kind === "listed");
  assert.deepEqual(await counted("quilt.addresses"), {
    "quilt.addresses free": listed.free,
    "quilt.addresses used": 2,
  });
  assert.equal(await peer.inject(destination(1)), "added");
  assert.equal(await peer.inject(destination(2)), "added");
  await peer.inject(destination(3), "missing0");
  await peer.inject(destination(4), "missing1");
  assert.deepEqual(await counted("quilt.routes"), {
    "quilt.routes installed": 2,
    "quilt.routes waiting": 2,
  });
  await until(async () => {
    const { findings } = await node.dataPath.latest();
    const ids = new Map<string, number>();
    for (const { id, severity } of findings) {
      const name = `quilt.findings ${id} ${severity}`;
      ids.set(name, (ids.get(name) ?? 0) + 1);
    }
    const expected = JSON.stringify(Object.fromEntries([...ids].toSorted()));
    const shown = await counted("quilt.findings");
    return shown["quilt.findings device-missing critical"] === 2 &&
      JSON.stringify(shown) === expected;
  }, { what: "the findings" });
});

/** Every kind of thing that a node counts, with so many destinations, owners and peers. */
async function keepBusy({ counted, node }: MeasuredNode, count: number) {
  const callerOf = (rpc: string, number: number) => ({
    ...caller(rpc),
    peer: `192.0.2.1:${1024 + number}`,
  });
  const numbers = Array.from({ length: count }, (_, at) => at + 1);
  await Promise.all(
    numbers.map((number) =>
      node.routes.injectRoute(
        destination(number),
        "vxlan100",
        callerOf("InjectRoute", number),
      )
    ),
  );
  for (const number of numbers) {
    const call = callerOf("AllocateAddress", number);
    const text = `owner-${number}`;
    assert.equal(
      (await node.network.allocateAddress(text, "", call)).kind,
      "allocated",
    );
    await node.network.releaseAddress({ kind: "owner", text }, call);
  }
  const pending = (expected: number) => async () => {
    const waiting = (await counted("quilt.routes"))["quilt.routes waiting"] ?? 0;
    return waiting === expected;
  };
  await ip("link set vxlan100 down");
  await until(pending(count), { what: "all routes to wait", deadlineMs: 60_000 });
  await ip("link set vxlan100 up");
  await until(pending(0), { what: "all routes to be back", deadlineMs: 60_000 });
  await ip(`route del ${destination(1)} proto 142`);
  await until(
    async () => "quilt.repairs event changed" in await counted("quilt.repairs"),
    {
      what: "a repair",
    },
  );
  await Promise.all(
    numbers.map((number) =>
      node.routes.removeRoute(destination(number), callerOf("RemoveRoute", number))
    ),
  );
}

Deno.test("1,000 destinations, owners and peers give no series of their own", async () => {
  const names: ReadonlySet<string>[] = [];
  for (const count of [2, bounded(1_000, 200)]) {
    await using _ground = await makeGround("vxlan100");
    await using peer = await openMeasuredNode();
    assert.equal(await peer.configure(destination(0)), "configured");
    await keepBusy(peer, count);
    const series = (await peer.series()).filter(({ name }) =>
      name !== "quilt.build.info"
    );
    names.push(new Set(series.map(nameOf)));
    // Each destination, owner, peer and device has a digit, and no other value has one.
    const values = series.flatMap(({ attributes }) => Object.values(attributes));
    assert.deepEqual(values.filter((value) => /\d/.test(String(value))), []);
  }
  const [few, many] = names;
  const more = [...many ?? []].filter((name) => !few?.has(name));
  // Those of what a longer time brings: findings, the first resync.
  assert.ok(more.length < 40, more.join("\n"));
});
