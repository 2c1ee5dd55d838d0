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
import { Acknowledged, type AgentCall } from "./acknowledged.ts";
import { assertOccurred } from "./occurrences.ts";
import { type KernelState, readKernelState } from "./kernel_state.ts";
import { Pace } from "./pace.ts";
import { isUnanswered, reconnect } from "./reconnect.ts";
import { bounded } from "../support/suite.ts";

const ROUNDS = bounded(200, 4);

/** Hosts that are killed side by side: starting takes time, and there are two cores. */
const HOSTS = 2;

/** So few that every one is asked for, given up and asked for again. */
const DESTINATIONS = Array.from({ length: 12 }, (_, at) => `10.42.${at + 1}.0/24`);

function makeCall(dice: Dice): AgentCall {
  const destination = DESTINATIONS[dice.roll(DESTINATIONS.length)] ?? "";
  const rpc = dice.roll(8) === 0
    ? "ConfigureNodeSubnet"
    : dice.pick(["InjectRoute", "InjectRoute", "RemoveRoute"] as const);
  return { rpc, destination };
}

/** Counts over the rounds of a host. */
interface Tally {
  /** Calls in flight at a kill that were answered. */
  answered: number;
  /** Rounds whose restart found a route that waits for its device. */
  waiting: number;
  /** Devices that came up with such a route. */
  comeUp: number;
}

/** A host, and the state of its test. */
interface Stage {
  readonly client: QuiltClient;
  readonly dice: Dice;
  readonly tally: Tally;
  readonly overlay: Overlay;
  readonly acknowledged: Acknowledged;
  readonly pace: Pace;
  sidecar: Sidecar;
}

/** Makes a call; returns whether it was answered. */
async function send(
  { client, acknowledged }: Stage,
  call: AgentCall,
): Promise<boolean> {
  const { destination, rpc } = call;
  const request = rpc === "InjectRoute"
    ? { destination, via_interface: "vxlan100" }
    : rpc === "RemoveRoute"
    ? { destination }
    : { subnet: destination };
  try {
    const { answer } = await client.call(rpc, request);
    acknowledged.answered(call, answer);
    return true;
  } catch (error) {
    if (!isUnanswered(error)) throw error;
    acknowledged.unanswered(call);
    return false;
  }
}

/** Makes calls one after another, as the agent does, or concurrently; then kills. */
async function callAndKill(stage: Stage): Promise<void> {
  const { dice, tally, pace, sidecar } = stage;
  for (let left = dice.roll(6); left > 0; left -= 1) {
    await pace.measure(send(stage, makeCall(dice)));
  }
  const atOnce = new Map<string, AgentCall>();
  for (let left = dice.pick([1, 1, 6]); left > 0; left -= 1) {
    const call = makeCall(dice);
    if (call.rpc !== "ConfigureNodeSubnet" || left === 1 && atOnce.size === 0) {
      atOnce.set(call.destination, call);
    }
  }
  const calls = [...atOnce.values()].map((call) => send(stage, call));
  // The kill hits any moment from the request to the answer.
  await pace.moment(dice);
  sidecar.kill("SIGKILL");
  tally.answered += (await Promise.all(calls)).filter((answered) => answered).length;
  await sidecar.status;
}

/** Starts the sidecar again; sometimes a first start is killed before it serves. */
async function startAgain({ dice, overlay }: Stage): Promise<Sidecar> {
  if (dice.roll(8) === 0) {
    const doomed = startSidecar(overlay.namespace, {
      launcher: ["timeout", "-s", "KILL", `0.${100 + dice.roll(150)}`],
    });
    await doomed.then((early) => early.status, () => undefined);
  }
  return await startSidecar(overlay.namespace);
}

