import assert from "node:assert/strict";
import { AuditLog } from "../../src/dataplane/audit_log.ts";
import type { Operation } from "../../src/dataplane/dataplane.ts";
import { Iproute2Dataplane } from "../../src/dataplane/iproute2/adapter.ts";
import { runToEnd } from "../support/namespace.ts";
import {
  CAUSE,
  cidr,
  collectAuditLog,
  device,
  makeGround,
} from "../support/fixtures.ts";

function write(octet: number): readonly Operation[] {
  return [{
    command: {
      kind: "replace-route",
      route: { destination: cidr(`10.42.${octet}.0/24`), device: device("vxlan100") },
    },
    cause: CAUSE,
  }];
}

/** Leaves this process no file descriptor until it is disposed. */
async function takeAllDescriptors(): Promise<AsyncDisposable> {
  const limit = async (nofile: string): Promise<void> => {
    const { code, stderr } = await runToEnd([
      "prlimit",
      `--pid=${Deno.pid}`,
      `--nofile=${nofile}`,
    ]);
    assert.equal(code, 0, stderr);
  };
  const before = Deno.readTextFileSync("/proc/self/limits");
  const soft = /^Max open files +(\d+)/m.exec(before)?.[1] ?? "";
  // Only the soft limit: the hard one could not be raised again by an ordinary user.
  await limit("128:");
  const taken: Deno.FsFile[] = [];
  for (;;) {
    try {
      taken.push(Deno.openSync("/dev/null"));
    } catch {
      break;
    }
  }
  return {
    [Symbol.asyncDispose]: async () => {
      for (const file of taken) file.close();
      await limit(`${soft}:`);
    },
  };
}

Deno.test("Dataplane reports that it has no file descriptor for ip, and recovers when it has", async () => {
  await using _ground = await makeGround("vxlan100");
  const dataplane = new Iproute2Dataplane(new AuditLog(collectAuditLog()), {
    mutationsPerProcess: 4,
  });
  await using _ = { [Symbol.asyncDispose]: () => dataplane.close() };
  assert.equal((await dataplane.run(write(1))).kind, "answered");
  {
    await using _none = await takeAllDescriptors();
    // The replacement cannot be started, which must not affect these batches.
    for (const octet of [2, 3, 4]) {
      assert.equal((await dataplane.run(write(octet))).kind, "answered");
    }
    assert.deepEqual(await dataplane.run(write(5)), {
      kind: "lost",
      why: "ip cannot be started: too many open files; raise the limit (ulimit -n)",
    });
  }
  assert.equal((await dataplane.run(write(6))).kind, "answered");
});
