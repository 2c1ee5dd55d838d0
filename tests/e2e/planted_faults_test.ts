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

/** Two hosts whose containers talk, and what the first one's operator sees. */
async function makeMesh() {
  await using stack = new AsyncDisposableStack();
  const { one, two } = stack.use(await makeTwoHosts());
  // A third node, of which only the entries exist.
  await runLines(one, [
    "bridge fdb append 00:00:00:00:00:00 dev vxlan100 dst 198.51.100.3",
  ]);
  const [sidecar] = await Promise.all(
    [one, two].map(async ({ host }) => stack.use(await startSidecar(host))),
  );
  assert.ok(sidecar !== undefined);
  await Promise.all(
    ([[one, 1, [2, 3]], [two, 2, [1]]] as const).map(
      async ([{ host }, own, others]) => {
        await using client = await connectClient(host);
        assert.deepEqual(await client.configureNodeSubnet(`10.42.${own}.0/24`), done);
        for (const other of others) {
          const to = `10.42.${other}.0/24`;
          assert.deepEqual(await client.injectRoute(to, "vxlan100"), done);
        }
      },
    ),
  );
  const pinger = stack.use(await startPinger(one, "10.42.2.2", 20));
  const isHealthy = async (): Promise<void> => {
    let found: readonly JsonObject[] = [];
    await until(async () => (found = await findings(one.host)).length === 0, {
      deadlineMs: 10_000,
      what: () => `no finding: ${JSON.stringify(found)}`,
    });
    assert.equal(await pinger.reaches(10_000), true, "the containers do not talk");
  };
  await isHealthy();
  const kept = stack.move();
  return {
    one,
    two,
    sidecar,
    pinger,
    isHealthy,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

Deno.test("a healthy pair of hosts is silent", async () => {
  await using mesh = await makeMesh();
  const warnings = messagesSoFar(mesh.sidecar).filter((line) =>
    line.startsWith("WARN")
  );
  assert.deepEqual(warnings, []);
});

for (const fault of partOf(PLANTED_FAULTS, 4)) {
  Deno.test(`status and log name ${fault.id} within 3 s, and its remedy ends it: ${fault.title}`, async () => {
    await using mesh = await makeMesh();
    const { one, pinger, sidecar, two } = mesh;
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
    const line = await sidecar.logged(new RegExp(`WARN: ${fault.id} \\(`), NAMED_MS);
    const remedy = remedyOf(named);
    assert.ok(line.includes(remedy[0] ?? "?"), line);
    const words = Object.entries(fault.fill ?? {});
    await runLines(
      one,
      remedy.map((each) =>
        words.reduce((text, [word, value]) => text.replaceAll(word, value), each)
      ),
    );
    await until(
      async () => !(await findings(one.host)).some(({ id }) => id === fault.id),
      { deadlineMs: NAMED_MS, what: `the end of ${fault.id}` },
    );
    await sidecar.logged(new RegExp(`INFO: ${fault.id} \\(.*gone after`), NAMED_MS);
    await runLines(one, fault.clear ?? []);
    await mesh.isHealthy();
  });
}