/** Requests all desired routes again: the answers are true, and nothing is written. */
async function requestAgain(
  { client, overlay, acknowledged, sidecar }: Stage,
): Promise<void> {
  for (const destination of acknowledged.destinations) {
    const answer = await client.injectRoute(destination, "vxlan100");
    assert.equal(answer.error, SENTENCES[overlay.state], destination);
  }
  if (acknowledged.subnet !== undefined) {
    const { error } = await client.injectRoute(acknowledged.subnet, "vxlan100");
    assert.equal(error, `Destination ${acknowledged.subnet} is this node's own subnet`);
  }
  // The audit log is in order: earlier records are there when this one is.
  await client.configureNodeSubnet("10.42.99.0/24");
  if (acknowledged.subnet !== undefined) {
    await client.configureNodeSubnet(acknowledged.subnet);
  }
  const records = await until(() => {
    const records = auditRecordsSoFar(sidecar);
    return records.some((record) => record["rpc"] === "ConfigureNodeSubnet") && records;
  }, { what: "the audit trail" });
  const written = records.filter((record) => record["rpc"] === "InjectRoute");
  assert.deepEqual(written.map((record) => stringAt(record, "words")), []);
}

async function compareWithKernel(
  { overlay, acknowledged }: Stage,
): Promise<KernelState> {
  const kernel = await readKernelState(overlay.namespace);
  acknowledged.compare(kernel, overlay.state === "up");
  return kernel;
}

const SENTENCES = {
  up: "",
  down: "Interface 'vxlan100' is down",
  missing: "Interface 'vxlan100' not found",
} as const;

/** One kill, and the comparison after the restart. */
async function round(stage: Stage): Promise<void> {
  const { client, dice, tally, overlay } = stage;
  await overlay.turn(dice.pick(["up", "up", "down", "missing"]));
  await callAndKill(stage);
  if (dice.roll(3) === 0) await overlay.turn(dice.pick(["up", "down", "missing"]));
  stage.sidecar = await startAgain(stage);
  await reconnect(client);
  const { main, records } = await compareWithKernel(stage);
  if (records.size > main.size) tally.waiting += 1;
  await requestAgain(stage);
  if (overlay.state !== "up" && dice.roll(2) === 0) await comeUp(stage);
}

/** All the rounds of one host; a failure has the seed and the log. */
async function killRepeatedly(rounds: number): Promise<Stage> {
  await using stack = new AsyncDisposableStack();
  const overlay = stack.use(await makeNamespaceWith("up"));
  const sidecar = await startSidecar(overlay.namespace);
  const client = stack.use(await connectClient(overlay.namespace));
  const stage: Stage = {
    ...{ client, dice: makeDice(), overlay, acknowledged: new Acknowledged() },
    ...{ pace: new Pace(), sidecar, tally: { answered: 0, waiting: 0, comeUp: 0 } },
  };
  stack.defer(() => stage.sidecar[Symbol.asyncDispose]());
  await send(stage, { rpc: "ConfigureNodeSubnet", destination: "10.42.1.0/24" });
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

/** Brings vxlan100 up, and waits for the pending routes. */
async function comeUp(stage: Stage): Promise<void> {
  const { overlay, acknowledged, tally } = stage;
  await overlay.turn("up");
  await until(async () => {
    const { main, records } = await readKernelState(overlay.namespace);
    return main.size === records.size;
  }, { deadlineMs: 5_000, what: "the routes once vxlan100 is up" });
  await compareWithKernel(stage);
  if (acknowledged.destinations.length > 0) tally.comeUp += 1;
}

Deno.test(`the kernel has exactly what was acknowledged, with kill -9 at ${ROUNDS} random moments`, async () => {
  const hosts = await lanes(
    Array.from({ length: HOSTS }, () => killRepeatedly(ROUNDS / HOSTS)),
  );
  const sum = (count: (stage: Stage) => number) =>
    hosts.reduce((all, stage) => all + count(stage), 0);
  // A quarter of what occurs; kills at one moment only leave some of it near 0.
  assertOccurred({
    "calls answered in flight": [sum(({ tally }) => tally.answered), bounded(25, 0)],
    "calls done but not answered": [
      sum(({ acknowledged }) => acknowledged.doneUnanswered),
      bounded(8, 0),
    ],
    "calls not done": [sum(({ acknowledged }) => acknowledged.notDone), bounded(25, 0)],
    "rounds with a route that waited": [
      sum(({ tally }) => tally.waiting),
      bounded(25, 0),
    ],
    "devices that came up with one": [sum(({ tally }) => tally.comeUp), bounded(13, 0)],
  });
});
