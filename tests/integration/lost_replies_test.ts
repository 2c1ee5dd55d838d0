import assert from "node:assert/strict";
import type { Ipv4Cidr } from "../../src/ipam/cidr.ts";
import { AuditLog } from "../../src/dataplane/audit_log.ts";
import { answerOf, type Operation } from "../../src/dataplane/dataplane.ts";
import { Iproute2Dataplane } from "../../src/dataplane/iproute2/adapter.ts";
import { BridgePorts } from "../../src/reconcile/bridge_ports.ts";
import { DesiredState } from "../../src/reconcile/desired_state.ts";
import { RouteKeeper } from "../../src/reconcile/route_keeper.ts";
import { KernelCache } from "../../src/reconcile/kernel_cache.ts";
import { DEFAULT_TARGET } from "../../src/shared/grpcurl.ts";
import { configureSubnet } from "../../src/addresses/subnet.ts";
import { WorkQueue } from "../../src/reconcile/work_queue.ts";
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
  keepTrail,
  makeDice,
  makeGround,
} from "../support/fixtures.ts";
import { caller } from "./node_harness.ts";

const ROUNDS = 150;
const DESTINATIONS = Array.from(
  { length: 12 },
  (_, at) => cidr(`10.42.${at + 2}.0/24`),
);
const UP = [device("lossy0"), device("lossy1")] as const;
const DOWN = device("lossydown");
const MISSING = device("lossymissing");

const FAULTS: Faults = { before: 8, within: 8, after: 8 };

/** The sidecar's middle on a dataplane that loses replies, and the truth beside it. */
interface Bench {
  readonly queue: WorkQueue;
  readonly faulty: FaultyDataplane;
  readonly dataplane: Iproute2Dataplane;
  readonly ledger: DesiredState;
  readonly snapshot: KernelCache;
  readonly dice: Dice;
}

function makeBench(surveyed: boolean): Bench {
  const dice = makeDice();
  const dataplane = new Iproute2Dataplane(new AuditLog(keepTrail()));
  const faulty = new FaultyDataplane(dataplane, dice);
  const ledger = new DesiredState();
  const snapshot = new KernelCache();
  if (surveyed) snapshot.survey([]);
  const bridges = new BridgePorts(faulty);
  const touch = () => {};
  const keeper = new RouteKeeper({
    dataplane: faulty,
    ledger,
    snapshot,
    bridges,
    touch,
  });
  const queue = new WorkQueue((jobs) => keeper.carryOut(jobs));
  return { queue, faulty, dataplane, ledger, snapshot, dice };
}

/** What stands in the kernel, asked past the faults. */
interface Truth {
  readonly routes: readonly KernelRoute[];
  readonly memory: ReadonlyMap<Ipv4Cidr, InterfaceName>;
}

async function truth({ dataplane }: Bench): Promise<Truth> {
  const reply = await dataplane.run([
    { command: { kind: "routes-within", cluster: cidr("10.42.0.0/16") } },
    { command: { kind: "table-routes", table: 142 } },
  ]);
  assert.equal(reply.kind, "answered");
  const [routes, table] = reply.kind === "answered" ? reply.results : [];
  const within = answerOf(routes, "routes");
  const entries = answerOf(table, "table")?.routes;
  assert.ok(within !== undefined && entries !== undefined);
  const memory = entries.flatMap((found) => {
    const entry = entryOf(found);
    const meaning = entry === undefined ? undefined : decode(entry);
    return meaning?.kind === "route" ? [meaning.route] : [];
  });
  return {
    routes: within.routes,
    memory: new Map(memory.map(({ destination, device }) => [destination, device])),
  };
}

type Answered =
  | { readonly destination: Ipv4Cidr; readonly outcome: RemoveOutcome }
  | {
    readonly destination: Ipv4Cidr;
    readonly device: InterfaceName;
    readonly outcome: InjectOutcome;
  };

