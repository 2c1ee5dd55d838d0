import assert from "node:assert/strict";
import fc from "fast-check";
import {
  CallLog,
  type CallLogOptions,
  type CallResult,
  type LoggedCall,
  type LogLine,
  REPEAT_MS,
} from "../../../src/api/call_log.ts";

const CONFIGURE: LoggedCall = { kind: "configure", text: "Configure()" };
const ONE: LoggedCall = { kind: "route", text: "Inject(one)", destination: "one" };
const LIST: LoggedCall = { kind: "other", text: "Allocate(x)" };

const ADDED = done(true, "Added");
const UNCHANGED = done(false, "Unchanged");
const DOWN: CallResult = { kind: "refused", sentence: "It is down" };
const GONE: CallResult = { kind: "refused", sentence: "It is gone" };
const FULL: CallResult = { kind: "not-executed", sentence: "Too many calls" };

function done(changed: boolean, message: string): CallResult {
  return { kind: "succeeded", changed, lines: [{ level: "info", message }] };
}

/** A log with a clock of the test's, which collects what is to be written. */
class LogUnderTest {
  nowMs = Date.UTC(2026, 10, 24, 10);
  readonly #log: CallLog;
  #lines: LogLine[] = [];

  constructor(options: CallLogOptions = {}) {
    this.#log = new CallLog({ now: () => this.nowMs, ...options });
  }

  call(call: LoggedCall, result: CallResult): void {
    this.start(call)(result);
  }

  /** Starts a call; what it returns ends it. */
  start(call: LoggedCall): (result: CallResult) => void {
    const begun = this.#log.start(call);
    this.#lines.push(begun.line);
    return (result) => void this.#lines.push(...this.#log.end(begun, result));
  }

  /** What is written at info and above since it was asked last. */
  loud(): readonly string[] {
    const loud = this.#lines.filter(({ level }) => level !== "debug");
    this.#lines = [];
    return loud.map(({ level, message }) => `${level}: ${message}`);
  }

  /** Everything since then. */
  all(): readonly string[] {
    const lines = this.#lines.map(({ level, message }) => `${level}: ${message}`);
    this.#lines = [];
    return lines;
  }
}

Deno.test("CallLog has the RPC line at once, and the rest when the call has ended", () => {
  const log = new LogUnderTest();
  const end = log.start(ONE);
  assert.deepEqual(log.all(), ["info: RPC: Inject(one)"]);
  end(ADDED);
  assert.deepEqual(log.all(), ["info: Added"]);
});

Deno.test("CallLog shows an unchanged route once, and again after ConfigureNodeSubnet", () => {
  const log = new LogUnderTest();
  const once = ["info: RPC: Inject(one)", "info: Unchanged"];
  for (let round = 0; round < 3; round += 1) {
    log.call(CONFIGURE, UNCHANGED);
    assert.deepEqual(log.loud(), ["info: RPC: Configure()", "info: Unchanged"]);
    log.call(ONE, UNCHANGED);
    assert.deepEqual(log.loud(), once);
    log.call(ONE, UNCHANGED);
    log.nowMs += 100 * REPEAT_MS;
    log.call(ONE, UNCHANGED);
    assert.deepEqual(
      log.all(),
      Array(2).fill(["debug: RPC: Inject(one)", "debug: Unchanged"]).flat(),
    );
  }
});

Deno.test("CallLog shows a refused ConfigureNodeSubnet, which makes no route new", () => {
  const log = new LogUnderTest();
  log.call(ONE, ADDED);
  log.loud();
  log.call(CONFIGURE, DOWN);
  assert.deepEqual(log.loud(), [
    "info: RPC: Configure()",
    "warn: Configure() refused: It is down",
  ]);
  log.call(ONE, UNCHANGED);
  assert.deepEqual(log.loud(), []);
});

Deno.test("CallLog repeats the RPC line at info if a repetition changes something", () => {
  const log = new LogUnderTest();
  log.call(ONE, ADDED);
  log.loud();
  log.call(ONE, ADDED);
  assert.deepEqual(log.loud(), ["info: RPC: Inject(one)", "info: Added"]);
});

Deno.test("CallLog never has an RPC line twice in a log that shows debug", () => {
  const log = new LogUnderTest({ showsDebug: true });
  log.call(ONE, ADDED);
  log.all();
  log.call(ONE, ADDED);
  assert.deepEqual(log.all(), ["debug: RPC: Inject(one)", "info: Added"]);
  log.call(LIST, ADDED);
  assert.deepEqual(log.all(), ["debug: RPC: Allocate(x)", "info: Added"]);
});

