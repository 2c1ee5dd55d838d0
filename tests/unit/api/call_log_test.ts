import assert from "node:assert/strict";
import fc from "fast-check";
import {
  CallLog,
  type CallLogOptions,
  type CallResult,
  type LoggedCall,
  REPORT_MS,
} from "../../../src/api/call_log.ts";
import type { LogLine } from "../../../src/observability/logger.ts";

const CONFIGURE: LoggedCall = { kind: "configure", text: "Configure()" };
const ONE: LoggedCall = { kind: "route", text: "Inject(one)", destination: "one" };
const LIST: LoggedCall = { kind: "other", text: "Allocate(x)" };

const ADDED = done(true, "Added");
const UNCHANGED = done(false, "Unchanged");
const DOWN: CallResult = { kind: "refused", sentence: "It is down" };
const GONE: CallResult = { kind: "refused", sentence: "It is gone" };
const FULL_SUBNET: CallResult = { kind: "refused", sentence: "No address is free" };
const FULL: CallResult = { kind: "not-executed", sentence: "Too many calls" };

function done(changed: boolean, message: string): CallResult {
  return { kind: "succeeded", changed, lines: [{ level: "info", message }] };
}

const CALLER = { rpc: "Inject", peer: "127.0.0.1:40112" };

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
    const begun = this.#log.start(call, CALLER);
    this.#lines.push(begun.line);
    return (result) => void this.#lines.push(...this.#log.end(begun, result));
  }

  /** A minute passes. */
  minute(): void {
    this.nowMs += REPORT_MS;
    this.#lines.push(...this.#log.report());
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
    for (let minute = 0; minute < 100; minute += 1) log.minute();
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
  for (let minute = 0; minute < 3; minute += 1) {
    for (let call = 0; call < 60; call += 1) log.call(ONE, DOWN);
    log.minute();
  }
  assert.deepEqual(log.loud(), [
    "info: RPC: Inject(one)",
    "warn: Inject(one) refused: It is down",
    "warn: Inject(one) refused 60 times since 2026-11-24T10:00:00.000Z: It is down",
    "warn: Inject(one) refused 120 times since 2026-11-24T10:00:00.000Z: It is down",
    "warn: Inject(one) refused 180 times since 2026-11-24T10:00:00.000Z: It is down",
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

Deno.test("CallLog reports the count of a refusal that has ended, and forgets it a minute later", () => {
  const log = new LogUnderTest();
  for (let call = 0; call < 5; call += 1) log.call(ONE, DOWN);
  log.loud();
  log.minute();
  assert.deepEqual(log.loud(), [
    "warn: Inject(one) refused 5 times since 2026-11-24T10:00:00.000Z: It is down",
  ]);
  log.minute();
  assert.deepEqual(log.loud(), []);
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
  log.minute();
  assert.deepEqual(log.loud(), [
    "warn: 100 calls not executed since 2026-11-24T10:00:00.000Z: Too many calls",
  ]);
  log.minute();
  log.call(ONE, FULL);
  assert.deepEqual(log.loud(), [
    "info: RPC: Inject(one)",
    "warn: Inject(one) not executed: Too many calls",
  ]);
});

Deno.test("CallLog counts refusals that there is no room for, and makes room in two minutes", () => {
  const log = new LogUnderTest({ recentCapacity: 4 });
  const refuse = (name: string) =>
    log.call({ kind: "other", text: name }, {
      kind: "refused",
      sentence: `Not ${name}`,
    });
  for (const name of ["a", "b", "c", "d", "a"]) refuse(name);
  assert.deepEqual(log.loud(), [
    "warn: a refused: Not a",
    "warn: b refused: Not b",
    "warn: Too many different calls are refused: from now on they are counted, and " +
    "shown only with --log-level debug",
  ]);
  // A route that is added meanwhile is shown all the same.
  log.call(ONE, ADDED);
  assert.deepEqual(log.loud(), ["info: RPC: Inject(one)", "info: Added"]);
  log.minute();
  assert.deepEqual(log.loud(), [
    "warn: a refused 2 times since 2026-11-24T10:00:00.000Z: Not a",
    "warn: 2 more calls refused since 2026-11-24T10:00:00.000Z; --log-level debug " +
    "shows each",
  ]);
  log.minute();
  refuse("e");
  assert.deepEqual(log.loud(), ["warn: e refused: Not e"]);
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
        { kind: "route", text: `${text} via x`, destination: text, device: "x" },
        { kind: "other", text },
      )
    ),
    result: failures,
    minutes: fc.nat(20).map((some) => Math.max(0, some - 18)),
  }),
  { maxLength: 400, size: "max" },
);

