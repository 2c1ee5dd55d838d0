import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { isJsonObject, type JsonObject } from "../../deploy/json.ts";
import { until } from "../support/wait.ts";
import { type Ground, ip, makeGround } from "../support/fixtures.ts";
import { caller, type NodeUnderTest, openNodeUnderTest } from "./node_harness.ts";
import { decode as decodeRecord, entryOf } from "../../src/state/table142_codec.ts";
import { decode } from "../../src/dataplane/iproute2/parse.ts";
import { bounded } from "../support/suite.ts";

const DEVICES = ["model0", "model1", "model2"] as const;
type Device = (typeof DEVICES)[number];
type LinkState = "up" | "down" | "missing";

/** Octet and device of a stated route. */
type Stated = readonly [octet: number, through: Device];

type Change =
  | { readonly kind: "sync"; readonly routes: readonly Stated[] }
  | { readonly kind: "inject"; readonly route: Stated }
  | { readonly kind: "remove"; readonly octet: number }
  | { readonly kind: "link"; readonly name: Device; readonly to: LinkState };

const to = (octet: number): string => `10.42.${octet}.0/24`;

/** What must be true in the end: the desired routes, and the links that are up. */
class Model {
  readonly desired = new Map<number, Device>();
  readonly links = new Map<Device, LinkState>(DEVICES.map((name) => [name, "up"]));

  apply(change: Change): void {
    switch (change.kind) {
      case "sync":
        this.desired.clear();
        for (const [octet, through] of change.routes) this.#desire(octet, through);
        return;
      case "inject":
        return this.#desire(...change.route);
      case "remove":
        return void this.desired.delete(change.octet);
      case "link":
        return void this.links.set(change.name, change.to);
    }
  }

  #desire(octet: number, through: Device): void {
    if (octet !== OWN) this.desired.set(octet, through);
  }
}

/** The node's own subnet, which is never a route's destination. */
const OWN = 1;

const octet = fc.integer({ min: OWN, max: 6 });
const through = fc.constantFrom(...DEVICES);
const stated = fc.tuple(octet, through);
const linkState = fc.constantFrom<LinkState>("up", "up", "down", "missing");
const change = fc.oneof(
  fc.record({
    kind: fc.constant("sync" as const),
    routes: fc.uniqueArray(stated, { selector: ([octet]) => octet, maxLength: 6 }),
  }),
  fc.record({ kind: fc.constant("inject" as const), route: stated }),
  fc.record({ kind: fc.constant("remove" as const), octet }),
  fc.record({ kind: fc.constant("link" as const), name: through, to: linkState }),
);
/** Changes that happen concurrently, followed by a pause. */
const moments = fc.array(fc.array(change, { minLength: 1, maxLength: 5 }), {
  minLength: 1,
  maxLength: 8,
});

async function call(
  { node, inject, remove }: NodeUnderTest,
  change: Change,
): Promise<void> {
  switch (change.kind) {
    case "sync": {
      const routes = change.routes.map(([octet, device]) => ({
        destination: to(octet),
        device,
      }));
      const outcome = await node.routes.sync(routes, false, caller("SyncRoutes"));
      assert.equal(outcome.kind, "synced");
      return;
    }
    case "inject":
      await inject(to(change.route[0]), change.route[1]);
      return;
    case "remove":
      assert.match(await remove(to(change.octet)), /^(removed|absent)$/);
      return;
    case "link":
      return;
  }
}

/** Changes the links one after another, concurrently with the calls. */
async function changeLinks(
  ground: Ground,
  before: ReadonlyMap<Device, LinkState>,
  changes: readonly Change[],
): Promise<void> {
  const links = new Map(before);
  for (const change of changes) {
    if (change.kind !== "link") continue;
    const { name, to } = change;
    const now = links.get(name);
    links.set(name, to);
    if (to === "missing") {
      if (now !== "missing") await ip(`link delete ${name}`);
    } else if (now === "missing") await ground.addDevice(name, to === "up");
    else await ip(`link set ${name} ${to}`);
  }
}

