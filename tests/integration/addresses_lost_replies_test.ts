import assert from "node:assert/strict";
import type { Ipv4Cidr } from "../../src/ipam/cidr.ts";
import { AuditLog } from "../../src/dataplane/audit_log.ts";
import type { Dataplane } from "../../src/dataplane/dataplane.ts";
import { Iproute2Dataplane } from "../../src/dataplane/iproute2/adapter.ts";
import { restore } from "../../src/reconcile/startup.ts";
import { FaultyDataplane } from "./faulty_dataplane.ts";
import {
  cidr,
  collectAuditLog,
  type Dice,
  ip,
  makeDice,
  makeGround,
} from "../support/fixtures.ts";
import { TABLE_142 } from "../../src/state/table142_store.ts";
import { caller } from "./node_harness.ts";
import { openRoutes, type RoutesUnderTest } from "./routes_harness.ts";

const ROUNDS = 150;
const CLUSTER = cidr("10.42.0.0/16");
/** Fewer addresses than owners: every kind of answer is given. */
const SUBNET = cidr("10.42.1.0/28");
const OWNERS = Array.from(
  { length: 16 },
  (_, at) => `owner-${at}-${"x".repeat(at * 7)}`,
);
const CALL = caller("Test");

/** A start of the sidecar on a dataplane that loses replies. */
interface StartedSidecar extends RoutesUnderTest {
  readonly faulty: FaultyDataplane;
}

const logger = { log: () => {}, flush: () => Promise.resolve() };

async function start(dataplane: Dataplane, dice: Dice): Promise<StartedSidecar> {
  const faulty = new FaultyDataplane(dataplane, dice);
  const routes = openRoutes({
    behind: () => faulty,
    resynced: false,
    clusterCidr: CLUSTER,
    nodePrefix: 28,
  });
  const restored = await restore({
    ...routes,
    owner: routes.records,
    store: TABLE_142,
    policy: routes.parts.policy,
    logger,
  });
  assert.ok(restored.ok);
  return { ...routes, faulty };
}

/** What clients have received: an address, none, or "?" where that is unknown. */
type Answers = Map<string, string | undefined>;

async function allocate(
  sidecar: StartedSidecar,
  owner: string,
  answers: Answers,
): Promise<void> {
  const outcome = await sidecar.network.allocateAddress(owner, "", CALL);
  if (outcome.kind === "allocated") {
    const { address } = outcome.allocated;
    const before = answers.get(owner);
    if (before !== undefined && before !== "?") assert.equal(address, before, owner);
    for (const [other, theirs] of answers) {
      assert.ok(
        theirs !== address || other === owner,
        `${address}: ${owner}, ${other}`,
      );
    }
    answers.set(owner, address);
    return;
  }
  assert.ok(outcome.kind === "refused", outcome.kind);
  if (outcome.reason === "lost") {
    if (answers.get(owner) === undefined) answers.set(owner, "?");
  } else assert.equal(outcome.reason, "exhausted");
}

async function release(
  sidecar: StartedSidecar,
  owner: string,
  answers: Answers,
): Promise<void> {
  const before = answers.get(owner);
  // From now on another owner may be given it, whichever call is answered first.
  if (before !== undefined) answers.set(owner, "?");
  const outcome = await sidecar.network.releaseAddress(
    { kind: "owner", text: owner },
    CALL,
  );
  switch (outcome.kind) {
    case "released":
      if (before !== "?") assert.equal(outcome.released.address, before);
      answers.delete(owner);
      break;
    case "absent":
      assert.ok(before === undefined || before === "?", `${owner} has ${before}`);
      answers.delete(owner);
      break;
    default:
      assert.ok(outcome.kind === "refused" && outcome.reason === "lost", outcome.kind);
  }
}

/** Many calls at once, about one owner each. */
async function callAtRandom(
  sidecar: StartedSidecar,
  dice: Dice,
  answers: Answers,
): Promise<void> {
  const owners = OWNERS.filter(() => dice.roll(3) === 0);
  await Promise.all(
    owners.map((owner) =>
      dice.roll(5) < 3
        ? allocate(sidecar, owner, answers)
        : release(sidecar, owner, answers)
    ),
  );
}

/** What table 142 has: owners by address, as `ip` shows it. */
async function allocated(): Promise<number> {
  const text = await ip("-N route show table 142 type prohibit");
  return text.split("\n").filter((line) => / metric 142 /.test(line)).length;
}

