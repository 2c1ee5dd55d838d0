/**
 * @long
 */
import assert from "node:assert/strict";
import { makeQuietNamespace } from "../e2e/host.ts";
import { batchesOf, signalAll } from "../e2e/processes.ts";
import { type Dice, makeDice } from "../support/fixtures.ts";
import { connectClient } from "../support/client.ts";
import type { Namespace } from "../support/namespace.ts";
import { type Quilt, startQuilt } from "../support/quilt.ts";
import { type Sidecar, startSidecar } from "../support/sidecar.ts";
import { AddressDebts } from "./address_debts.ts";
import { assertMet } from "./met.ts";
import { Pace } from "./pace.ts";
import { bounded } from "../support/suite.ts";

const ROUNDS = bounded(100, 2);

/** 29 addresses for 40 owners: every kind of answer is given. */
const SUBNET = "10.42.1.0/27";
const OPTIONS = { options: ["--node-prefix", "27"] };

/** Of all lengths from 6 to 128 characters. */
const OWNERS = Array.from(
  { length: 40 },
  (_, at) => `id-${String(at).padStart(3, "0")}`.padEnd(6 + Math.floor(at * 3.13), "~"),
);

async function say(
  quilt: Quilt,
  dice: Dice,
  owner: string,
  debts: AddressDebts,
): Promise<void> {
  if (dice.roll(5) < 3) {
    debts.allocated(owner, await quilt.allocate(owner));
  } else {
    debts.releasing(owner);
    debts.released(owner, await quilt.release({ owner }));
  }
}

/**
 * Calls about one owner each, few or very many at once; the kill in their midst. Returns
 * how many of those it met were answered.
 */
async function talkAndKill(
  quilt: Quilt,
  sidecar: Sidecar,
  dice: Dice,
  debts: AddressDebts,
  pace: Pace,
): Promise<number> {
  const share = dice.pick([2, 4, 20]);
  const some = () => OWNERS.filter(() => dice.roll(share) === 0);
  for (let left = dice.roll(3); left > 0; left -= 1) {
    const talk = some().map((owner) => say(quilt, dice, owner, debts));
    if (talk.length > 0) await pace.measure(Promise.all(talk));
  }
  const before = debts.answered;
  const talk = some().map((owner) => say(quilt, dice, owner, debts));
  // An `ip` that is left alone carries out what it was given: every other time it dies.
  const batches = dice.roll(2) === 0 ? batchesOf(sidecar) : [];
  // It hits anything from the way there to the way back of the calls.
  await pace.moment(dice);
  signalAll(batches, "SIGKILL");
  sidecar.kill("SIGKILL");
  await Promise.all(talk);
  await sidecar.status;
  return debts.answered - before;
}

/** Not even the start is safe: sometimes one is killed before it serves. */
async function startAgain(namespace: Namespace, dice: Dice): Promise<Sidecar> {
  if (dice.roll(8) === 0) {
    const launcher = ["timeout", "-s", "KILL", `0.${100 + dice.roll(150)}`];
    const doomed = startSidecar(namespace, { ...OPTIONS, launcher });
    await doomed.then((early) => early.status, () => undefined);
  }
  return await startSidecar(namespace, OPTIONS);
}

/** The allocations that the kernel itself shows, counted without a line of ours. */
async function countAllocations(namespace: Namespace): Promise<number> {
  const text = await namespace.ip("route show table 142 proto 142 type prohibit");
  return text.split("\n").filter((line) => line.includes(" metric 142 ")).length;
}

Deno.test(`kill -9 at ${ROUNDS} random moments: no address has two owners, and what was acknowledged holds`, async () => {
  const dice = makeDice();
  await using stack = new AsyncDisposableStack();
  const namespace = stack.use(await makeQuietNamespace());
  let sidecar = await startSidecar(namespace, OPTIONS);
  stack.defer(() => sidecar[Symbol.asyncDispose]());
  {
    await using agent = await connectClient(namespace);
    assert.equal((await agent.configureNodeSubnet(SUBNET)).error, "");
  }
  const quilt = stack.use(startQuilt(namespace, 16));
  const debts = new AddressDebts();
  const pace = new Pace();
  let answered = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    try {
      answered += await talkAndKill(quilt, sidecar, dice, debts, pace);
      sidecar = await startAgain(namespace, dice);
      quilt.reconnect();
      const listed = await quilt.list();
      debts.settle(listed);
      assert.equal(await countAllocations(namespace), listed.length);
    } catch (error) {
      const log = sidecar.log.join("\n");
      throw new Error(`Round ${round} of the seed ${dice.seed}; the log:\n${log}`, {
        cause: error,
      });
    }
  }
  // A quarter of what is met; kills at one moment only leave some of it near 0.
  assertMet({
    "calls answered in flight": [answered, bounded(100, 0)],
    "calls done but not answered": [debts.doneUnanswered, bounded(20, 0)],
    "calls not done": [debts.notDone, bounded(50, 0)],
  });
});
