import { entryOf } from "../../src/state/table142_codec.ts";
import { AuditLog } from "../../src/dataplane/audit_log.ts";
import { type Command, render } from "../../src/dataplane/iproute2/commands.ts";
import {
  type Answer,
  answerOf,
  type BatchResult,
  isRead,
  type Operation,
  type OperationResult,
  type TableEntry,
} from "../../src/dataplane/dataplane.ts";
import { Iproute2Dataplane } from "../../src/dataplane/iproute2/adapter.ts";
import type { BlackholeType, KernelRoute } from "../../src/routing/kernel_route.ts";
import {
  batch,
  CAUSE,
  cidr,
  collectAuditLog,
  device,
  type Dice,
  found,
  makeDice,
  makeGround,
} from "../support/fixtures.ts";
import { type Expected, KernelModel } from "./kernel_model.ts";
import { bounded } from "../support/suite.ts";
import assert from "node:assert/strict";

const BATCHES = bounded(10_000, 1_500);

const DESTINATIONS = [
  cidr("10.42.2.0/24"),
  cidr("10.42.3.0/24"),
  cidr("10.42.4.0/24"),
] as const;
const UP = [device("mix0"), device("mix1")] as const;
const DOWN = device("mixdown");
const DEVICES = [...UP, ...UP, DOWN, device("mixmissing")] as const;
/** One of each device that is up, so that an answer tells which device it is about. */
const NEIGHBOURS = new Map(UP.map((name, at) => [name, [`192.0.2.${at + 1}`]]));
const TYPES: readonly [BlackholeType, ...BlackholeType[]] = [
  "blackhole",
  "unreachable",
  "prohibit",
];

function entry(dice: Dice): TableEntry {
  const payload = Array.from(
    { length: 6 },
    () => dice.pick([0, 1, dice.roll(2 ** 32), 2 ** 32 - 1]),
  );
  const [type, prefix] = [dice.pick(TYPES), dice.pick(DESTINATIONS)];
  return { table: 142, type, prefix, metric: dice.pick([142, 142, 143]), payload };
}

/** One of few, so that it often equals another one. */
function plain(dice: Dice): TableEntry {
  return { ...entry(dice), payload: [dice.pick([0, 1, 2 ** 32 - 1]), 0, 0, 0, 0, 0] };
}

function command(dice: Dice): Command {
  const destination = dice.pick(DESTINATIONS);
  const through = dice.pick(DEVICES);
  const makers: readonly [() => Command, ...(() => Command)[]] = [
    () => ({ kind: "link", device: dice.pick(DEVICES) }),
    () => ({ kind: "best-route", destination }),
    () => ({ kind: "exact-routes", destination }),
    () => ({ kind: "add-route", route: { destination, device: through } }),
    () => ({ kind: "replace-route", route: { destination, device: through } }),
    () => ({ kind: "delete-route", route: found(destination, { device: through }) }),
    () => ({
      kind: "delete-route",
      route: found(destination, {
        device: dice.pick([undefined, through]),
        protocol: dice.pick([142, 4]),
        metric: dice.pick([0, 50, 100]),
      }),
    }),
    () => ({ kind: "put-entry", entry: entry(dice) }),
    () => ({ kind: "delete-entry", entry: entry(dice) }),
    () => ({
      kind: dice.pick(["create-entry", "delete-equal-entry"]),
      entry: plain(dice),
    }),
    () =>
      dice.pick<Command>([
        { kind: "neighbours", device: dice.pick(DEVICES) },
        { kind: "routes-within", cluster: cidr("10.42.0.0/16") },
        { kind: "own-routes" },
        { kind: "table-routes", table: 142 },
      ]),
  ];
  return dice.pick(makers)();
}

function operation(command: Command): Operation {
  return isRead(command) ? { command } : { command, cause: CAUSE };
}

function routesOf(answer: Answer): readonly KernelRoute[] {
  switch (answer.kind) {
    case "best-route":
      return answer.route === undefined ? [] : [answer.route];
    case "routes":
      return answer.routes;
    case "table":
      return answer.routes.map(({ route }) => route);
    default:
      throw new Error(`Cannot take ${answer.kind} for routes`);
  }
}

function mainRoutes(answer: Answer): readonly unknown[] {
  return routesOf(answer)
    .filter(({ destination, table }) =>
      table === 254 && destination.startsWith("10.42")
    )
    .map(({ destination, device, metric, protocol }) => ({
      dst: destination,
      dev: device,
      protocol,
      metric,
    }));
}