Deno.test("CallLog shows a call for another device of a known destination", () => {
  const log = new LogUnderTest();
  log.call(ONE, ADDED);
  log.loud();
  log.call({ ...ONE, text: "Inject(one, other)" }, UNCHANGED);
  assert.deepEqual(log.loud(), ["info: RPC: Inject(one, other)", "info: Unchanged"]);
});

Deno.test("CallLog has other calls at info only if they change something", () => {
  const log = new LogUnderTest();
  log.call(LIST, UNCHANGED);
  assert.deepEqual(log.loud(), []);
  log.call(LIST, ADDED);
  assert.deepEqual(log.loud(), ["info: RPC: Allocate(x)", "info: Added"]);
});

Deno.test("CallLog has one RPC line of equal calls that are carried out side by side", () => {
  const log = new LogUnderTest();
  const ends = [log.start(ONE), log.start(ONE), log.start(ONE)];
  assert.deepEqual(log.loud(), ["info: RPC: Inject(one)"]);
  for (const end of ends) end(UNCHANGED);
  assert.deepEqual(log.loud(), ["info: Unchanged"]);
});

Deno.test("CallLog counts a refusal that repeats, a line a minute", () => {
  const log = new LogUnderTest();
  for (let second = 0; second < 150; second += 1) {
    log.call(ONE, DOWN);
    log.nowMs += 1_000;
  }
  assert.deepEqual(log.loud(), [
    "info: RPC: Inject(one)",
    "warn: Inject(one) refused: It is down",
    "warn: Inject(one) refused 61 times since 2026-11-24T10:00:00.000Z: It is down",
    "warn: Inject(one) refused 121 times since 2026-11-24T10:00:00.000Z: It is down",
  ]);
});

Deno.test("CallLog has each repetition of a refusal at debug", () => {
  const log = new LogUnderTest();
  log.call(ONE, DOWN);
  log.all();
  log.call(ONE, DOWN);
  assert.deepEqual(log.all(), [
    "debug: RPC: Inject(one)",
    "debug: Inject(one) refused: It is down",
  ]);
});

Deno.test("CallLog writes the count when the call succeeds, and then that it did", () => {
  const log = new LogUnderTest();
  log.call(ONE, ADDED);
  for (let call = 0; call < 5; call += 1) log.call(ONE, DOWN);
  log.loud();
  log.call(ONE, UNCHANGED);
  assert.deepEqual(log.loud(), [
    "warn: Inject(one) refused 5 times since 2026-11-24T10:00:00.000Z: It is down",
    "info: RPC: Inject(one)",
    "info: Unchanged",
  ]);
  log.call(ONE, DOWN);
  assert.deepEqual(log.loud(), [
    "warn: Inject(one) refused: It is down",
  ]);
});

Deno.test("CallLog shows a refusal for another reason, and counts each reason", () => {
  const log = new LogUnderTest();
  for (let call = 0; call < 10; call += 1) log.call(ONE, call % 2 === 0 ? DOWN : GONE);
  assert.deepEqual(log.loud(), [
    "info: RPC: Inject(one)",
    "warn: Inject(one) refused: It is down",
    "warn: Inject(one) refused: It is gone",
  ]);
  log.call(CONFIGURE, UNCHANGED);
  assert.deepEqual(log.loud(), [
    "info: RPC: Configure()",
    "warn: Inject(one) refused 5 times since 2026-11-24T10:00:00.000Z: It is down",
    "warn: Inject(one) refused 5 times since 2026-11-24T10:00:00.000Z: It is gone",
    "info: Unchanged",
  ]);
});

Deno.test("CallLog writes the count of a refusal that has ended with a later call", () => {
  const log = new LogUnderTest();
  for (let call = 0; call < 5; call += 1) log.call(ONE, DOWN);
  log.loud();
  log.nowMs += REPEAT_MS;
  log.call(LIST, UNCHANGED);
  assert.deepEqual(log.loud(), [
    "warn: Inject(one) refused 5 times since 2026-11-24T10:00:00.000Z: It is down",
  ]);
  log.call(ONE, DOWN);
  assert.deepEqual(log.loud(), [
    "info: RPC: Inject(one)",
    "warn: Inject(one) refused: It is down",
  ]);
});

Deno.test("CallLog counts calls that were not executed over all of them", () => {
  const log = new LogUnderTest();
  for (let at = 0; at < 100; at += 1) {
    log.call({ kind: "other", text: `Allocate(${at})` }, FULL);
  }
  assert.deepEqual(log.loud(), ["warn: Allocate(0) not executed: Too many calls"]);
  log.nowMs += REPEAT_MS;
  log.call(ONE, FULL);
  assert.deepEqual(log.loud(), [
    "info: RPC: Inject(one)",
    "warn: 100 calls not executed since 2026-11-24T10:00:00.000Z: Too many calls",
    "warn: Inject(one) not executed: Too many calls",
  ]);
});

