import assert from "node:assert/strict";
import type { Ipv4Cidr } from "../../src/ipam/cidr.ts";
import {
  answerOf,
  type Dataplane,
  type Operation,
} from "../../src/dataplane/dataplane.ts";
import type { InjectOutcome, RemoveOutcome } from "../../src/reconcile/ports.ts";
import { isDesired } from "../../src/reconcile/decide.ts";
import type { KernelRoute } from "../../src/routing/kernel_route.ts";
import type { InterfaceName } from "../../src/routing/interface_name.ts";
import { decode, entryOf } from "../../src/state/table142_codec.ts";
import { type Faults, FaultyDataplane } from "./faulty_dataplane.ts";
import {
  CAUSE,
  cidr,
  device,
  type Dice,
  found,
  ip,
  makeDice,
  makeGround,
} from "../support/fixtures.ts";
import { caller } from "./node_harness.ts";
import { openRoutes, type RoutesUnderTest } from "./routes_harness.ts";

const ROUNDS = 150;
const DESTINATIONS = Array.from(
  { length: 12 },
  (_, at) => cidr(`10.42.${at + 2}.0/24`),
);
const UP = [device("lossy0"), device("lossy1")] as const;
const DOWN = device("lossydown");
const MISSING = device("lossymissing");

const FAULTS: Faults = { before: 8, within: 8, after: 8 };

/** The sidecar's core on a dataplane that loses replies, and the truth beside it. */
interface Bench extends RoutesUnderTest {
  readonly faulty: FaultyDataplane;
  /** The real one behind it. */
  readonly real: Dataplane;
  readonly dice: Dice;
}

function makeBench(resynced: boolean): Bench {
  const dice = makeDice();
  let faulty: FaultyDataplane | undefined;
  let real: Dataplane | undefined;
  const behind = (dataplane: Dataplane): Dataplane => {
    real = dataplane;
    return faulty = new FaultyDataplane(dataplane, dice);
  };
  const routes = openRoutes({ behind, resynced });
  assert.ok(faulty !== undefined && real !== undefined);
  return { ...routes, faulty, real, dice };
}

/** What the kernel has, read without the faults. */
interface Truth {
  readonly routes: readonly KernelRoute[];
  readonly records: ReadonlyMap<Ipv4Cidr, InterfaceName>;
}

async function truth({ real }: Bench): Promise<Truth> {
  const reply = await real.run([
    { command: { kind: "routes-within", cluster: cidr("10.42.0.0/16") } },
    { command: { kind: "table-routes", table: 142 } },
  ]);
  assert.equal(reply.kind, "answered");
  const [routes, table] = reply.kind === "answered" ? reply.results : [];
  const within = answerOf(routes, "routes");
  const entries = answerOf(table, "table")?.routes;
  assert.ok(within !== undefined && entries !== undefined);
  const records = entries.flatMap((found) => {
    const entry = entryOf(found);
    const meaning = entry === undefined ? undefined : decode(entry);
    return meaning?.kind === "route" ? [meaning.route] : [];
  });
  return {
    routes: within.routes,
    records: new Map(records.map(({ destination, device }) => [destination, device])),
  };
}

type Answered =
  | { readonly destination: Ipv4Cidr; readonly outcome: RemoveOutcome }
  | {
    readonly destination: Ipv4Cidr;
    readonly device: InterfaceName;
    readonly outcome: InjectOutcome;
  };

async function submit(bench: Bench, destination: Ipv4Cidr): Promise<Answered> {
  const { dice } = bench;
  if (dice.roll(3) === 0) {
    return { destination, outcome: await bench.remove(destination) };
  }
  const device = dice.pick([...UP, ...UP, DOWN, MISSING]);
  return { destination, device, outcome: await bench.inject(destination, device) };
}

const CONFIGURE = caller("ConfigureNodeSubnet");

const UNCONFIRMED = /^No answer from the kernel about /;