/** Fails unless the result is the expected one. */
function compare(expected: Expected, result: OperationResult): void {
  if (expected.kind === "failure") {
    const got = result.ok ? "success" : result.failure.kind;
    return assert.equal(got, expected.failure);
  }
  assert.ok(result.ok, result.ok ? "" : `unexpected: ${result.failure.message}`);
  const { answer } = result;
  if (expected.kind === "done") return assert.deepEqual(answer, { kind: "done" });
  switch (expected.kind) {
    case "device":
      assert.equal(answerOf(result, "link")?.link.kind, "present");
      break;
    case "neighbours":
      assert.deepEqual(
        answerOf(result, "neighbours")?.neighbours.map(({ address }) => address),
        expected.addresses,
      );
      break;
    case "routes":
      assert.deepEqual(mainRoutes(answer), expected.routes);
      break;
    case "entries":
      assert.deepEqual(
        new Set(
          answerOf(result, "table")?.routes.map((found) =>
            JSON.stringify(entryOf(found))
          ),
        ),
        new Set(expected.entries.map((kept) => JSON.stringify(kept))),
      );
      break;
    default:
      expected satisfies never;
  }
}

interface SentBatch {
  readonly commands: readonly Command[];
  readonly expected: readonly Expected[];
  readonly reply: Promise<BatchResult>;
}

/** One record that the audit log must have. */
type Trace = readonly [command: string, outcome: string];

async function check(sent: SentBatch, traces: Trace[]): Promise<void> {
  const reply = await sent.reply;
  assert.equal(reply.kind, "answered");
  if (reply.kind !== "answered") return;
  assert.equal(reply.results.length, sent.commands.length);
  sent.commands.forEach((command, index) => {
    const expected = sent.expected[index];
    const result = reply.results[index];
    assert.ok(expected !== undefined && result !== undefined);
    try {
      compare(expected, result);
    } catch (error) {
      const lines = sent.commands.map((each) => render(each)).join("\n");
      throw new Error(`Line ${index} of\n${lines}`, { cause: error });
    }
    if (isRead(command)) return;
    const outcome = expected.kind === "failure" ? "failed" : "done";
    traces.push([render(command), outcome]);
  });
}

/** Adds a route of another owner, past the dataplane. */
async function seed(model: KernelModel, dice: Dice): Promise<void> {
  const route = {
    dst: dice.pick(DESTINATIONS),
    dev: dice.pick(UP),
    protocol: 4,
    metric: dice.pick([50, 100]),
  };
  if (!model.seed(route)) return;
  const { dev, dst, metric, protocol } = route;
  await batch([`route add ${dst} dev ${dev} proto ${protocol} metric ${metric}`]);
}

/** Sends all batches, many at once, and compares each result with the model's. */
async function play(
  dataplane: Iproute2Dataplane,
  dice: Dice,
): Promise<readonly Trace[]> {
  const model = new KernelModel({ up: UP, down: [DOWN], neighbours: NEIGHBOURS });
  const traces: Trace[] = [];
  for (let sent = 0; sent < BATCHES;) {
    if (dice.roll(4) === 0) await seed(model, dice);
    const wave = Math.min(1 + dice.roll(64), BATCHES - sent);
    const asked = Array.from({ length: wave }, (): SentBatch => {
      const commands = Array.from({ length: 1 + dice.roll(9) }, () => command(dice));
      const expected = commands.map((each) => model.run(each));
      return { commands, expected, reply: dataplane.run(commands.map(operation)) };
    });
    for (const each of asked) await check(each, traces);
    sent += wave;
  }
  return traces;
}

/** Creates table 142, because reading it fails until it has had an entry. */
async function createTable142(dataplane: Iproute2Dataplane): Promise<readonly Trace[]> {
  const entry: TableEntry = {
    table: 142,
    type: "blackhole",
    prefix: DESTINATIONS[0],
    metric: 142,
    payload: [1],
  };
  const commands: readonly Command[] = [
    { kind: "put-entry", entry },
    { kind: "delete-entry", entry },
  ];
  await dataplane.run(commands.map(operation));
  return commands.map((each) => [render(each), "done"]);
}

Deno.test(`Dataplane gives each of ${BATCHES} random batches, good and bad commands mixed, its own results`, async () => {
  await using ground = await makeGround(...UP);
  await ground.addDevice(DOWN, false);
  const neighbours = [...NEIGHBOURS].map(([name, [address]]) =>
    `neigh add ${address} lladdr 02:00:00:00:00:01 dev ${name} nud permanent`
  );
  await batch(neighbours);
  const dice = makeDice();
  const trail = collectAuditLog();
  // Few mutations a process: so that the mix has rotations.
  const dataplane = new Iproute2Dataplane(new AuditLog(trail), {
    mutationsPerProcess: 200,
  });
  await using _open = { [Symbol.asyncDispose]: () => dataplane.close() };
  const created = await createTable142(dataplane);
  const traces = await play(dataplane, dice).catch((cause) => {
    throw new Error(`With the seed ${dice.seed}`, { cause });
  });
  const written = trail.records.map(({ outcome, words }) => [words, outcome]);
  assert.deepEqual(written, [...created, ...traces]);
  assert.deepEqual(
    trail.records.map(({ sequence }) => sequence),
    written.map((_, index) => index + 1),
  );
});
