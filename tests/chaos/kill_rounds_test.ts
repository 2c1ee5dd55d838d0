import assert from "node:assert/strict";
import { makeNamespaceWith, type Overlay } from "./overlay.ts";
import { connectClient, type QuiltClient } from "../support/client.ts";
import { stringAt } from "../support/json.ts";
import { type Sidecar, startSidecar } from "../support/sidecar.ts";
import { until } from "../support/wait.ts";
import { auditRecords, done } from "../e2e/host.ts";
import { type Dice, makeDice } from "../kernel/ground.ts";
import { Acknowledged, type Word } from "./acknowledged.ts";
import { type Ours, readOurs } from "./ours.ts";
import { isUnanswered, reconnect } from "./reconnect.ts";

const ROUNDS = 200;

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

async function say(client: QuiltClient, word: Word, owed: Acknowledged): Promise<void> {
  const { destination, rpc } = word;
  const request = rpc === "InjectRoute"
    ? { destination, via_interface: "vxlan100" }
    : rpc === "RemoveRoute"
    ? { destination }
    : { subnet: destination };
  try {
    const { answer } = await client.call(rpc, request);
    owed.answered(word, answer);
  } catch (error) {
    if (!isUnanswered(error)) throw error;
    owed.unanswered(word);
  }
}

/** A kill hits anything from the way there to the way back of a call. */
async function killSoon(sidecar: Sidecar, dice: Dice): Promise<void> {
  const moment = performance.now() + dice.roll(3000) / 1000;
  while (performance.now() < moment) await Promise.resolve();
  sidecar.kill("SIGKILL");
}

/** Words one after another as the agent says them, or several at once; then the kill. */
async function talkAndKill(
  client: QuiltClient,
  sidecar: Sidecar,
  dice: Dice,
  owed: Acknowledged,
): Promise<void> {
  for (let left = dice.roll(6); left > 0; left -= 1) {
    await say(client, makeWord(dice), owed);
  }
  const atOnce = new Map<string, Word>();
  for (let left = dice.pick([1, 1, 6]); left > 0; left -= 1) {
    const word = makeWord(dice);
    if (word.rpc !== "ConfigureNodeSubnet" || left === 1 && atOnce.size === 0) {
      atOnce.set(word.destination, word);
    }
  }
  const talk = [...atOnce.values()].map((word) => say(client, word, owed));
  await killSoon(sidecar, dice);
  await Promise.all(talk);
  await sidecar.status;
}

/** Not even the start is safe: sometimes one is killed before it serves. */
async function startAgain(overlay: Overlay, dice: Dice): Promise<Sidecar> {
  if (dice.roll(8) === 0) {
    const doomed = startSidecar(overlay.namespace, {
      launcher: ["timeout", "-s", "KILL", `0.${100 + dice.roll(150)}`],
    });
    await doomed.then((early) => early.status, () => undefined);
  }
  return await startSidecar(overlay.namespace);
}

/** All that is owed is answered as it stands, and nothing is written for it. */
async function ask(
  client: QuiltClient,
  sidecar: Sidecar,
  owed: Acknowledged,
  expected: string,
): Promise<void> {
  for (const destination of owed.destinations) {
    const answer = await client.injectRoute(destination, "vxlan100");
    assert.equal(answer.error, expected, destination);
  }
  if (owed.subnet !== undefined) {
    const { error } = await client.injectRoute(owed.subnet, "vxlan100");
    assert.equal(error, `Destination ${owed.subnet} is this node's own subnet`);
  }
  // The trail is written in order: what was written before this is there with it.
  await client.configureNodeSubnet("10.42.99.0/24");
  if (owed.subnet !== undefined) await client.configureNodeSubnet(owed.subnet);
  const told = await until(() => {
    const records = auditRecords(sidecar);
    return records.some((record) => record["rpc"] === "ConfigureNodeSubnet") && records;
  }, { what: "the audit trail" });
  const written = told.filter((record) => record["rpc"] === "InjectRoute");
  assert.deepEqual(written.map((record) => stringAt(record, "words")), []);
}

async function shownAs(overlay: Overlay, owed: Acknowledged): Promise<Ours> {
  const ours = await readOurs(overlay.namespace);
  owed.settle(ours, overlay.state === "up");
  return ours;
}

const SENTENCES = {
  up: "",
  down: "Interface 'vxlan100' is down",
  missing: "Interface 'vxlan100' not found",
} as const;

/** All the rounds of one host; what fails is told with the seed and the log. */
async function killAgainAndAgain(rounds: number): Promise<void> {
  const dice = makeDice();
  await using stack = new AsyncDisposableStack();
  const overlay = stack.use(await makeNamespaceWith("up"));
  let sidecar = await startSidecar(overlay.namespace);
  stack.defer(() => sidecar[Symbol.asyncDispose]());
  const client = stack.use(await connectClient(overlay.namespace));
  const owed = new Acknowledged();
  await say(client, { rpc: "ConfigureNodeSubnet", destination: "10.42.1.0/24" }, owed);
  for (let round = 0; round < rounds; round += 1) {
    try {
      await overlay.turn(dice.pick(["up", "up", "down", "missing"]));
      await talkAndKill(client, sidecar, dice, owed);
      if (dice.roll(3) === 0) await overlay.turn(dice.pick(["up", "down", "missing"]));
      sidecar = await startAgain(overlay, dice);
      await reconnect(client);
      await shownAs(overlay, owed);
      await ask(client, sidecar, owed, SENTENCES[overlay.state]);
      if (overlay.state !== "up" && dice.roll(2) === 0) await comeUp(overlay, owed);
    } catch (error) {
      const log = sidecar.log.join("\n");
      throw new Error(`Round ${round} of the seed ${dice.seed}; the log:\n${log}`, {
        cause: error,
      });
    }
  }
  assert.deepEqual(await client.removeRoute("10.42.12.0/24"), done);
}

/** Whatever waits for vxlan100 is there once it is up. */
async function comeUp(overlay: Overlay, owed: Acknowledged): Promise<void> {
  await overlay.turn("up");
  await until(async () => {
    const { main, memory } = await readOurs(overlay.namespace);
    return main.size === memory.size;
  }, { deadlineMs: 2_000, what: "the routes once vxlan100 is up" });
  await shownAs(overlay, owed);
}

Deno.test(`kill -9 at ${ROUNDS} random moments: what was acknowledged is there, and nothing else`, async () => {
  const hosts = Array.from({ length: HOSTS }, () => killAgainAndAgain(ROUNDS / HOSTS));
  await Promise.all(hosts);
});
