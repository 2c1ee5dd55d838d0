import assert from "node:assert/strict";
import { CallLimiter } from "../../../src/transport/call_limiter.ts";
import { until } from "../../support/wait.ts";
import { bounded } from "../../support/suite.ts";

/** A limiter by a clock that a test sets, and connections whose calls it counts. */
function open() {
  let now = 0;
  const limiter = new CallLimiter(() => now);
  const connect = () => {
    /** Calls that have come and not begun. */
    let waiting = 0;
    const connection = {
      /** Nothing more is read from it. */
      paused: false,
      begun: 0,
      flow: limiter.open(() => {
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
          const admission = limiter.admit(connection.flow, () => waiting - 1);
          connection.paused = admission === "queued";
          if (connection.paused) break;
          connection.begun += 1;
          waiting -= 1;
        }
      },
    };
    return connection;
  };
  return { limiter, connect, wait: (ms: number) => void (now += ms) };
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

Deno.test("CallLimiter never pauses the only connection that calls", () => {
  const { connect } = open();
  const only = connect();
  only.call(100_000);
  assert.deepEqual([only.paused, only.begun], [false, 100_000]);
});

Deno.test("CallLimiter queues the calls of many connections beyond the burst, and pauses these connections", () => {
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
    // The limiter polls every 2 ms of the real time.
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
  Deno.test(`CallLimiter begins each call of a connection that makes one at a time within 4 ms beside floods that were idle for ${silence} ms, on a new connection and on an old one`, async () => {
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

Deno.test("CallLimiter delays no call of an agent by more than 4 ms when 200 new connections begin to call, one call at a time, while the agent calls", async () => {
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

Deno.test("CallLimiter delays no call of an agent by more than 4 ms beside 200 old connections that have called for 15 s, one call at a time", async () => {
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
    // The limiter polls every 2 ms of the real time.
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
  await callPromptly(agent, 100, { wait, others });
});

Deno.test("CallLimiter gives every paused connection its turn", async () => {
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

Deno.test("CallLimiter begins with all queued calls when it is disabled", () => {
  const { connect, limiter } = open();
  const floods = flood(50, connect);
  assert.equal(limiter.hasQueue, true);
  limiter.disable();
  assert.equal(limiter.hasQueue, false);
  assert.equal(sum(floods), 50 * 32);
});

Deno.test("CallLimiter lets no class starve: a connection with several calls is served beside 100 that make one at a time without pause", async () => {
  const { connect, wait } = open();
  const steady = Array.from({ length: 100 }, connect);
  const bulk = connect();
  const callSteadily = (): void => {
    for (const one of steady) if (!one.paused) one.call();
  };
  callSteadily();
  bulk.call(8);
  const [before, others] = [bulk.begun, sum(steady)];
  await until(() => {
    wait(2);
    callSteadily();
    return bulk.begun === 8;
  }, { everyMs: 3, what: "the calls of the connection with several" });
  assert.ok(sum(steady) - others >= 6 * (8 - before), "they have most of the turns");
});

Deno.test("CallLimiter lets a connection wait after a heavy call until its cost is paid, and no connection without heavy calls", async () => {
  const { connect, limiter, wait } = open();
  const [heavy, light] = [connect(), connect()];
  // Both compete from now on.
  for (const one of [heavy, light, heavy, light]) one.call();
  limiter.charge(heavy.flow, 100);
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

Deno.test("CallLimiter lets many connections begin heavy calls no faster than their cost is paid", async () => {
  const { connect, limiter, wait } = open();
  const floods = flood(100, connect);
  const before = sum(floods);
  let charged = before;
  for (let ms = 0; ms < 1_000; ms += 10) {
    wait(10);
    // The limiter polls every 2 ms of the real time.
    await new Promise((resolve) => setTimeout(resolve, 3));
    for (const one of floods) {
      if (sum(floods) > charged) limiter.charge(one.flow, 25 * (sum(floods) - charged));
      charged = sum(floods);
    }
  }
  const begun = sum(floods) - before;
  // 500 tokens, of which each call takes 26. Those of one poll begin before their charge.
  assert.ok(begun > 10 && begun <= 2 * 500 / 26, `${begun} calls have begun`);
});
