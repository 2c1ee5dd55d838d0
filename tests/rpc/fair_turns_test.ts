import assert from "node:assert/strict";
import { FairTurns } from "../../src/rpc/fair_turns.ts";
import { until } from "../support/wait.ts";

/** Turns by a clock that a test sets, and connections whose calls it counts. */
function open() {
  let now = 0;
  const turns = new FairTurns(() => now);
  const connect = () => {
    const connection = {
      paused: false,
      begun: 0,
      refused: 0,
      account: turns.open({
        pause: () => void (connection.paused = true),
        resume: () => void (connection.paused = false),
      }),
      call(times = 1): void {
        for (let each = 0; each < times; each += 1) {
          turns.spend(connection.account);
          const began = turns.begin(connection.account, () => connection.begun += 1);
          if (!began) connection.refused += 1;
        }
      },
    };
    return connection;
  };
  return { turns, connect, wait: (ms: number) => void (now += ms) };
}

type Connection = ReturnType<ReturnType<typeof open>["connect"]>;

/** Floods: each has called, and has as many calls on the way as it may. */
function flood(count: number, connect: () => Connection): readonly Connection[] {
  const floods = Array.from({ length: count }, connect);
  for (const one of floods) one.call(32);
  return floods;
}

const sum = (floods: readonly Connection[]) =>
  floods.reduce((all, { begun }) => all + begun, 0);

Deno.test("as long as one connection calls, it is never paused", () => {
  const { connect } = open();
  const only = connect();
  only.call(100_000);
  assert.deepEqual([only.paused, only.begun, only.refused], [false, 100_000, 0]);
});

Deno.test("of calls that flood in on many connections as many begin as the share allows, and the others are held or refused", () => {
  const { connect } = open();
  const floods = flood(100, connect);
  // The first one was alone until the second called.
  assert.ok(sum(floods) <= 32 + 32, `${sum(floods)} have begun`);
  const [, , late] = floods;
  assert.ok(late !== undefined);
  assert.equal(late.paused, true);
  late.call(64);
  assert.ok(late.refused > 0 && late.refused < 64, `${late.refused} were refused`);
});

for (const silence of [0, 10_000]) {
  Deno.test(`beside floods that were silent for ${silence} ms, each call of who makes one at a time begins within 4 ms, on a new connection and on an old one`, async () => {
    const { connect, wait } = open();
    const old = connect();
    wait(silence);
    const floods = flood(60, connect);
    wait(10);
    for (const agent of [old, connect()]) {
      for (let called = 1; called <= 100; called += 1) {
        agent.call();
        let waited = 0;
        // A round of turns takes 2 ms of the real time.
        await until(() => {
          if (agent.begun === called) return true;
          waited += 1;
          wait(1);
          return false;
        }, { everyMs: 3, what: `call ${called}` });
        assert.ok(waited <= 4, `call ${called} waited for ${waited} ms`);
        for (const one of floods.filter(({ paused }) => !paused)) one.call(32);
      }
    }
  });
}

Deno.test("a flood of one call at a time on each of 200 connections that begins while the agent calls delays none of its calls by more than 4 ms", async () => {
  const { connect, wait } = open();
  const agent = connect();
  wait(10_000);
  agent.call();
  wait(900);
  agent.call();
  const floods = Array.from({ length: 200 }, connect);
  wait(900);
  for (let called = 3; called <= 200; called += 1) {
    agent.call();
    let waited = 0;
    // A round of turns takes 2 ms of the real time.
    await until(() => {
      if (agent.begun === called) return true;
      waited += 1;
      wait(1);
      for (const one of floods.filter(({ paused }) => !paused)) one.call();
      return false;
    }, { everyMs: 3, what: `call ${called}` });
    assert.ok(waited <= 4, `call ${called} waited for ${waited} ms`);
    for (const one of floods.filter(({ paused }) => !paused)) one.call();
  }
});

Deno.test("who is paused gets its turn, and at once when nobody competes any more", async () => {
  const { connect, wait } = open();
  const floods = flood(50, connect);
  const paused = () => floods.filter((one) => one.paused).length;
  assert.ok(paused() > 25, `${paused()} are paused`);
  const before = paused();
  await until(() => {
    wait(10);
    return paused() < before;
  }, { what: "some turns" });
  assert.ok(paused() > 0);
  wait(1_001);
  await until(() => paused() === 0, { what: "the end of all turns" });
  assert.equal(sum(floods), 50 * 32);
});

Deno.test("connections in a rush are let in one after another, and all at once when it closes", async () => {
  const { turns, wait } = open();
  let entered = 0;
  for (let come = 0; come < 100; come += 1) turns.letIn(() => entered += 1);
  const first = entered;
  assert.ok(first > 0 && first <= 16, `${first} were let in at once`);
  wait(20);
  await until(() => entered > first, { what: "the next ones" });
  assert.ok(entered < 100);
  turns.openUp();
  assert.equal(entered, 100);
});