Deno.test("CallLog writes a bounded number of lines a minute, whatever is refused", () => {
  fc.assert(fc.property(failingCalls, (calls) => {
    const log = new LogUnderTest({ recentCapacity: capacity });
    for (const { call, minutes, result } of calls) {
      for (let minute = 0; minute < minutes; minute += 1) {
        log.minute();
        // Beside what is kept: those not executed, and those that are only counted.
        const lines = log.loud().length;
        assert.ok(lines <= 3 * capacity + 4, `${lines} lines in a minute`);
      }
      log.call(call, result);
    }
  }));
});

Deno.test("CallLog loses no refusal: the counts and lines of a call add up", () => {
  const pauses = fc.array(fc.nat(3), { minLength: 1 });
  fc.assert(fc.property(pauses, (pausesMinutes) => {
    const log = new LogUnderTest();
    for (const minutes of pausesMinutes) {
      for (let minute = 0; minute < minutes; minute += 1) log.minute();
      log.call(ONE, DOWN);
    }
    log.call(ONE, ADDED);
    let [total, run] = [0, 0];
    for (const line of log.loud()) {
      const count = / refused (\d+) times since /.exec(line)?.[1];
      if (line.includes(" refused: ")) [total, run] = [total + run, 1];
      else if (count !== undefined) run = Number(count);
    }
    assert.equal(total + run, pausesMinutes.length);
  }));
});

/** An InjectRoute for 10.42.N.0/24. */
function route(n: number): LoggedCall {
  const destination = `10.42.${n}.0/24`;
  const text = `Inject(${destination})`;
  return { kind: "route", text, destination, device: "vxlan100" };
}

/** So many routes, from 10.42.1.0/24 on. */
function routes(count: number): readonly LoggedCall[] {
  return Array.from({ length: count }, (_, at) => route(at + 1));
}

const SINCE = "since 2026-11-24T10:00:00.000Z";

/** The lines of the first routes that are refused, in full. */
const FIRST_EIGHT = routes(8).flatMap(({ text }) => [
  `info: RPC: ${text}`,
  `warn: ${text} refused: It is down`,
]);

Deno.test("CallLog has eight of 250 refused routes in full, then a line a minute for all", () => {
  const log = new LogUnderTest();
  const minutes: (readonly string[])[] = [];
  for (let minute = 0; minute < 10; minute += 1) {
    for (let round = 0; round < 12; round += 1) {
      for (const call of routes(250)) log.call(call, DOWN);
    }
    log.minute();
    minutes.push(log.loud());
  }
  const all = (times: number) =>
    `warn: Inject via vxlan100 refused for 250 routes, ${times} times ${SINCE}, ` +
    "from 10.42.1.0/24 to 10.42.250.0/24: It is down";
  assert.deepEqual(minutes.shift(), [
    ...FIRST_EIGHT,
    "info: RPC: Inject(10.42.9.0/24)",
    "warn: Inject via vxlan100 is refused for more routes: It is down; from now on " +
    "they are counted, and shown only with --log-level debug",
    all(3_000),
  ]);
  const times = Array.from({ length: 9 }, (_, at) => (at + 2) * 3_000);
  assert.deepEqual(minutes, times.map((count) => [all(count)]));
});

Deno.test("CallLog has all lines of a route that succeeds while others like it are refused", () => {
  const log = new LogUnderTest();
  for (const call of routes(20)) log.call(call, DOWN);
  log.loud();
  for (const n of [3, 15]) log.call(route(n), ADDED);
  log.call(route(30), UNCHANGED);
  assert.deepEqual(log.loud(), [
    ...["info: RPC: Inject(10.42.3.0/24)", "info: Added"],
    ...["info: RPC: Inject(10.42.15.0/24)", "info: Added"],
    ...["info: RPC: Inject(10.42.30.0/24)", "info: Unchanged"],
  ]);
});