interface Shown {
  readonly main: ReadonlyMap<string, string>;
  readonly state: ReadonlyMap<string, string>;
}

async function shown(): Promise<Shown> {
  const main = new Map<string, string>();
  const state = new Map<string, string>();
  const listed: unknown = JSON.parse(
    await ip("-4 -json -Numeric route show table main root 10.42.0.0/16") || "[]",
  );
  for (const route of Array.isArray(listed) ? listed.filter(isJsonObject) : []) {
    const destination = String(route["dst"]);
    assert.ok(!main.has(destination), `two routes to ${destination}`);
    main.set(destination, deviceOf(route));
  }
  const text = await ip("-4 -json -Numeric route show table all proto 142");
  const read = decode({ kind: "own-routes" }, text || "[]");
  assert.ok(read.kind === "decoded" && read.answer.kind === "table");
  for (const found of read.answer.routes) {
    const kept = entryOf(found);
    const entry = kept === undefined ? undefined : decodeRecord(kept);
    if (entry?.kind === "route") {
      state.set(entry.route.destination, entry.route.device);
    }
  }
  return { main, state };
}

function deviceOf(route: JsonObject): string {
  return String(route["dev"]);
}

/** The difference between the kernel and the model, or undefined. */
function difference(
  { links, desired }: Model,
  { main, state }: Shown,
): string | undefined {
  const records = new Map([...desired].map(([octet, device]) => [to(octet), device]));
  for (let octet = 0; octet < 8; octet += 1) {
    const destination = to(octet);
    const device = desired.get(octet);
    if (state.get(destination) !== records.get(destination)) {
      return `record of ${destination}: ${state.get(destination)}, not ${device}`;
    }
    const there = main.get(destination);
    if (device === undefined || links.get(device) === "up") {
      if (there !== device) return `route to ${destination}: ${there}, not ${device}`;
    } else if (there === device) {
      return `route to ${destination} through ${device}, which is not up`;
    }
    // Through another device it may still go, until the desired one can take over.
  }
  return undefined;
}

type Line = readonly [destination: string, device: string, installed: boolean];

async function listed({ node }: NodeUnderTest): Promise<readonly Line[]> {
  return (await node.routes.list()).map(({ pending, route }) =>
    [route.destination, route.device, pending === ""] as const
  );
}

function expected({ links, desired }: Model): readonly Line[] {
  return [...desired].toSorted(([one], [other]) => one - other).map(([octet, device]) =>
    [to(octet), device, links.get(device) === "up"] as const
  );
}

async function play(
  happening: readonly (readonly Change[])[],
): Promise<void> {
  await using ground = await makeGround(...DEVICES);
  await using peer = await openNodeUnderTest();
  assert.equal(await peer.configure(to(OWN)), "configured");
  const model = new Model();
  for (const changes of happening) {
    const changing = changeLinks(ground, model.links, changes);
    for (const change of changes) model.apply(change);
    await Promise.all([changing, ...changes.map((change) => call(peer, change))]);
    let differs: string | undefined;
    await until(async () => {
      differs = difference(model, await shown());
      return differs === undefined;
    }, { what: () => `the state of the model; ${differs}` });
  }
  // A link that went down takes its routes at once; the event is a moment behind.
  await until(async () => isDeepStrictEqual(await listed(peer), expected(model)), {
    what: "the list of routes to say the same",
  });
}

Deno.test("SyncRoutes, InjectRoute, RemoveRoute and links that come and go, in any order, lead to the desired routes in the kernel, where a link can carry them", async () => {
  await fc.assert(fc.asyncProperty(moments, play), {
    numRuns: bounded(40, 12),
    // All of them, or it has failed: on a busy machine they take a minute.
    interruptAfterTimeLimit: 300_000,
    markInterruptAsFailure: true,
  });
});
