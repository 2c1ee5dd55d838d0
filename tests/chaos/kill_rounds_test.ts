/**
 * @long
 */
import assert from "node:assert/strict";
import { makeNamespaceWith, type Overlay } from "./overlay.ts";
import { connectClient, type QuiltClient } from "../support/client.ts";
import { stringAt } from "../../deploy/json.ts";
import { lanes } from "../support/lanes.ts";
import { type Sidecar, startSidecar } from "../support/sidecar.ts";
import { until } from "../support/wait.ts";
import { auditRecordsSoFar, done } from "../e2e/host.ts";
import { type Dice, makeDice } from "../support/fixtures.ts";
import { Acknowledged, type Word } from "./acknowledged.ts";
import { assertMet } from "./met.ts";
import { type Ours, readOurs } from "./ours.ts";
import { Pace } from "./pace.ts";
import { isUnanswered, reconnect } from "./reconnect.ts";
import { bounded } from "../support/suite.ts";

const ROUNDS = bounded(200, 4);

/** Hosts that are killed side by side: starting takes time, and there are two cores. */
const HOSTS = 2;

/** So few that every one is asked for, given up and asked for again. */
const DESTINATIONS = Array.from({ length: 12 }, (_, at) => `10.42.${at + 1}.0/24`);

function makeWord(dice: Dice): Word {
  const destination = DESTINATIONS[dice.roll(DESTINATIONS.length)] ?? "";
  const rpc = dice.roll(8) === 0
    ? "ConfigureNodeSubnet"
    : dice.pick(["InjectRoute", "InjectRoute", "RemoveRoute"] as const);
  return { rpc, destination };
}

/** What the rounds of a host came to. */
interface Tally {
  /** Words in flight at a kill that were answered all the same. */
  answered: number;
  /** Rounds that began again with a route that waited for its device. */
  waiting: number;
  /** Devices that came up with such a route. */
  comeUp: number;
}

/** A host and what goes on there. */
interface Stage {
  readonly client: QuiltClient;
  readonly dice: Dice;
  readonly tally: Tally;
  readonly overlay: Overlay;
  readonly owed: Acknowledged;
  readonly pace: Pace;
  sidecar: Sidecar;
}

/** Whether it was answered. */
async function say({ client, owed }: Stage, word: Word): Promise<boolean> {
  const { destination, rpc } = word;
  const request = rpc === "InjectRoute"
    ? { destination, via_interface: "vxlan100" }
    : rpc === "RemoveRoute"
    ? { destination }
    : { subnet: destination };
  try {
    const { answer } = await client.call(rpc, request);
    owed.answered(word, answer);
    return true;
  } catch (error) {
    if (!isUnanswered(error)) throw error;
    owed.unanswered(word);
    return false;
  }
}

/** Words one after another as the agent says them, or several at once; then the kill. */
async function talkAndKill(stage: Stage): Promise<void> {
  const { dice, tally, pace, sidecar } = stage;
  for (let left = dice.roll(6); left > 0; left -= 1) {
    await pace.measure(say(stage, makeWord(dice)));
  }
  const atOnce = new Map<string, Word>();
  for (let left = dice.pick([1, 1, 6]); left > 0; left -= 1) {
    const word = makeWord(dice);
    if (word.rpc !== "ConfigureNodeSubnet" || left === 1 && atOnce.size === 0) {
      atOnce.set(word.destination, word);
    }
  }
  const talk = [...atOnce.values()].map((word) => say(stage, word));
  // It hits anything from the way there to the way back of a call.
  await pace.moment(dice);
  sidecar.kill("SIGKILL");
  tally.answered += (await Promise.all(talk)).filter((answered) => answered).length;
  await sidecar.status;
}

/** Not even the start is safe: sometimes one is killed before it serves. */
async function startAgain({ dice, overlay }: Stage): Promise<Sidecar> {
  if (dice.roll(8) === 0) {
    const doomed = startSidecar(overlay.namespace, {
      launcher: ["timeout", "-s", "KILL", `0.${100 + dice.roll(150)}`],
    });
    await doomed.then((early) => early.status, () => undefined);
  }
  return await startSidecar(overlay.namespace);
}

