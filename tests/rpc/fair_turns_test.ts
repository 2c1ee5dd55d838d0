import assert from "node:assert/strict";
import { type Account, FairTurns } from "../../src/rpc/fair_turns.ts";
import { until } from "../support/wait.ts";

/** Turns by a clock that a test sets, and connections that count their pauses. */
function open() {
  let now = 0;
  const turns = new FairTurns(() => now);
  const connect = (): { readonly account: Account; paused: boolean } => {
    const connection = {
      paused: false,
      account: turns.open({
        pause: () => void (connection.paused = true),
        resume: () => void (connection.paused = false),
      }),
    };
    return connection;
  };
  return { turns, connect, wait: (ms: number) => void (now += ms) };
}

function spend(turns: FairTurns, account: Account, calls: number): void {
  for (let call = 0; call < calls; call += 1) turns.spend(account);
}

Deno.test("as long as one connection calls, it is never paused", () => {
  const { turns, connect } = open();
  const only = connect();
  spend(turns, only.account, 100_000);
  assert.equal(only.paused, false);
  assert.equal(turns.isOverdrawn(only.account), false);
});

Deno.test("a flood is paused while another connection calls; who was silent for 5 s makes 255 calls beside it", () => {
  const { turns, connect, wait } = open();
  const [agent, flood] = [connect(), connect()];
  wait(5_000);
  // The flood has been silent as well, and spends what it has earned by that.
  spend(turns, flood.account, 500);
  turns.spend(agent.account);
  spend(turns, flood.account, 100);
  assert.equal(flood.paused, true);
  spend(turns, agent.account, 254);
  assert.equal(agent.paused, false);
  assert.equal(turns.isOverdrawn(agent.account), false);
  assert.equal(turns.isOverdrawn(flood.account), true);
});

Deno.test("who is paused gets its turn, and at once when nobody competes any more", async () => {
  const { turns, connect, wait } = open();
  const floods = Array.from({ length: 50 }, connect);
  for (const { account } of floods) spend(turns, account, 2);
  const paused = () => floods.filter((flood) => flood.paused).length;
  assert.ok(paused() > 25, `${paused()} are paused`);
  const before = paused();
  wait(10);
  await until(() => paused() < before, { what: "some turns" });
  assert.ok(paused() > 0);
  wait(1_001);
  await until(() => paused() === 0, { what: "the end of all turns" });
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
