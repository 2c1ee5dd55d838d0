import assert from "node:assert/strict";
import { AuditLog } from "../../src/dataplane/audit_log.ts";
import { Iproute2Dataplane } from "../../src/dataplane/iproute2/adapter.ts";
import { absentTask } from "../../src/reconcile/absent.ts";
import { converge } from "../../src/reconcile/converge.ts";
import type { AbsentReached } from "../../src/reconcile/goal.ts";
import { KernelCache } from "../../src/reconcile/kernel_cache.ts";
import { routeEntry } from "../../src/state/table142_codec.ts";
import { addVxlan, makeNamespace, type Namespace } from "../support/namespace.ts";
import { CAUSE, cidr, device, found, keepTrail } from "../support/fixtures.ts";
import { openNodeUnderTest } from "./node_harness.ts";

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

Deno.test("where nobody ever wrote to table 142, forgetting is no failure", async () => {
  await using namespace = await makeNamespace();
  await using _inside = await moveInto(namespace);
  const dataplane = new Iproute2Dataplane(new AuditLog(keepTrail()));
  await using _door = { [Symbol.asyncDispose]: () => dataplane.close() };
  const entry = routeEntry({ destination: TO, device: device("vxlan100") });
  const reply = await dataplane.run([
    { command: { kind: "delete-entry", entry }, cause: CAUSE },
    { command: { kind: "delete-route", route: found(TO) }, cause: CAUSE },
  ]);
  const kinds = reply.kind === "answered"
    ? reply.results.map((result) => result.ok ? "done" : result.failure.kind)
    : reply;
  assert.deepEqual(kinds, ["no-table", "absent"]);
  const { promise, resolve } = Promise.withResolvers<AbsentReached>();
  const goal = { destination: TO, owners: "overlay", installed: undefined } as const;
  const snapshot = new KernelCache();
  await converge(dataplane, snapshot, [
    absentTask({ ...goal, forget: entry, cause: CAUSE }, snapshot, resolve),
  ]);
  assert.deepEqual(await promise, { kind: "removed" });
});

Deno.test("a namespace that knows no address at all can be served", async () => {
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
