import { addVxlan, makeNamespace, type Namespace } from "../support/namespace.ts";
import { startSidecar } from "../support/sidecar.ts";
import { until } from "../support/wait.ts";
import { connectBenchClient } from "./bench_client.ts";
import { observe, type Observer } from "./observer.ts";
import { PEERS } from "./peers.ts";
import type { Finding } from "./report.ts";
import { median, percentile } from "./statistics.ts";

/** Each of so many routes is deleted once: a second time within 5 s is a fight. */
const DELETIONS = 200;
const REPLACEMENTS = 50;
const ROUNDS = 5;

/** After what is to be healed the sidecar is given time to be idle again. */
const PAUSE_MS = 20;
/** The first look at everything comes a second after the start. */
const SETTLE_MS = 1500;
const DOWN_MS = 300;

const OTHER = "other0";

const destinations = PEERS.map(({ destination }) => destination);

interface Scene {
  readonly namespace: Namespace;
  readonly observer: Observer;
}

/** How soon a change by another process is repaired, by the clock of an `ip monitor`. */
export async function measureHealing(): Promise<readonly Finding[]> {
  const [deleted, replaced] = await withRoutes(async (scene) => [
    await repeat(DELETIONS, (at) => healDeleted(scene, destinations[at] ?? "")),
    await repeat(
      REPLACEMENTS,
      (at) => healReplaced(scene, destinations[DELETIONS + at] ?? ""),
    ),
  ]);
  const rounds = await repeat(ROUNDS, () =>
    withRoutes(async (scene) => ({
      flushed: await healFlushed(scene),
      flapped: await healFlapped(scene),
      renewed: await healRenewed(scene),
    })));
  return [
    finding(`one of 254 deleted, p99 of ${DELETIONS}`, deleted ?? [], 0.99, 50),
    finding(
      `replaced by another tool, worst of ${REPLACEMENTS}`,
      replaced ?? [],
      1,
      50,
    ),
    finding("all 254 flushed, worst", rounds.map(({ flushed }) => flushed), 1, 250),
    finding("device down and up, worst", rounds.map(({ flapped }) => flapped), 1, 100),
    finding("device made anew, worst", rounds.map(({ renewed }) => renewed), 1, 100),
  ];
}

function finding(
  what: string,
  times: readonly number[],
  part: number,
  limit: number,
): Finding {
  return {
    what,
    value: percentile(times, part),
    unit: "ms",
    limit: { kind: "at most", value: limit },
    raw: `median ${median(times).toFixed(1)} ms, worst ${
      Math.max(...times).toFixed(1)
    } ms`,
  };
}

/** A sidecar that has 254 routes and is at rest. */
async function withRoutes<Value>(
  use: (scene: Scene) => Promise<Value>,
): Promise<Value> {
  await using namespace = await makeNamespace();
  await addVxlan(namespace);
  await addVxlan(namespace, { name: OTHER, id: 101 });
  await using _sidecar = await startSidecar(namespace);
  await using client = await connectBenchClient(namespace);
  await using observer = await observe(namespace);
  await client.play("InjectRoute", PEERS, 64);
  await pause(SETTLE_MS);
  return await use({ namespace, observer });
}

async function healDeleted(scene: Scene, destination: string): Promise<number> {
  const { namespace, observer } = scene;
  const from = observer.seen.length;
  await namespace.ip(`route delete ${destination} dev vxlan100 proto 142`);
  const gone = await observer.first(`Deleted ${destination} dev vxlan100`, from);
  const back = await observer.first(`${destination} dev vxlan100 proto 142`, from);
  await pause(PAUSE_MS);
  return back.atMs - gone.atMs;
}

async function healReplaced(scene: Scene, destination: string): Promise<number> {
  const { namespace, observer } = scene;
  const from = observer.seen.length;
  await namespace.ip(`route replace ${destination} dev ${OTHER} proto static`);
  const taken = await observer.first(`${destination} dev ${OTHER}`, from);
  const back = await observer.first(`${destination} dev vxlan100 proto 142`, from);
  await pause(PAUSE_MS);
  return back.atMs - taken.atMs;
}

/** From the first deletion, though the others come later. */
async function healFlushed(scene: Scene): Promise<number> {
  const { namespace, observer } = scene;
  const from = observer.seen.length;
  await namespace.ip("route flush table main proto 142");
  const begun = await observer.first("Deleted 10.42.", from);
  return await allBackMs(scene, from) - begun.atMs;
}

async function healFlapped(scene: Scene): Promise<number> {
  const { namespace, observer } = scene;
  await namespace.ip("link set vxlan100 down");
  await pause(DOWN_MS);
  const from = observer.seen.length;
  await namespace.ip("link set vxlan100 up");
  return await allBackMs(scene, from) - (await cameUpMs(observer, from));
}

async function healRenewed(scene: Scene): Promise<number> {
  const { namespace, observer } = scene;
  await namespace.ip("link delete vxlan100");
  await pause(DOWN_MS);
  const from = observer.seen.length;
  await addVxlan(namespace);
  return await allBackMs(scene, from) - (await cameUpMs(observer, from));
}

async function cameUpMs({ seen }: Observer, from: number): Promise<number> {
  const up = await until(
    () => seen.slice(from).find(({ words }) => /^\d+: vxlan100: <.*\bUP\b/.test(words)),
    { what: "vxlan100 to come up" },
  );
  return up.atMs;
}

/** When the last of all 254 was added, looked at from an index on. */
async function allBackMs({ observer }: Scene, from: number): Promise<number> {
  const back = await until(() => {
    const added = new Map<string, number>();
    for (const { atMs, words } of observer.seen.slice(from)) {
      const [destination = ""] = words.split(" ", 1);
      if (/^\S+ dev vxlan100 proto 142 /.test(words)) added.set(destination, atMs);
    }
    return destinations.every((each) => added.has(each)) ? added : undefined;
  }, { what: "all routes to be back" });
  return Math.max(...back.values());
}

async function repeat<Value>(
  times: number,
  run: (at: number) => Promise<Value>,
): Promise<readonly Value[]> {
  const values: Value[] = [];
  for (let at = 0; at < times; at += 1) values.push(await run(at));
  return values;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
