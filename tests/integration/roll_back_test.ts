import assert from "node:assert/strict";
import type { Operation } from "../../src/dataplane/dataplane.ts";
import { until } from "../support/wait.ts";
import { ip, makeGround, routesTo } from "../support/fixtures.ts";
import { openReconciledRoutes, type ReconciledRoutes } from "./reconciled_routes.ts";
import { peers, shown } from "./routes_harness.ts";

const TO = "10.42.2.0/24";
const OTHER = peers(9, 1);
const CONNECTED = `${TO} is directly connected on other; refusing to replace it`;

/** A node that adds routes without a read, and a connected route to TO. */
async function openRefused(): Promise<ReconciledRoutes> {
  const node = await openReconciledRoutes({ watches: false, resyncs: false });
  await node.sync(OTHER);
  node.cache.learnAll([]);
  await ip(`route add ${TO} dev other proto kernel`);
  return node;
}

/** Loses `count` batches with such a command for TO; the result counts them. */
function lose(
  { dataplane }: ReconciledRoutes,
  kind: "delete-entry" | "put-entry",
  count: number,
): () => number {
  let lost = 0;
  const picks = ({ command }: Operation) =>
    command.kind === kind && command.entry.prefix === TO;
  dataplane.loses = (operations) => {
    if (lost >= count || !operations.some(picks)) return undefined;
    lost += 1;
    return "before";
  };
  return () => lost;
}

for (const rpc of ["InjectRoute", "SyncRoutes"] as const) {
  const ask = (node: ReconciledRoutes): Promise<unknown> =>
    rpc === "InjectRoute" ? node.inject(TO) : node.sync([...OTHER, ...peers(2, 1)]);
  const refusal = rpc === "InjectRoute"
    ? { kind: "refused", sentence: CONNECTED }
    : [`refused ${TO}: ${CONNECTED}`, "unchanged 10.42.9.0/24"];

  Deno.test(`${rpc} that is refused leaves no record behind, although ip was lost during the roll-back`, async () => {
    await using _ground = await makeGround("vxlan100", "other");
    await using node = await openRefused();
    const lost = lose(node, "delete-entry", 1);
    assert.deepEqual(await ask(node), refusal);
    assert.equal(lost(), 1);
    assert.deepEqual(await node.ours(), shown(OTHER));
  });

  Deno.test(`${rpc} that is refused completes its roll-back as soon as the kernel answers, and removes nothing else`, async () => {
    await using _ground = await makeGround("vxlan100", "other");
    await using node = await openRefused();
    await ip(`route add ${TO} dev other proto static metric 50`);
    const watch = node.routes.watch(() => {});
    watch.take();
    lose(node, "delete-entry", 5);
    assert.deepEqual(await ask(node), refusal);
    await until(async () => (await node.ours()).join() === shown(OTHER).join(), {
      what: "the record to be deleted",
    });
    assert.equal(watch.take(), undefined);
    assert.equal((await routesTo(TO)).length, 2);
  });
}

Deno.test("InjectRoute that is refused restores the desired route of before as soon as the kernel answers", async () => {
  await using _ground = await makeGround("vxlan100", "other");
  await using node = await openRefused();
  await node.inject(TO, "later");
  const before = await node.ours();
  let wrote = false;
  const lost = lose(node, "put-entry", 5);
  const { loses } = node.dataplane;
  // The first one is the refused call's own.
  node.dataplane.loses = (operations) => {
    if (wrote) return loses(operations);
    wrote = operations.some(({ command }) => command.kind === "put-entry");
    return undefined;
  };
  assert.deepEqual(await node.inject(TO), { kind: "refused", sentence: CONNECTED });
  assert.notDeepEqual(await node.ours(), before);
  await until(async () => (await node.ours()).join() === before.join(), {
    what: () => `the record of before; ${lost()} were lost`,
  });
});
