import assert from "node:assert/strict";
import fc from "fast-check";
import {
  CALL_OUTCOMES,
  CONTENTION_KINDS,
  createInstruments,
  DRIFT_KINDS,
  EXCHANGE_KINDS,
  EXCHANGE_OUTCOMES,
  type InstrumentDefinition,
  INSTRUMENTS,
  type Instruments,
  IP_START_REASONS,
  NO_INSTRUMENTS,
  type ObservedState,
  observeState,
  OPERATION_OUTCOMES,
  PROBE_RESULTS,
  PROBE_TARGETS,
  REFUSAL_REASONS,
  REPAIR_CAUSES,
  REPAIR_OUTCOMES,
  RESYNC_OUTCOMES,
} from "../../../src/observability/instruments.ts";
import {
  type CollectedMetrics,
  collectMetrics,
  nameOf,
  type Series,
} from "../../support/collected_metrics.ts";

/** Something that happens, and what it adds to which series. */
interface Happening {
  readonly report: (instruments: Instruments) => void;
  /** By the names of {@linkcode nameOf}. */
  readonly adds: Readonly<Record<string, number>>;
}

const seconds = fc.double({ min: 0, max: 60, noNaN: true });
const count = fc.integer({ min: 1, max: 1_000 });
const kind = fc.constantFrom("add-route", "link", "put-entry");
const method = fc.constantFrom(
  "quilt.QuiltRuntime/InjectRoute",
  "grpc.health.v1.Health/Check",
);
const status = fc.constantFrom("OK", "UNAVAILABLE");

/** One arbitrary for each method: who adds a method has to add it here. */
const HAPPENINGS: { readonly [Method in keyof Instruments]: fc.Arbitrary<Happening> } =
  {
    callEnded: fc.record({
      method,
      status,
      outcome: fc.constantFrom(...CALL_OUTCOMES),
      seconds,
    }).map((call) => ({
      report: ({ callEnded }) => callEnded(call),
      adds: {
        [`rpc.server.call.duration ${call.outcome} ${call.method} ${call.status} grpc`]:
          1,
      },
    })),
    operationsEnded: fc.tuple(kind, fc.constantFrom(...OPERATION_OUTCOMES), count).map(
      ([kind, outcome, count]) => ({
        report: ({ operationsEnded }) => operationsEnded(kind, outcome, count),
        adds: { [`quilt.dataplane.operations ${kind} ${outcome}`]: count },
      }),
    ),
    batchWaited: seconds.map((seconds) => ({
      report: ({ batchWaited }) => batchWaited(seconds),
      adds: { "quilt.dataplane.queue.wait": 1 },
    })),
    exchangeEnded: fc.record({
      kind: fc.constantFrom(...EXCHANGE_KINDS),
      outcome: fc.constantFrom(...EXCHANGE_OUTCOMES),
      seconds,
    }).map((exchange) => ({
      report: ({ exchangeEnded }) => exchangeEnded(exchange),
      adds: {
        [`quilt.dataplane.exchange.duration ${exchange.kind} ${exchange.outcome}`]: 1,
      },
    })),
    ipStarted: fc.constantFrom(...IP_START_REASONS).map((reason) => ({
      report: ({ ipStarted }) => ipStarted(reason),
      adds: { [`quilt.dataplane.ip.starts ${reason}`]: 1 },
    })),
    repairEnded: fc.record({
      cause: fc.constantFrom(...REPAIR_CAUSES),
      outcome: fc.constantFrom(...REPAIR_OUTCOMES),
      seconds,
    }).map((repair) => ({
      report: ({ repairEnded }) => repairEnded(repair),
      adds: {
        [`quilt.repairs ${repair.cause} ${repair.outcome}`]: 1,
        ...repair.outcome === "lost"
          ? {}
          : { [`quilt.repair.duration ${repair.cause}`]: 1 },
      },
    })),
    contentionBegan: fc.tuple(fc.constantFrom(...CONTENTION_KINDS), count).map(
      ([kind, keys]) => ({
        report: ({ contentionBegan }) => contentionBegan(kind, keys),
        adds: { [`quilt.contention ${kind}`]: keys },
      }),
    ),
    resyncEnded: fc.record({
      outcome: fc.constantFrom(...RESYNC_OUTCOMES),
      seconds,
    }).map((resync) => ({
      report: ({ resyncEnded }) => resyncEnded(resync),
      adds: { [`quilt.resync.duration ${resync.outcome}`]: 1 },
    })),
    driftConfirmed: fc.tuple(fc.constantFrom(...DRIFT_KINDS), count).map(
      ([kind, count]) => ({
        report: ({ driftConfirmed }) => driftConfirmed(kind, count),
        adds: { [`quilt.resync.drift ${kind}`]: count },
      }),
    ),
    probed: fc.tuple(
      fc.constantFrom(...PROBE_TARGETS),
      fc.constantFrom(...PROBE_RESULTS),
    ).map(([target, result]) => ({
      report: ({ probed }) => probed(target, result),
      adds: { [`quilt.probes ${result} ${target}`]: 1 },
    })),
    refused: fc.constantFrom(...REFUSAL_REASONS).map((reason) => ({
      report: ({ refused }) => refused(reason),
      adds: { [`quilt.connections.refused ${reason}`]: 1 },
    })),
  };

const happenings = fc.array(fc.oneof(...Object.values(HAPPENINGS)), { maxLength: 60 });

const DEFINITIONS: readonly InstrumentDefinition[] = Object.values(INSTRUMENTS);