Deno.test("CallLog counts routes that are refused for one reason through another device apart", () => {
  const log = new LogUnderTest();
  for (const call of routes(20)) log.call(call, DOWN);
  log.loud();
  const other: LoggedCall = {
    ...{ kind: "route", text: "Inject(one, other)" },
    ...{ destination: "one", device: "other" },
  };
  log.call(other, DOWN);
  assert.deepEqual(log.loud(), [
    "info: RPC: Inject(one, other)",
    "warn: Inject(one, other) refused: It is down",
  ]);
});

Deno.test("CallLog counts sentences together that differ only in the route", () => {
  const log = new LogUnderTest();
  for (const call of routes(20)) {
    const destination = call.kind === "route" ? call.destination : "";
    log.call(call, { kind: "refused", sentence: `Destination ${destination} is far` });
  }
  log.loud();
  log.minute();
  assert.deepEqual(log.loud(), [
    `warn: Inject via vxlan100 refused for 20 routes, 20 times ${SINCE}, from ` +
    "10.42.1.0/24 to 10.42.20.0/24: Destination … is far",
  ]);
});

Deno.test("CallLog takes out of a sentence only the route that it quotes", () => {
  const log = new LogUnderTest();
  const result: CallResult = { kind: "refused", sentence: 'Invalid destination: "id"' };
  for (let n = 0; n < 9; n += 1) {
    const text = `Inject(${n})`;
    log.call({ kind: "route", text, destination: "id", device: "vxlan100" }, result);
  }
  log.loud();
  log.minute();
  assert.deepEqual(log.loud(), [
    `warn: Inject via vxlan100 refused for 9 requests, 9 times ${SINCE}: Invalid ` +
    "destination: …",
  ]);
});

Deno.test("CallLog says so if it could not keep all routes that are refused", () => {
  const log = new LogUnderTest({ recentCapacity: 11 });
  for (const call of routes(250)) log.call(call, DOWN);
  log.loud();
  log.minute();
  assert.deepEqual(log.loud(), [
    `warn: Inject via vxlan100 refused for at least 10 routes, 250 times ${SINCE}, ` +
    "from 10.42.1.0/24 to 10.42.250.0/24: It is down",
  ]);
});

Deno.test("CallLog counts requests that are refused for one reason, whatever they ask for", () => {
  const log = new LogUnderTest();
  const requests = Array.from({ length: 12 }, (_, at) => `Allocate(${at})`);
  for (const text of requests) log.call({ kind: "other", text }, FULL_SUBNET);
  assert.equal(log.loud().length, 9);
  log.minute();
  assert.deepEqual(log.loud(), [
    `warn: Inject refused for 12 requests, 12 times ${SINCE}: No address is free`,
  ]);
});

Deno.test("CallLog begins anew after ConfigureNodeSubnet, with the first routes in full", () => {
  const log = new LogUnderTest();
  for (const call of routes(9)) log.call(call, DOWN);
  log.loud();
  log.call(CONFIGURE, UNCHANGED);
  assert.deepEqual(log.loud(), [
    "info: RPC: Configure()",
    `warn: Inject via vxlan100 refused for 9 routes, 9 times ${SINCE}, from ` +
    "10.42.1.0/24 to 10.42.9.0/24: It is down",
    "info: Unchanged",
  ]);
  for (const call of routes(8)) log.call(call, DOWN);
  assert.deepEqual(log.loud(), FIRST_EIGHT);
});

Deno.test("CallLog gives each line what it is about", () => {
  const log = new CallLog({ now: () => 0 });
  const fields = { ...CALLER, destination: "10.42.1.0/24", device: "vxlan100" };
  const one = log.start(route(1), CALLER);
  assert.deepEqual(one.line.fields, fields);
  const results = [DOWN, FULL, ADDED];
  for (const line of results.flatMap((result) => log.end(one, result))) {
    assert.deepEqual(line.fields, fields);
  }
  // A count is of all clients, and that of several routes names none.
  for (let call = 0; call < 2; call += 1) log.end(log.start(route(1), CALLER), DOWN);
  const { peer: _, ...ofRoute } = fields;
  assert.deepEqual(log.report().map((line) => line.fields), [ofRoute]);
  for (const call of routes(9)) log.end(log.start(call, CALLER), DOWN);
  const ofGroup = { rpc: "Inject", device: "vxlan100" };
  assert.deepEqual(log.report().map((line) => line.fields), [ofGroup]);
});