/** Fails unless the answer is true; returns whether the answer claims anything. */
function judge(answered: Answered, { records, routes }: Truth): boolean {
  const { destination, outcome } = answered;
  const there = routes.filter((route) => route.destination === destination);
  switch (outcome.kind) {
    case "added":
    case "unchanged": {
      assert.ok("device" in answered);
      const [only, ...others] = there;
      assert.ok(only !== undefined && others.length === 0, "exactly one route");
      assert.ok(isDesired(only, { destination, device: answered.device }), "our route");
      assert.equal(
        records.get(destination),
        answered.device,
        "the record is there",
      );
      return true;
    }
    case "removed":
    case "absent":
      assert.deepEqual(there, []);
      assert.equal(records.get(destination), undefined, "the record is deleted");
      return true;
    case "refused": {
      if (UNCONFIRMED.test(outcome.sentence)) return false;
      assert.ok("device" in answered, outcome.sentence);
      const why = answered.device === DOWN ? "is down" : "not found";
      assert.equal(outcome.sentence, `Interface '${answered.device}' ${why}`);
      assert.equal(
        records.get(destination),
        answered.device,
        "the record is there",
      );
      return true;
    }
    default:
      throw new Error(`Unforeseen: ${outcome.kind}`);
  }
}

/** What others do to the main table in the meantime, past the faults. */
async function interfere({ cache, dice, real }: Bench): Promise<void> {
  const destination = dice.pick([cidr("10.42.2.0/24"), ...DESTINATIONS]);
  const operations: readonly [Operation, ...Operation[]] = [
    {
      command: { kind: "replace-route", route: { destination, device: dice.pick(UP) } },
      cause: CAUSE,
    },
    { command: { kind: "delete-route", route: found(destination) }, cause: CAUSE },
  ];
  await real.run([dice.pick(operations)]);
  // The monitor would report it.
  cache.markOccupied(destination);
}

async function play(bench: Bench): Promise<void> {
  const { dice, faulty } = bench;
  let claims = 0;
  let calls = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    faulty.faults = { before: 0, within: 0, after: 0 };
    if (dice.roll(2) === 0) await interfere(bench);
    faulty.faults = FAULTS;
    const chosen = DESTINATIONS.filter(() => dice.roll(2) === 0);
    const answers = await Promise.all(chosen.map((to) => submit(bench, to)));
    const seen = await truth(bench);
    for (const answered of answers) {
      calls += 1;
      try {
        if (judge(answered, seen)) claims += 1;
      } catch (error) {
        const what = `${JSON.stringify(answered)} in round ${round}`;
        throw new Error(`${what}, with the seed ${dice.seed}`, { cause: error });
      }
    }
  }
  assert.ok(faulty.lost > ROUNDS / 4, `${faulty.lost} were lost`);
  assert.ok(claims > calls * 0.8, `${claims} of ${calls} calls got a certain answer`);
}

for (const resynced of [false, true]) {
  const how = resynced ? "where additions come before reads" : "where reads come first";
  Deno.test(`every answer is true of the kernel with a quarter of all replies lost, ${how}`, async () => {
    await using ground = await makeGround(...UP);
    await ground.addDevice(DOWN, false);
    await using bench = makeBench(resynced);
    await play(bench);
  });
}

Deno.test("ConfigureNodeSubnet stores the subnet that it answered, with a quarter of all replies lost", async () => {
  await using _ground = await makeGround();
  await using bench = makeBench(false);
  const { dice, faulty, network } = bench;
  faulty.faults = FAULTS;
  for (let round = 0; round < 150; round += 1) {
    const subnet = dice.pick([cidr("10.42.2.0/24"), ...DESTINATIONS]);
    const outcome = await network.configureNodeSubnet(subnet, CONFIGURE);
    if (outcome.kind !== "configured") continue;
    const table = await ip("-4 route show table 142");
    const kept = [...table.matchAll(/^blackhole (\S+) .*window (\d+)/gm)]
      .map(([, prefix, revision]) => ({ prefix, revision: Number(revision) }))
      .toSorted((one, other) => other.revision - one.revision);
    assert.equal(kept[0]?.prefix, subnet, `with the seed ${dice.seed}:\n${table}`);
    assert.ok(kept[1] === undefined || kept[1].revision < kept[0].revision, table);
  }
});