/** An instrument has exactly the attributes that are declared, with declared values. */
function assertDeclared(series: Series): void {
  const shown = nameOf(series);
  const definition = DEFINITIONS.find(({ name }) => name === series.name);
  assert.ok(definition !== undefined, `${shown} is declared`);
  const { attributes } = definition;
  assert.deepEqual(
    Object.keys(series.attributes).toSorted(),
    Object.keys(attributes).toSorted(),
    shown,
  );
  for (const [attribute, value] of Object.entries(series.attributes)) {
    const values = attributes[attribute];
    assert.ok(values === undefined || values.includes(String(value)), shown);
  }
}

Deno.test("Instruments add each event to its series, with exactly the attributes and the values that INSTRUMENTS declares", async () => {
  await fc.assert(
    fc.asyncProperty(happenings, async (all) => {
      const metrics = collectMetrics();
      const expected = new Map<string, number>();
      for (const { adds, report } of all) {
        report(metrics.instruments);
        for (const [name, by] of Object.entries(adds)) {
          expected.set(name, (expected.get(name) ?? 0) + by);
        }
      }
      assert.deepEqual(
        await metrics.counted(""),
        Object.fromEntries([...expected].toSorted()),
      );
      (await metrics.series()).forEach(assertDeclared);
    }),
    { numRuns: 50 },
  );
});

Deno.test("Instruments keep durations in seconds", async () => {
  const { instruments, series } = collectMetrics();
  instruments.batchWaited(0.25);
  instruments.batchWaited(1.5);
  const waits = (await series()).filter(({ name }) =>
    name === "quilt.dataplane.queue.wait"
  );
  assert.deepEqual(waits.map(({ sum, value }) => ({ sum, value })), [
    { sum: 1.75, value: 2 },
  ]);
});

Deno.test("Instruments show every series of a counter whose values are listed from the start, with 0", async () => {
  const { series } = collectMetrics();
  const all = await series();
  assert.deepEqual(all.filter(({ value }) => value !== 0), []);
  const shown = new Map<string, number>();
  for (const { name } of all) shown.set(name, (shown.get(name) ?? 0) + 1);
  assert.deepEqual(Object.fromEntries([...shown].toSorted()), {
    "quilt.connections.refused": REFUSAL_REASONS.length,
    "quilt.contention": CONTENTION_KINDS.length,
    "quilt.dataplane.ip.starts": IP_START_REASONS.length,
    "quilt.probes": PROBE_RESULTS.length * PROBE_TARGETS.length,
    "quilt.repairs": REPAIR_CAUSES.length * REPAIR_OUTCOMES.length,
    "quilt.resync.drift": DRIFT_KINDS.length,
  });
});

Deno.test("Instruments count each event on every meter", async () => {
  const one = collectMetrics();
  const other = collectMetrics();
  createInstruments([...one.meters.all, ...other.meters.all]).ipStarted("lost");
  for (const { counted } of [one, other]) {
    assert.deepEqual(await counted("quilt.dataplane.ip.starts"), {
      "quilt.dataplane.ip.starts lost": 1,
    });
  }
});

Deno.test("NO_INSTRUMENTS take every event", () => {
  fc.assert(fc.property(happenings, (all) => {
    for (const { report } of all) report(NO_INSTRUMENTS);
  }));
});

/** A state with these changes, observed. */
function observe(changed: Partial<ObservedState> = {}): CollectedMetrics {
  const metrics = collectMetrics();
  observeState(metrics.meters.all, {
    queueDepth: () => 3,
    routes: () => ({ installed: 5, waiting: 2, error: 1, unverified: 4 }),
    findings: () => [
      { id: "device-missing", severity: "critical", count: 2 },
      { id: "mtu-too-large", severity: "warning", count: 1 },
    ],
    addresses: () => ({ used: 7, free: 246 }),
    connections: () => 8,
    streams: () => 9,
    auditLines: { written: 10, dropped: 11 },
    logLines: { written: 12, dropped: 13 },
    version: "1.2.3",
    denoVersion: "2.9.3",
    ...changed,
  });
  return metrics;
}

Deno.test("observeState shows the state as it is when metrics are collected", async () => {
  let connections = 8;
  const { counted, series } = observe({ connections: () => connections });
  const shown = await counted("quilt.");
  assert.deepEqual(shown, {
    "quilt.addresses free": 246,
    "quilt.addresses used": 7,
    "quilt.audit.lines lost": 11,
    "quilt.audit.lines written": 10,
    "quilt.build.info 2.9.3 1.2.3": 1,
    "quilt.connections": 8,
    "quilt.dataplane.queue.depth": 3,
    "quilt.findings device-missing critical": 2,
    "quilt.findings mtu-too-large warning": 1,
    "quilt.log.lines lost": 13,
    "quilt.log.lines written": 12,
    "quilt.routes error": 1,
    "quilt.routes installed": 5,
    "quilt.routes unverified": 4,
    "quilt.routes waiting": 2,
    "quilt.streams": 9,
  });
  (await series()).forEach(assertDeclared);
  connections = 4;
  assert.deepEqual(await counted("quilt.connections"), { "quilt.connections": 4 });
});

Deno.test("observeState shows no addresses while there is no subnet", async () => {
  const { series } = observe({ addresses: () => undefined });
  assert.ok(!(await series()).some(({ name }) => name === "quilt.addresses"));
});

Deno.test("INSTRUMENTS have a name of their own each, a unit and a description without a full stop", () => {
  const names = DEFINITIONS.map(({ name }) => name);
  assert.deepEqual(names, [...new Set(names)]);
  for (const { description, name, unit } of DEFINITIONS) {
    assert.match(name, /^(?:quilt|rpc\.server)(?:\.[a-z_]+)+$/);
    assert.notEqual(unit, "");
    assert.match(description, /^[A-Za-z0-9].*[^.]$/);
  }
});
