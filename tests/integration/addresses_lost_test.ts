import assert from "node:assert/strict";
import type { Ipv4Cidr } from "../../src/ipam/cidr.ts";
import { AuditLog } from "../../src/dataplane/audit_log.ts";
import type { Dataplane } from "../../src/dataplane/dataplane.ts";
import { Iproute2Dataplane } from "../../src/dataplane/iproute2/adapter.ts";
import { restore } from "../../src/reconcile/startup.ts";
import { FaultyDataplane } from "./faulty_dataplane.ts";
import {
  cidr,
  type Dice,
  ip,
  keepTrail,
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

/** A life of the sidecar on a dataplane that loses replies. */
interface Life extends RoutesUnderTest {
  readonly faulty: FaultyDataplane;
}

const logger = { log: () => {}, flush: () => Promise.resolve() };

async function begin(dataplane: Dataplane, dice: Dice): Promise<Life> {
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

/** What callers were told: an address, none, or "?" for an answer that says nothing. */
type Told = Map<string, string | undefined>;

async function allocate(life: Life, owner: string, told: Told): Promise<void> {
  const outcome = await life.network.allocateAddress(owner, "", CALL);
  if (outcome.kind === "allocated") {
    const { address } = outcome.allocated;
    const before = told.get(owner);
    if (before !== undefined && before !== "?") assert.equal(address, before, owner);
    for (const [other, theirs] of told) {
      assert.ok(
        theirs !== address || other === owner,
        `${address}: ${owner}, ${other}`,
      );
    }
    told.set(owner, address);
    return;
  }
  assert.ok(outcome.kind === "refused", outcome.kind);
  if (outcome.reason === "lost") {
    if (told.get(owner) === undefined) told.set(owner, "?");
  } else assert.equal(outcome.reason, "exhausted");
}

async function release(life: Life, owner: string, told: Told): Promise<void> {
  const before = told.get(owner);
  // From now on another owner may be given it, whichever call is answered first.
  if (before !== undefined) told.set(owner, "?");
  const outcome = await life.network.releaseAddress(
    { kind: "owner", text: owner },
    CALL,
  );
  switch (outcome.kind) {
    case "released":
      if (before !== "?") assert.equal(outcome.released.address, before);
      told.delete(owner);
      break;
    case "absent":
      assert.ok(before === undefined || before === "?", `${owner} has ${before}`);
      told.delete(owner);
      break;
    default:
      assert.ok(outcome.kind === "refused" && outcome.reason === "lost", outcome.kind);
  }
}

/** Many calls at once, about one owner each. */
async function talk(life: Life, dice: Dice, told: Told): Promise<void> {
  const owners = OWNERS.filter(() => dice.roll(3) === 0);
  await Promise.all(
    owners.map((owner) =>
      dice.roll(5) < 3 ? allocate(life, owner, told) : release(life, owner, told)
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
  told: Told,
): Promise<void> {
  const life = await begin(dataplane, dice);
  const outcome = await life.network.listAddresses(CALL);
  assert.ok(outcome.kind === "listed");
  const listed = new Map(
    outcome.addresses.map(({ address, owner }) => [String(owner), String(address)]),
  );
  assert.equal(listed.size, outcome.addresses.length, "an owner stands there twice");
  assert.equal(await allocated(), listed.size);
  if (listed.size > 0) assert.equal(life.state.subnet?.subnet, SUBNET);
  else assert.equal(await configure(life, SUBNET), "configured");
  for (const [owner, address] of told) {
    if (address !== "?") assert.equal(listed.get(owner), address, owner);
  }
  for (const owner of listed.keys()) assert.ok(told.has(owner), `${owner} came back`);
  told.clear();
  for (const [owner, address] of listed) told.set(owner, address);
}

async function openDoor(): Promise<Iproute2Dataplane & AsyncDisposable> {
  await Promise.resolve();
  const dataplane = new Iproute2Dataplane(new AuditLog(keepTrail()));
  return Object.assign(dataplane, { [Symbol.asyncDispose]: () => dataplane.close() });
}

async function configure({ network }: Life, subnet: Ipv4Cidr): Promise<string> {
  return (await network.configureNodeSubnet(subnet, CALL)).kind;
}

Deno.test(`whatever replies are lost, ${ROUNDS} times: no address has two owners, and what was told holds`, async () => {
  await using _ground = await makeGround();
  await using dataplane = await openDoor();
  const dice = makeDice();
  const told: Told = new Map();
  assert.equal(await configure(await begin(dataplane, dice), SUBNET), "configured");
  let lost = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    try {
      const life = await begin(dataplane, dice);
      const share = dice.pick([5, 15, 25]);
      life.faulty.faults = { before: share, within: share, after: share };
      for (let left = dice.roll(6); left >= 0; left -= 1) {
        await talk(life, dice, told);
        // Refused, if anything is allocated; if nothing is, the next call sets it back.
        if (dice.roll(4) === 0) await configure(life, cidr("10.42.2.0/28"));
        if (life.state.subnet?.subnet !== SUBNET) {
          life.faulty.faults = { before: 0, within: 0, after: 0 };
          assert.equal(await configure(life, SUBNET), "configured");
        }
      }
      lost += life.faulty.lost;
      await check(dataplane, dice, told);
    } catch (cause) {
      throw new Error(`Round ${round} of the seed ${dice.seed}`, { cause });
    }
  }
  assert.ok(lost > ROUNDS, "too few replies were lost to say anything");
});

Deno.test("an address given after a change of subnet that got no answer holds the subnet fast", async () => {
  await using _ground = await makeGround();
  await using dataplane = await openDoor();
  const dice = makeDice();
  let losing = false;
  const life = await begin({
    run: async (operations) => {
      const reply = await dataplane.run(operations);
      const writes = operations.some(({ command }) => command.kind === "put-entry");
      return losing && writes ? { kind: "lost", why: "as the test wants" } : reply;
    },
    dump: (reads) => dataplane.dump(reads),
    drainAuditLog: () => dataplane.drainAuditLog(),
    watch: () => ({ close: () => {} }),
    close: () => dataplane.close(),
    abort: () => dataplane.abort(),
  }, dice);
  assert.equal(await configure(life, SUBNET), "configured");
  losing = true;
  assert.equal(await configure(life, cidr("10.42.2.0/28")), "refused");
  losing = false;
  const outcome = await life.network.allocateAddress("a", "", CALL);
  assert.ok(outcome.kind === "allocated");
  assert.equal(outcome.allocated.address, "10.42.1.2");
  const { state } = await begin(dataplane, dice);
  assert.equal(state.subnet?.subnet, SUBNET);
  assert.deepEqual(state.subnet, life.state.subnet);
});
