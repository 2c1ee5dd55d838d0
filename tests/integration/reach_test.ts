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
const OWN_ROUTES = [{ kind: "own-routes" }] as const;
const ABSENT = "the command ip was not found; install the package iproute2";

/** A dataplane that has answered once, and its reports of its reach since. */
interface OpenDataplane extends AsyncDisposable {
  readonly dataplane: Iproute2Dataplane;
  readonly reports: readonly (string | undefined)[];
}

async function openDataplane(): Promise<OpenDataplane> {
  const reports: (string | undefined)[] = [];
  const onReach = (fault: string | undefined) => void reports.push(fault);
  const dataplane = new Iproute2Dataplane(new AuditLog(collectAuditLog()), { onReach });
  assert.equal((await dataplane.run(READ)).kind, "answered");
  return { dataplane, reports, [Symbol.asyncDispose]: () => dataplane.close() };
}

/** Until it is disposed, no program is found. */
function hidePrograms(): Disposable {
  const path = Deno.env.get("PATH") ?? "";
  Deno.env.set("PATH", "/nonexistent");
  return { [Symbol.dispose]: () => Deno.env.set("PATH", path) };
}

/** Kills the dataplane's only `ip`, and waits for its end. */
async function killIp(): Promise<void> {
  const [pid, ...others] = ipChildren();
  assert.ok(pid !== undefined && others.length === 0, "one ip is at work");
  Deno.kill(pid, "SIGKILL");
  await until(() => !ipChildren().includes(pid), { what: "the end of ip" });
}

Deno.test("the adapter reports nothing about an ip that ends, as long as the next one answers", async () => {
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
  assert.deepEqual(open.reports, []);
});

Deno.test("the adapter reports once that ip is missing, with the reason, and once that it is back", async () => {
  await using _ground = await makeGround("vxlan100");
  await using open = await openDataplane();
  await killIp();
  {
    using _hidden = hidePrograms();
    for (let call = 0; call < 3; call += 1) {
      assert.equal((await open.dataplane.run(READ)).kind, "lost");
    }
    assert.deepEqual(open.reports, [ABSENT]);
  }
  assert.equal((await open.dataplane.run(READ)).kind, "answered");
  assert.deepEqual(open.reports, [ABSENT, undefined]);
});

Deno.test("a dump finds that ip is missing, and that it is back, without any call", async () => {
  await using _ground = await makeGround("vxlan100");
  await using open = await openDataplane();
  await killIp();
  {
    using _hidden = hidePrograms();
    assert.equal((await open.dataplane.dump(OWN_ROUTES)).kind, "lost");
    assert.deepEqual(open.reports, [ABSENT]);
  }
  assert.equal((await open.dataplane.dump(OWN_ROUTES)).kind, "answered");
  assert.deepEqual(open.reports, [ABSENT, undefined]);
});

Deno.test("the adapter reports nothing about a dump that fails, while the ip of the calls answers", async () => {
  await using _ground = await makeGround("vxlan100");
  await using open = await openDataplane();
  using _hidden = hidePrograms();
  assert.equal((await open.dataplane.dump(OWN_ROUTES)).kind, "lost");
  assert.deepEqual(open.reports, []);
  assert.equal((await open.dataplane.run(READ)).kind, "answered");
});
