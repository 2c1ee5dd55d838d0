import assert from "node:assert/strict";
import { AuditLog } from "../../src/dataplane/audit_log.ts";
import type { Operation } from "../../src/dataplane/dataplane.ts";
import { Iproute2Dataplane } from "../../src/dataplane/iproute2/adapter.ts";
import { until } from "../support/wait.ts";
import {
  collectAuditLog,
  device,
  ipChildren,
  makeGround,
} from "../support/fixtures.ts";

const READ: readonly Operation[] = [{
  command: { kind: "link", device: device("lo") },
}];
const RESYNC_READS = [{ kind: "own-routes" }] as const;
const ABSENT = "the command ip was not found; install the package iproute2";

/** A dataplane that has answered once, and the faults that it reported since. */
interface OpenDataplane extends AsyncDisposable {
  readonly dataplane: Iproute2Dataplane;
  readonly faults: readonly (string | undefined)[];
}

async function openDataplane(): Promise<OpenDataplane> {
  const reports: (string | undefined)[] = [];
  const onReach = (fault: string | undefined) => void reports.push(fault);
  const dataplane = new Iproute2Dataplane(new AuditLog(collectAuditLog()), { onReach });
  assert.equal((await dataplane.run(READ)).kind, "answered");
  return { dataplane, faults: reports, [Symbol.asyncDispose]: () => dataplane.close() };
}

/** Lets no program be found until it is disposed. */
function hidePrograms(): Disposable {
  const path = Deno.env.get("PATH") ?? "";
  Deno.env.set("PATH", "/nonexistent");
  return { [Symbol.dispose]: () => Deno.env.set("PATH", path) };
}

/** Kills the dataplane's only `ip`, and waits for its exit. */
async function killIp(): Promise<void> {
  const [pid, ...others] = ipChildren();
  assert.ok(pid !== undefined && others.length === 0, "one ip is at work");
  Deno.kill(pid, "SIGKILL");
  await until(() => !ipChildren().includes(pid), { what: "the end of ip" });
}

Deno.test("Dataplane reports no fault for an ip that is killed if the next one answers", async () => {
  await using _ground = await makeGround("vxlan100");
  await using open = await openDataplane();
  for (let round = 0; round < 5; round += 1) {
    const [pid] = ipChildren();
    assert.ok(pid !== undefined);
    Deno.kill(pid, "SIGSTOP");
    const lost = open.dataplane.run(READ);
    Deno.kill(pid, "SIGKILL");
    assert.equal((await lost).kind, "lost");
    assert.equal((await open.dataplane.run(READ)).kind, "answered");
  }
  assert.deepEqual(open.faults, []);
});

Deno.test("Dataplane reports once that ip is missing, with the reason, and once that it is back", async () => {
  await using _ground = await makeGround("vxlan100");
  await using open = await openDataplane();
  await killIp();
  {
    using _hidden = hidePrograms();
    for (let call = 0; call < 3; call += 1) {
      assert.equal((await open.dataplane.run(READ)).kind, "lost");
    }
    assert.deepEqual(open.faults, [ABSENT]);
  }
  assert.equal((await open.dataplane.run(READ)).kind, "answered");
  assert.deepEqual(open.faults, [ABSENT, undefined]);
});

Deno.test("Dataplane finds out by a dump that ip is missing, and that it is back, without calls", async () => {
  await using _ground = await makeGround("vxlan100");
  await using open = await openDataplane();
  await killIp();
  {
    using _hidden = hidePrograms();
    assert.equal((await open.dataplane.dump(RESYNC_READS)).kind, "lost");
    assert.deepEqual(open.faults, [ABSENT]);
  }
  assert.equal((await open.dataplane.dump(RESYNC_READS)).kind, "answered");
  assert.deepEqual(open.faults, [ABSENT, undefined]);
});

Deno.test("Dataplane reports no fault for a lost dump while its ip answers", async () => {
  await using _ground = await makeGround("vxlan100");
  await using open = await openDataplane();
  using _hidden = hidePrograms();
  assert.equal((await open.dataplane.dump(RESYNC_READS)).kind, "lost");
  assert.deepEqual(open.faults, []);
  assert.equal((await open.dataplane.run(READ)).kind, "answered");
});
