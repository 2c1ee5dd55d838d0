import assert from "node:assert/strict";
import type { AbsentOutcome } from "../../src/reconcile/outcome.ts";
import { planAbsent } from "../../src/reconcile/plan.ts";
import { loopKey } from "../../src/reconcile/reconciler.ts";
import { TABLE_142 } from "../../src/state/table142_store.ts";
import { addVxlan, makeNamespace, type Namespace } from "../support/namespace.ts";
import { CAUSE, cidr, device, found } from "../support/fixtures.ts";
import { openNodeUnderTest } from "./node_harness.ts";
import { openRoutes } from "./routes_harness.ts";

const TO = cidr("10.42.2.0/24");

/** Lets every `ip` of this process start inside a namespace, as long as it lasts. */
async function moveInto(namespace: Namespace): Promise<AsyncDisposable> {
  const path = Deno.env.get("PATH") ?? "";
  const real = path.split(":").map((folder) => `${folder}/ip`).find((file) => {
    try {
      return Deno.statSync(file).isFile;
    } catch {
      return false;
    }
  });
  const folder = await Deno.makeTempDir();
  const script = `#!/bin/sh\nexec ${real} -n ${namespace.name} "$@"\n`;
  await Deno.writeTextFile(`${folder}/ip`, script, { mode: 0o755 });
  Deno.env.set("PATH", `${folder}:${path}`);
  return {
    [Symbol.asyncDispose]: async () => {
      Deno.env.set("PATH", path);
      await Deno.remove(folder, { recursive: true });
    },
  };
}

Deno.test("deleting a record succeeds where table 142 does not exist yet", async () => {
  await using namespace = await makeNamespace();
  await using _inside = await moveInto(namespace);
  await using node = openRoutes({ resynced: false });
  const route = { destination: TO, device: device("vxlan100") };
  const record = { kind: "route", route, claimed: true } as const;
  const reply = await node.dataplane.run([
    ...TABLE_142.stage({ kind: "delete", record }, CAUSE),
    { command: { kind: "delete-route", route: found(TO) }, cause: CAUSE },
  ]);
  const kinds = reply.kind === "answered"
    ? reply.results.map((result) => result.ok ? "done" : result.failure.kind)
    : reply;
  assert.deepEqual(kinds, ["no-table", "absent"]);
  const outcomes: AbsentOutcome[] = [];
  const goal = { destination: TO, owners: "overlay", installed: undefined } as const;
  await node.reconciler.reconcile([loopKey<AbsentOutcome>({
    cause: CAUSE,
    device: undefined,
    plan: () => planAbsent({ ...goal, erase: record }, { clear: false }),
    commit: (outcome) => void outcomes.push(outcome),
  })]);
  assert.deepEqual(outcomes, [{ kind: "removed" }]);
});

Deno.test("a node starts in a namespace that has no address at all", async () => {
  await using namespace = await makeNamespace();
  await addVxlan(namespace);
  await namespace.ip("address flush dev lo");
  await namespace.ip("link set lo down");
  await using _inside = await moveInto(namespace);
  await using peer = await openNodeUnderTest();
  assert.equal(await peer.remove(TO), "absent");
  assert.equal(await peer.configure("10.42.1.0/24"), "configured");
  assert.equal(await peer.inject(TO, "nowhere"), "Interface 'nowhere' not found");
  assert.equal(await peer.inject(TO), "added");
  assert.equal(await peer.inject(TO), "unchanged");
  const routes = await namespace.ip("-4 route show");
  assert.equal(routes.trim(), `${TO} dev vxlan100 proto 142 scope link`);
  assert.equal(await peer.remove(TO), "removed");
  assert.equal(await namespace.ip("-4 route show"), "");
});
