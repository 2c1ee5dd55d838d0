import assert from "node:assert/strict";
import type { StatedRoute } from "../../src/routing/route_set.ts";
import type { Namespace } from "../support/namespace.ts";
import { type Quilt, startQuilt } from "../support/quilt.ts";
import { startSidecar } from "../support/sidecar.ts";
import { until } from "../support/wait.ts";
import { type Dice, makeDice } from "../support/fixtures.ts";
import { readKernelState } from "./kernel_state.ts";
import { assertOccurred } from "./occurrences.ts";
import { makeNamespaceWith } from "./overlay.ts";
import { Pace } from "./pace.ts";
import { bounded } from "../support/suite.ts";

const ROUNDS = bounded(12, 2);

/** How often a kill must hit each moment: less than half of what occurs. */
const LEAST: Readonly<Tally> = {
  answered: bounded(1, 0),
  inTheMiddle: bounded(2, 0),
  notBegun: bounded(1, 0),
};

/** So many that a SyncRoutes takes longer than it takes to kill it. */
const PEERS = 600;

const OPTIONS = { options: ["--cluster-cidr", "10.0.0.0/8"] };

function stateSome(dice: Dice): readonly StatedRoute[] {
  return Array.from({ length: PEERS }, (_, at) => ({
    destination: `10.${42 + (at >> 8)}.${at & 255}.0/24`,
    device: "vxlan100",
  })).filter(() => dice.roll(3) > 0);
}

function destinations(routes: readonly StatedRoute[]): ReadonlySet<string> {
  return new Set(routes.map(({ destination }) => destination));
}

/** How often a kill hit a SyncRoutes at which of its moments. */
interface Tally {
  answered: number;
  /** Some of it was in the kernel, and no answer came. */
  inTheMiddle: number;
  /** Nothing of it was there. */
  notBegun: number;
}

/** A host, and what the last SyncRoutes that was answered stated. */
interface Stage {
  readonly namespace: Namespace;
  readonly quilt: Quilt;
  readonly dice: Dice;
  readonly pace: Pace;
  readonly tally: Tally;
  before: ReadonlySet<string>;
}

function sync({ quilt }: Stage, routes: readonly StatedRoute[]) {
  return quilt.call("sync", { routes: routes.map((route) => ({ ...route })) });
}

/** Kills the sidecar during a SyncRoutes; what was desired before and after stays. */
async function syncAndKill(
  stage: Stage,
  stated: readonly StatedRoute[],
  times: number,
): Promise<void> {
  const { before, namespace, pace, quilt, tally } = stage;
  await using sidecar = await startSidecar(namespace, OPTIONS);
  // The client waits a while before it connects to the next process.
  await until(async () => typeof await quilt.call("routes") !== "string", {
    what: "the connection",
  });
  const syncing = sync(stage, stated);
  await pace.wait(times);
  sidecar.kill("SIGKILL");
  const answer = await syncing;
  await sidecar.status;
  const isAnswered = typeof answer !== "string";
  if (!isAnswered) assert.match(answer, /^UNAVAILABLE: /);
  const now = destinations(stated);
  const { main, records } = await readKernelState(namespace);
  for (const destination of now) {
    if (!isAnswered && !before.has(destination)) continue;
    assert.ok(main.has(destination), `the route to ${destination}`);
    assert.ok(records.has(destination), `the record of ${destination}`);
  }
  for (const destination of [...main.keys(), ...records.keys()]) {
    const known = now.has(destination) || !isAnswered && before.has(destination);
    assert.ok(known, `${destination} is not desired`);
  }
  const isSame = before.size === records.size && before.isSubsetOf(records);
  tally[isAnswered ? "answered" : isSame ? "notBegun" : "inTheMiddle"] += 1;
}

/** A SyncRoutes on a new sidecar completes; a further one measures the duration. */
async function completeNext(
  stage: Stage,
  stated: readonly StatedRoute[],
): Promise<void> {
  const { dice, namespace, pace } = stage;
  await using _next = await startSidecar(namespace, OPTIONS);
  await until(async () => typeof await sync(stage, stated) !== "string", {
    what: "the next SyncRoutes",
  });
  const completed = await readKernelState(namespace);
  const now = destinations(stated);
  assert.deepEqual(new Set(completed.main.keys()), now);
  assert.deepEqual(new Set(completed.records.keys()), now);
  const another = stateSome(dice);
  assert.notEqual(typeof await pace.measure(sync(stage, another)), "string");
  stage.before = destinations(another);
}

function isRare({ answered, inTheMiddle, notBegun }: Tally): boolean {
  return answered < LEAST.answered || inTheMiddle < LEAST.inTheMiddle ||
    notBegun < LEAST.notBegun;
}

Deno.test(`SyncRoutes that kill -9 interrupts, ${ROUNDS} times, keeps what was acknowledged and is still desired, and the next one completes the rest`, async () => {
  const dice = makeDice();
  await using overlay = await makeNamespaceWith("up");
  const { namespace } = overlay;
  await using quilt = startQuilt(namespace);
  const stage: Stage = {
    ...{ namespace, quilt, dice, pace: new Pace(), before: new Set<string>() },
    tally: { answered: 0, inTheMiddle: 0, notBegun: 0 },
  };
  await completeNext(stage, stateSome(dice));
  const { tally } = stage;
  // On a busy machine the moments are not where they were: the range follows them.
  let range = 4;
  for (
    let round = 0;
    round < ROUNDS || isRare(tally) && round < 4 * ROUNDS;
    round += 1
  ) {
    const { answered } = tally;
    try {
      const stated = stateSome(dice);
      await syncAndKill(stage, stated, round === 0 ? 0 : range * dice.roll(100) / 100);
      await completeNext(stage, stated);
    } catch (cause) {
      throw new Error(`Round ${round} of the seed ${dice.seed}`, { cause });
    }
    range *= tally.answered > answered ? 0.6 : 1.4;
  }
  assertOccurred({
    "kills after the answer": [tally.answered, LEAST.answered],
    "kills in the middle": [tally.inTheMiddle, LEAST.inTheMiddle],
    "kills before anything was done": [tally.notBegun, LEAST.notBegun],
  });
});