Deno.test("CallLog goes on counting when the clock is set back", () => {
  const log = new LogUnderTest();
  log.call(ONE, DOWN);
  log.loud();
  log.nowMs -= 60 * REPEAT_MS;
  log.call(ONE, DOWN);
  assert.deepEqual(log.loud(), [
    "warn: Inject(one) refused 2 times since 2026-11-24T10:00:00.000Z: It is down",
  ]);
});

Deno.test("CallLog counts refusals that there is no room for, and makes room in a minute", () => {
  const log = new LogUnderTest({ recentCapacity: 4 });
  const refuse = (name: string) =>
    log.call({ kind: "route", text: name, destination: name }, DOWN);
  for (const name of ["a", "b", "c", "d", "e"]) refuse(name);
  assert.deepEqual(log.loud(), [
    "info: RPC: a",
    "warn: a refused: It is down",
    "info: RPC: b",
    "warn: b refused: It is down",
    "warn: Too many different calls are refused: from now on they are counted, and " +
    "shown only with --log-level debug",
  ]);
  // A route that is added meanwhile is shown all the same.
  log.call(ONE, ADDED);
  assert.deepEqual(log.loud(), ["info: RPC: Inject(one)", "info: Added"]);
  log.nowMs += REPEAT_MS;
  refuse("f");
  refuse("g");
  assert.deepEqual(log.loud(), [
    "warn: 3 more calls refused since 2026-11-24T10:00:00.000Z; --log-level debug " +
    "shows each",
    "warn: f refused: It is down",
    "info: RPC: g",
    "warn: g refused: It is down",
  ]);
});

Deno.test("CallLog forgets the oldest destination when there are too many", () => {
  const log = new LogUnderTest({ routeCapacity: 2 });
  const repeat = (name: string) =>
    log.call({ kind: "route", text: name, destination: name }, UNCHANGED);
  for (const name of ["a", "b", "c"]) repeat(name);
  log.loud();
  repeat("b");
  repeat("c");
  assert.deepEqual(log.loud(), []);
  repeat("a");
  assert.deepEqual(log.loud(), ["info: RPC: a", "info: Unchanged"]);
});

const capacity = 16;
const names = fc.oneof(fc.nat(5), fc.nat(1_000)).map(String);
const failures = fc.oneof(
  fc.constant(FULL),
  fc.constant(DOWN),
  names.map((sentence): CallResult => ({ kind: "refused", sentence })),
);
const failingCalls = fc.array(
  fc.record({
    call: names.chain((text) =>
      fc.constantFrom<LoggedCall>(
        { kind: "route", text, destination: text },
        { kind: "other", text },
      )
    ),
    result: failures,
    laterMs: fc.constantFrom(0, 1, 1_000, 30_000),
  }),
  { maxLength: 400, size: "max" },
);

Deno.test("CallLog writes a bounded number of lines a minute, whatever is refused", () => {
  fc.assert(fc.property(failingCalls, (calls) => {
    const log = new LogUnderTest({ recentCapacity: capacity });
    const startMs = log.nowMs;
    let lines = 0;
    for (const { call, result, laterMs } of calls) {
      log.call(call, result);
      log.nowMs += laterMs;
      lines += log.loud().length;
    }
    const minutes = Math.floor((log.nowMs - startMs) / REPEAT_MS) + 1;
    // Beside what is remembered: those not executed, and those that are only counted.
    assert.ok(
      lines <= minutes * (2 * capacity + 4),
      `${lines} lines in ${minutes} min`,
    );
  }));
});

Deno.test("CallLog loses no refusal: the counts and lines of a call add up", () => {
  const pauses = fc.array(fc.constantFrom(0, 1, 1_000, 30_000, 200_000), {
    minLength: 1,
  });
  fc.assert(fc.property(pauses, (pausesMs) => {
    const log = new LogUnderTest();
    for (const pauseMs of pausesMs) {
      log.nowMs += pauseMs;
      log.call(ONE, DOWN);
    }
    log.call(ONE, ADDED);
    let [total, run] = [0, 0];
    for (const line of log.loud()) {
      const count = / refused (\d+) times since /.exec(line)?.[1];
      if (line.includes(" refused: ")) [total, run] = [total + run, 1];
      else if (count !== undefined) run = Number(count);
    }
    assert.equal(total + run, pausesMs.length);
  }));
});