function submit({ dice, queue }: Bench, destination: Ipv4Cidr): Promise<Answered> {
  const { promise, resolve } = Promise.withResolvers<Answered>();
  if (dice.roll(3) === 0) {
    queue.push({
      kind: "remove",
      destination,
      call: caller("RemoveRoute"),
      resolve: (outcome) => resolve({ destination, outcome }),
    });
    return promise;
  }
  const device = dice.pick([...UP, ...UP, DOWN, MISSING]);
  queue.push({
    kind: "inject",
    wanted: { destination, device },
    call: caller("InjectRoute"),
    resolve: (outcome) => resolve({ destination, device, outcome }),
  });
  return promise;
}

const UNCONFIRMED = /^No answer from the kernel about /;

/** Fails unless what was answered is true; says whether anything was claimed at all. */
function judge(answered: Answered, { memory, routes }: Truth): boolean {
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
        memory.get(destination),
        answered.device,
        "the intent is remembered",
      );
      return true;
    }
    case "removed":
    case "absent":
      assert.deepEqual(there, []);
      assert.equal(memory.get(destination), undefined, "the intent is forgotten");
      return true;
    case "refused": {
      if (UNCONFIRMED.test(outcome.sentence)) return false;
      assert.ok("device" in answered, outcome.sentence);
      const why = answered.device === DOWN ? "is down" : "not found";
      assert.equal(outcome.sentence, `Interface '${answered.device}' ${why}`);
      assert.equal(
        memory.get(destination),
        answered.device,
        "the intent is remembered",
      );
      return true;
    }
    default:
      throw new Error(`Unforeseen: ${outcome.kind}`);
  }
}

/** What others do to the main table in the meantime, past the faults. */
async function interfere({ dice, dataplane, snapshot }: Bench): Promise<void> {
  const destination = dice.pick([cidr("10.42.2.0/24"), ...DESTINATIONS]);
  const operations: readonly [Operation, ...Operation[]] = [
    {
      command: { kind: "replace-route", route: { destination, device: dice.pick(UP) } },
      cause: CAUSE,
    },
    { command: { kind: "delete-route", route: found(destination) }, cause: CAUSE },
  ];
  await dataplane.run([dice.pick(operations)]);
  // The monitor would tell of it.
  snapshot.occupy(destination);
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

for (const surveyed of [false, true]) {
  const how = surveyed ? "where additions come before looks" : "where looks come first";
  Deno.test(`with a quarter of all replies lost every answer is true of the kernel, ${how}`, async () => {
    await using ground = await makeGround(...UP);
    await ground.addDevice(DOWN, false);
    const bench = makeBench(surveyed);
    await using _door = { [Symbol.asyncDispose]: () => bench.dataplane.close() };
    await play(bench);
    await bench.queue.close();
  });
}

Deno.test("with a quarter of all replies lost the remembered subnet is the one that was answered", async () => {
  const bench = makeBench(false);
  const { dice, dataplane, faulty, ledger, snapshot } = bench;
  await using _ground = await makeGround();
  await using _door = { [Symbol.asyncDispose]: () => dataplane.close() };
  faulty.faults = FAULTS;
  for (let round = 0; round < 150; round += 1) {
    const subnet = dice.pick([cidr("10.42.2.0/24"), ...DESTINATIONS]);
    const parts = { dataplane: faulty, ledger, snapshot, target: DEFAULT_TARGET };
    const outcome = await configureSubnet(parts, subnet, CAUSE);
    if (outcome.kind !== "configured") continue;
    const table = await ip("-4 route show table 142");
    const kept = [...table.matchAll(/^blackhole (\S+) .*window (\d+)/gm)]
      .map(([, prefix, revision]) => ({ prefix, revision: Number(revision) }))
      .toSorted((one, other) => other.revision - one.revision);
    assert.equal(kept[0]?.prefix, subnet, `with the seed ${dice.seed}:\n${table}`);
    assert.ok(kept[1] === undefined || kept[1].revision < kept[0].revision, table);
  }
});
