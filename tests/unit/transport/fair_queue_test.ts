import assert from "node:assert/strict";
import { FairTurns } from "../../../src/transport/fair_queue.ts";
import { until } from "../../support/wait.ts";
import { bounded } from "../../support/suite.ts";

/** Turns by a clock that a test sets, and connections whose calls it counts. */
function open() {
  let now = 0;
  const turns = new FairTurns(() => now);
  const connect = () => {
    /** Calls that have come and not begun. */
    let waiting = 0;
    const connection = {
      /** Nothing more is read from it. */
      paused: false,
      begun: 0,
      account: turns.open(() => {
        connection.begun += 1;
        waiting -= 1;
        connection.paused = false;
        connection.read();
      }),
      call(times = 1): void {
        waiting += times;
        connection.read();
      },
      read(): void {
        while (waiting > 0 && !connection.paused) {
          const turn = turns.spend(connection.account, () => waiting - 1);
          connection.paused = turn === "waits";
          if (connection.paused) break;
          connection.begun += 1;
          waiting -= 1;
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
  assert.deepEqual([only.paused, only.begun], [false, 100_000]);
});

Deno.test("of calls that flood in on many connections as many begin as the share allows, and the others wait unread", () => {
  const { connect } = open();
  const floods = flood(100, connect);
  // The first one was alone until the second called.
  assert.ok(sum(floods) <= 32 + 32, `${sum(floods)} have begun`);
  const [, , late] = floods;
  assert.ok(late !== undefined);
  assert.equal(late.paused, true);
});

/** Calls one at a time; between two turns, a millisecond apart, others may do theirs. */
async function callPromptly(
  agent: Connection,
  times: number,
  { wait, others }: { wait(ms: number): void; others(waited: boolean): void },
): Promise<void> {
  for (let called = agent.begun + 1, end = called + times; called < end; called += 1) {
    agent.call();
    let waited = 0;
    // A round of turns takes 2 ms of the real time.
    await until(() => {
      if (agent.begun === called) return true;
      waited += 1;
      wait(1);
      others(true);
      return false;
    }, { everyMs: 3, what: `call ${called}` });
    assert.ok(waited <= 4, `call ${called} waited for ${waited} ms`);
    others(false);
  }
}

for (const silence of [0, 10_000]) {
  Deno.test(`beside floods that were silent for ${silence} ms, each call of who makes one at a time begins within 4 ms, on a new connection and on an old one`, async () => {
    const { connect, wait } = open();
    const old = connect();
    wait(silence);
    const floods = flood(60, connect);
    wait(10);
    const others = (waited: boolean): void => {
      if (!waited) { for (const one of floods) if (!one.paused) one.call(32); }
    };
    for (const agent of [old, connect()]) {
      await callPromptly(agent, bounded(100, 30), { wait, others });
    }
  });
}

Deno.test("a flood of one call at a time on each of 200 new connections that begins while the agent calls delays none of its calls by more than 4 ms", async () => {
  const { connect, wait } = open();
  const agent = connect();
  wait(10_000);
  agent.call();
  wait(900);
  agent.call();
  const floods = Array.from({ length: 200 }, connect);
  wait(900);
  const others = (): void => {
    for (const one of floods) if (!one.paused) one.call();
  };
  await callPromptly(agent, 198, { wait, others });
});

Deno.test("a flood of one call at a time on each of 200 old connections that began 15 s ago delays no call of the agent by more than 4 ms", async () => {
  const { connect, wait } = open();
  const agent = connect();
  const floods = Array.from({ length: 200 }, connect);
  wait(20_000);
  const others = (): void => {
    for (const one of floods) if (!one.paused) one.call();
  };
  for (let ms = 0; ms < 15_000; ms += 100) {
    others();
    wait(100);
    // A round of turns takes 2 ms of the real time.
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
  await callPromptly(agent, 100, { wait, others });
});

Deno.test("who is paused gets its turn, and all of them do", async () => {
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
  await until(() => {
    wait(100);
    return paused() === 0;
  }, { everyMs: 3, what: "the end of all turns" });
  assert.equal(sum(floods), 50 * 32);
});

Deno.test("connections in a rush are let in one after another, and all at once when it closes", async () => {
  const { turns, wait } = open();
  let entered = 0;
  for (let come = 0; come < 100; come += 1) turns.letIn(2, () => entered += 1);
  const first = entered;
  assert.ok(first > 0 && first <= 16, `${first} were let in at once`);
  wait(20);
  await until(() => entered > first, { what: "the next ones" });
  assert.ok(entered < 100);
  turns.openUp();
  assert.equal(entered, 100);
});

Deno.test("who has called without a pause for minutes, and others who wait to be let in without end, have half of the turns each", async () => {
  const { connect, turns, wait } = open();
  const [busy, other] = [connect(), connect()];
  const call = (): void => {
    for (const one of [busy, other]) if (!one.paused) one.call();
  };
  for (let ms = 0; ms < 120_000; ms += 900) {
    call();
    wait(900);
  }
  let [entered, waiting] = [0, 0];
  const rush = (): void => {
    for (; waiting < 50; waiting += 1) {
      turns.letIn(4, () => {
        entered += 1;
        waiting -= 1;
      });
    }
  };
  const begun = (): number => busy.begun + other.begun;
  const before = begun();
  for (let round = 0; round < 100; round += 1) {
    rush();
    for (let times = 0; times < 100; times += 1) call();
    wait(20);
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
  const [calls, entries] = [begun() - before, 4 * entered];
  const shown = `${calls} calls, and ${entered} let in for ${entries}`;
  assert.ok(calls + entries > 900, shown);
  assert.ok(Math.min(calls, entries) >= 0.45 * (calls + entries), shown);
});

Deno.test("what a call has taken besides is paid for before the next call of its connection, and before nobody else's", async () => {
  const { connect, turns, wait } = open();
  const [heavy, light] = [connect(), connect()];
  // Both compete from now on.
  for (const one of [heavy, light, heavy, light]) one.call();
  turns.charge(heavy.account, 100);
  const begun = heavy.begun;
  heavy.call();
  assert.equal(heavy.paused, true);
  await callPromptly(light, 50, { wait, others: () => {} });
  assert.equal(heavy.begun, begun);
  await until(() => {
    light.call();
    wait(10);
    return heavy.begun > begun;
  }, { everyMs: 3, what: "its turn" });
});