/** All that is owed is answered as it stands, and nothing is written for it. */
async function ask({ client, overlay, owed, sidecar }: Stage): Promise<void> {
  for (const destination of owed.destinations) {
    const answer = await client.injectRoute(destination, "vxlan100");
    assert.equal(answer.error, SENTENCES[overlay.state], destination);
  }
  if (owed.subnet !== undefined) {
    const { error } = await client.injectRoute(owed.subnet, "vxlan100");
    assert.equal(error, `Destination ${owed.subnet} is this node's own subnet`);
  }
  // The trail is written in order: what was written before this is there with it.
  await client.configureNodeSubnet("10.42.99.0/24");
  if (owed.subnet !== undefined) await client.configureNodeSubnet(owed.subnet);
  const told = await until(() => {
    const records = auditRecordsSoFar(sidecar);
    return records.some((record) => record["rpc"] === "ConfigureNodeSubnet") && records;
  }, { what: "the audit trail" });
  const written = told.filter((record) => record["rpc"] === "InjectRoute");
  assert.deepEqual(written.map((record) => stringAt(record, "words")), []);
}

async function shownAs({ overlay, owed }: Stage): Promise<Ours> {
  const ours = await readOurs(overlay.namespace);
  owed.settle(ours, overlay.state === "up");
  return ours;
}

const SENTENCES = {
  up: "",
  down: "Interface 'vxlan100' is down",
  missing: "Interface 'vxlan100' not found",
} as const;

/** One kill, and what is there after it. */
async function round(stage: Stage): Promise<void> {
  const { client, dice, tally, overlay } = stage;
  await overlay.turn(dice.pick(["up", "up", "down", "missing"]));
  await talkAndKill(stage);
  if (dice.roll(3) === 0) await overlay.turn(dice.pick(["up", "down", "missing"]));
  stage.sidecar = await startAgain(stage);
  await reconnect(client);
  const { main, memory } = await shownAs(stage);
  if (memory.size > main.size) tally.waiting += 1;
  await ask(stage);
  if (overlay.state !== "up" && dice.roll(2) === 0) await comeUp(stage);
}

/** All the rounds of one host; what fails is told with the seed and the log. */
async function killAgainAndAgain(rounds: number): Promise<Stage> {
  await using stack = new AsyncDisposableStack();
  const overlay = stack.use(await makeNamespaceWith("up"));
  const sidecar = await startSidecar(overlay.namespace);
  const client = stack.use(await connectClient(overlay.namespace));
  const stage: Stage = {
    ...{ client, dice: makeDice(), overlay, owed: new Acknowledged() },
    ...{ pace: new Pace(), sidecar, tally: { answered: 0, waiting: 0, comeUp: 0 } },
  };
  stack.defer(() => stage.sidecar[Symbol.asyncDispose]());
  await say(stage, { rpc: "ConfigureNodeSubnet", destination: "10.42.1.0/24" });
  for (let at = 0; at < rounds; at += 1) {
    try {
      await round(stage);
    } catch (error) {
      const log = stage.sidecar.log.join("\n");
      throw new Error(`Round ${at} of the seed ${stage.dice.seed}; the log:\n${log}`, {
        cause: error,
      });
    }
  }
  assert.deepEqual(await client.removeRoute("10.42.12.0/24"), done);
  return stage;
}

/** Whatever waits for vxlan100 is there once it is up. */
async function comeUp(stage: Stage): Promise<void> {
  const { overlay, owed, tally } = stage;
  await overlay.turn("up");
  await until(async () => {
    const { main, memory } = await readOurs(overlay.namespace);
    return main.size === memory.size;
  }, { deadlineMs: 5_000, what: "the routes once vxlan100 is up" });
  await shownAs(stage);
  if (owed.destinations.length > 0) tally.comeUp += 1;
}

Deno.test(`kill -9 at ${ROUNDS} random moments: what was acknowledged is there, and nothing else`, async () => {
  const hosts = await lanes(
    Array.from({ length: HOSTS }, () => killAgainAndAgain(ROUNDS / HOSTS)),
  );
  const sum = (count: (stage: Stage) => number) =>
    hosts.reduce((all, stage) => all + count(stage), 0);
  // A quarter of what is met; kills at one moment only leave some of it near 0.
  assertMet({
    "words answered in flight": [sum(({ tally }) => tally.answered), bounded(25, 0)],
    "words done but not answered": [
      sum(({ owed }) => owed.doneUnanswered),
      bounded(8, 0),
    ],
    "words not done": [sum(({ owed }) => owed.notDone), bounded(25, 0)],
    "rounds with a route that waited": [
      sum(({ tally }) => tally.waiting),
      bounded(25, 0),
    ],
    "devices that came up with one": [sum(({ tally }) => tally.comeUp), bounded(13, 0)],
  });
});