async function check(
  dataplane: Iproute2Dataplane,
  dice: Dice,
  answers: Answers,
): Promise<void> {
  const sidecar = await start(dataplane, dice);
  const outcome = await sidecar.network.listAddresses(CALL);
  assert.ok(outcome.kind === "listed");
  const listed = new Map(
    outcome.addresses.map(({ address, owner }) => [String(owner), String(address)]),
  );
  assert.equal(listed.size, outcome.addresses.length, "an owner is listed twice");
  assert.equal(await allocated(), listed.size);
  if (listed.size > 0) assert.equal(sidecar.state.subnet?.subnet, SUBNET);
  else assert.equal(await configure(sidecar, SUBNET), "configured");
  for (const [owner, address] of answers) {
    if (address !== "?") assert.equal(listed.get(owner), address, owner);
  }
  for (const owner of listed.keys()) {
    assert.ok(answers.has(owner), `${owner} came back`);
  }
  answers.clear();
  for (const [owner, address] of listed) answers.set(owner, address);
}

async function openDataplane(): Promise<Iproute2Dataplane & AsyncDisposable> {
  await Promise.resolve();
  const dataplane = new Iproute2Dataplane(new AuditLog(collectAuditLog()));
  return Object.assign(dataplane, { [Symbol.asyncDispose]: () => dataplane.close() });
}

async function configure(
  { network }: StartedSidecar,
  subnet: Ipv4Cidr,
): Promise<string> {
  return (await network.configureNodeSubnet(subnet, CALL)).kind;
}

Deno.test(`AllocateAddress and ReleaseAddress give no address two owners and keep every answer, with replies lost at random, ${ROUNDS} times`, async () => {
  await using _ground = await makeGround();
  await using dataplane = await openDataplane();
  const dice = makeDice();
  const answers: Answers = new Map();
  assert.equal(await configure(await start(dataplane, dice), SUBNET), "configured");
  let lost = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    try {
      const sidecar = await start(dataplane, dice);
      const share = dice.pick([5, 15, 25]);
      sidecar.faulty.faults = { before: share, within: share, after: share };
      for (let left = dice.roll(6); left >= 0; left -= 1) {
        await callAtRandom(sidecar, dice, answers);
        // Refused, if anything is allocated; if nothing is, the next call sets it back.
        if (dice.roll(4) === 0) await configure(sidecar, cidr("10.42.2.0/28"));
        if (sidecar.state.subnet?.subnet !== SUBNET) {
          sidecar.faulty.faults = { before: 0, within: 0, after: 0 };
          assert.equal(await configure(sidecar, SUBNET), "configured");
        }
      }
      lost += sidecar.faulty.lost;
      await check(dataplane, dice, answers);
    } catch (cause) {
      throw new Error(`Round ${round} of the seed ${dice.seed}`, { cause });
    }
  }
  assert.ok(lost > ROUNDS, "too few replies were lost to say anything");
});

Deno.test("ConfigureNodeSubnet refuses another subnet while an address is allocated, also after a change of subnet that got no answer", async () => {
  await using _ground = await makeGround();
  await using dataplane = await openDataplane();
  const dice = makeDice();
  let losing = false;
  const sidecar = await start({
    run: async (operations) => {
      const reply = await dataplane.run(operations);
      const writes = operations.some(({ command }) => command.kind === "put-entry");
      return losing && writes ? { kind: "lost", why: "as the test wants" } : reply;
    },
    dump: (reads) => dataplane.dump(reads),
    drainAuditLog: () => dataplane.drainAuditLog(),
    watch: () => ({ close: () => {} }),
    watchDataPath: () => ({ close: () => {} }),
    close: () => dataplane.close(),
    abort: () => dataplane.abort(),
  }, dice);
  assert.equal(await configure(sidecar, SUBNET), "configured");
  losing = true;
  assert.equal(await configure(sidecar, cidr("10.42.2.0/28")), "refused");
  losing = false;
  const outcome = await sidecar.network.allocateAddress("a", "", CALL);
  assert.ok(outcome.kind === "allocated");
  assert.equal(outcome.allocated.address, "10.42.1.2");
  const { state } = await start(dataplane, dice);
  assert.equal(state.subnet?.subnet, SUBNET);
  assert.deepEqual(state.subnet, sidecar.state.subnet);
});
