// @long @needs go
import assert from "node:assert/strict";
import { isJsonObject, type JsonObject, parseJsonObject } from "../../deploy/json.ts";
import { connectClient } from "../support/client.ts";
import type { Namespace } from "../support/namespace.ts";
import { clientCommand } from "../support/serve_task.ts";
import { startSidecar } from "../support/sidecar.ts";
import { partOf } from "../support/suite.ts";
import { until } from "../support/wait.ts";
import { done, messagesSoFar } from "./host.ts";
import { FORGET, PLANTED_FAULTS, runLines } from "./planted_faults.ts";
import { makeTwoHosts, startPinger } from "./two_hosts.ts";

/** Within which a fault is named, and its end noticed. */
const NAMED_MS = 3_000;

async function findings(namespace: Namespace): Promise<readonly JsonObject[]> {
  const { code, stderr, stdout } = await namespace.run(
    clientCommand("status", ["--json"]),
    { env: { NO_COLOR: "1" } },
  );
  assert.deepEqual([code, stderr], [0, ""]);
  const found = parseJsonObject(stdout)["findings"];
  assert.ok(Array.isArray(found));
  return found.filter(isJsonObject);
}

const text = (value: unknown): string => typeof value === "string" ? value : "";

function remedyOf(finding: JsonObject): readonly string[] {
  const remedy = finding["remedy"];
  assert.ok(Array.isArray(remedy) && remedy.length > 0, JSON.stringify(finding));
  return remedy.map(text);
}

Deno.test("status, log and doctor name each planted fault of the data path, and its remedy ends it", async (test) => {
  await using stack = new AsyncDisposableStack();
  const hosts = stack.use(await makeTwoHosts());
  const { one, two } = hosts;
  await runLines(one, [
    "bridge fdb append 00:00:00:00:00:00 dev vxlan100 dst 198.51.100.3",
  ]);
  const [sidecar] = await Promise.all(
    [one, two].map(async ({ host }) => stack.use(await startSidecar(host))),
  );
  assert.ok(sidecar !== undefined);
  for (const [host, own, others] of [[one, 1, [2, 3]], [two, 2, [1]]] as const) {
    await using client = await connectClient(host.host);
    assert.deepEqual(await client.configureNodeSubnet(`10.42.${own}.0/24`), done);
    for (const other of others) {
      assert.deepEqual(
        await client.injectRoute(`10.42.${other}.0/24`, "vxlan100"),
        done,
      );
    }
  }
  const pinger = stack.use(await startPinger(one, "10.42.2.2", 20));
  const healthy = async (): Promise<void> => {
    let found: readonly JsonObject[] = [];
    await until(async () => (found = await findings(one.host)).length === 0, {
      deadlineMs: 10_000,
      what: () => `no finding: ${JSON.stringify(found)}`,
    });
    assert.equal(await pinger.reaches(10_000), true);
  };
  await healthy();
  assert.deepEqual(
    messagesSoFar(sidecar).filter((line) => line.startsWith("WARN")),
    [],
    "a healthy pair is silent",
  );

  for (const fault of partOf(PLANTED_FAULTS, 4)) {
    await test.step(`${fault.id}: ${fault.title}`, async () => {
      const before = messagesSoFar(sidecar).length;
      if (fault.onPeer !== undefined) await runLines(two, fault.onPeer);
      await runLines(one, fault.plant);
      if (fault.effect === "stops") {
        // What a host has learned lets packets through for a while.
        await runLines(two, [FORGET]);
        assert.equal(await pinger.reaches(300, 10), false, "packets still get through");
      }
      const named = await until(
        async () => (await findings(one.host)).find(({ id }) => id === fault.id),
        { deadlineMs: NAMED_MS, what: fault.id },
      );
      const line = await until(
        () =>
          messagesSoFar(sidecar).slice(before).find((line) =>
            line.includes(`WARN: ${fault.id} (`)
          ),
        { deadlineMs: NAMED_MS, what: `${fault.id} in the log` },
      );
      const remedy = remedyOf(named);
      assert.ok(line.includes(remedy[0] ?? "?"), line);
      for (const each of remedy) {
        let filled = each;
        for (const [word, value] of Object.entries(fault.fill ?? {})) {
          filled = filled.replaceAll(word, value);
        }
        await runLines(one, [filled]);
      }
      await runLines(one, fault.clear ?? []);
      await until(
        async () => !(await findings(one.host)).some(({ id }) => id === fault.id),
        {
          deadlineMs: NAMED_MS,
          what: `the end of ${fault.id}`,
        },
      );
      await healthy();
    });
  }
});
