/** Two hosts on which a fault of the data path is planted, named and mended. */
import assert from "node:assert/strict";
import { isJsonObject, type JsonObject, parseJsonObject } from "../../deploy/json.ts";
import { connectClient } from "../support/client.ts";
import type { Namespace } from "../support/namespace.ts";
import { clientCommand } from "../support/serve_task.ts";
import { type Sidecar, startSidecar } from "../support/sidecar.ts";
import { slowness } from "../support/slowness.ts";
import { until } from "../support/wait.ts";
import { done } from "./host.ts";
import { forgetNeighbours, type PlantedFault, runLines } from "./planted_faults.ts";
import { makeTwoHosts, type Pinger, startPinger, type TwoHosts } from "./two_hosts.ts";

/** Within which a fault is named, and its end noticed, on a quiet machine. */
const NAMED_MS = 3_000;

/** Waits for what must be there in time: 3 s on a quiet machine. */
export async function inTime<Found>(
  condition: () => Found | false | undefined | Promise<Found | false | undefined>,
  what: string | (() => string),
): Promise<Found> {
  const before = await slowness();
  const startedMs = performance.now();
  const found = await until(condition, { what });
  const tookMs = performance.now() - startedMs;
  const limitMs = NAMED_MS * Math.max(before, await slowness());
  const named = typeof what === "string" ? what : what();
  assert.ok(tookMs < limitMs, `${named} took ${tookMs} ms, expected ${limitMs}`);
  return found;
}

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
export interface FaultyMesh extends TwoHosts {
  /** Of the first host. */
  readonly sidecar: Sidecar;
  /** Stops it, runs shell lines on its host, and starts another one. */
  readonly restart: (between: readonly string[]) => Promise<Sidecar>;
  /** From the first host's container to the other one's. */
  readonly pinger: Pinger;
  /** Fails unless nothing is found, and the containers talk. */
  readonly isHealthy: () => Promise<void>;
}

/** Makes a healthy mesh. */
export async function makeMesh(): Promise<FaultyMesh> {
  await using stack = new AsyncDisposableStack();
  const { one, two } = stack.use(await makeTwoHosts());
  // A third node, of which only the entries exist.
  await runLines(one.host, [
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
  const restart = async (between: readonly string[]): Promise<Sidecar> => {
    sidecar.kill("SIGTERM");
    await sidecar.status;
    await runLines(one.host, between);
    return kept.use(await startSidecar(one.host));
  };
  return {
    one,
    two,
    sidecar,
    pinger,
    restart,
    isHealthy,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/**
 * Plants a fault, and fails unless packets stop where they should, status and log name
 * the fault in time, and its remedy ends it.
 *
 * @param path where the programs of the remedy are looked for
 */
export async function testFault(fault: PlantedFault, path?: string): Promise<void> {
  await using mesh = await makeMesh();
  const { one, pinger } = mesh;
  // Before its first route each host has more peers than routes, and says so.
  const linesBefore = mesh.sidecar.log.length;
  const { whileStopped } = fault;
  const [sidecar, before] = whileStopped === undefined
    ? [mesh.sidecar, linesBefore]
    : [await mesh.restart(whileStopped), 0];
  const logged = (words: string): Promise<string> =>
    inTime(
      () => sidecar.log.slice(before).find((line) => line.includes(words)),
      () => `${words} in the log:\n${sidecar.log.join("\n")}`,
    );
  await runLines(mesh.two.host, fault.onPeer ?? []);
  await runLines(one.host, fault.plant);
  if (fault.effect !== "risk") {
    if (fault.effect === "stops") await forgetNeighbours(mesh);
    assert.equal(await pinger.reaches(300, 10), false, "packets still get through");
  }
  const named = await inTime(async () => {
    const found = await findings(one.host);
    const about = found.filter(({ id }) => id === fault.id);
    return about.length > 0 && about;
  }, fault.id);
  const line = await logged(`WARN: ${fault.id} (`);
  const doctor = await one.host.run(clientCommand("doctor", ["--json"]));
  const isCritical = named.some(({ severity }) => severity === "critical");
  assert.ok(isCritical || fault.effect === "risk", JSON.stringify(named));
  assert.equal(doctor.code, isCritical ? 1 : 3, doctor.stderr);
  assert.ok(doctor.stdout.includes(`"id":"${fault.id}"`), doctor.stdout);
  const remedy = named.flatMap(remedyOf);
  assert.ok(line.includes(remedy[0] ?? "?"), line);
  const words = Object.entries(fault.fill ?? {});
  await runLines(
    one.host,
    remedy.map((each) =>
      words.reduce((text, [word, value]) => text.replaceAll(word, value), each)
    ),
    path,
  );
  await inTime(
    async () => !(await findings(one.host)).some(({ id }) => id === fault.id),
    `the end of ${fault.id}`,
  );
  await logged(`INFO: ${fault.id} (`);
  await runLines(one.host, fault.clear ?? []);
  await mesh.isHealthy();
}
