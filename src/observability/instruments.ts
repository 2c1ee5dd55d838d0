/**
 * Every metric that the sidecar has: its name, unit, attributes and their values. The
 * names follow OpenTelemetry's semantic conventions where these have one (`rpc.server.*`,
 * semantic-conventions 1.45), and begin with `quilt.` otherwise.
 *
 * The number of series is bounded: no attribute has a destination, an owner or a peer.
 */
import type { Attributes, Meter, ObservableResult } from "@opentelemetry/api";

/**
 * What an instrument is; `gauge` and `total` are read when metrics are collected. A counter
 * whose attributes all have a list of values shows each of their combinations from the
 * start, with 0: a rate is right from the first event on.
 */
export type InstrumentKind =
  /** Counts events. */
  | "counter"
  /** Counts durations in seconds by size. */
  | "histogram"
  /** A state that goes up and down. */
  | "gauge"
  /** A count that something else keeps. */
  | "total";

/** An instrument as dashboards and docs see it. */
export interface InstrumentDefinition {
  readonly kind: InstrumentKind;
  /** The name in OpenTelemetry. */
  readonly name: string;
  /** In UCUM, e.g. `s`; `{route}` is a count of routes. */
  readonly unit: string;
  readonly description: string;
  /** The values of each attribute; undefined: those that the description says. */
  readonly attributes: Readonly<Record<string, readonly string[] | undefined>>;
}

/** Whether a call did what its client requested; a refusal is an OK gRPC status. */
export const CALL_OUTCOMES = ["success", "refused", "error"] as const;
export type CallOutcome = typeof CALL_OUTCOMES[number];

/**
 * The outcome of an operation of the dataplane. `absent`: the kernel has nothing of what
 * was read, such as the route that a call is about to write; `failed`: the kernel refused;
 * `unknown`: its batch was lost.
 */
export const OPERATION_OUTCOMES = ["done", "absent", "failed", "unknown"] as const;
export type OperationOutcome = typeof OPERATION_OUTCOMES[number];

/** `batch`: what calls and repairs wait for; `dump`: a large read beside them. */
export const EXCHANGE_KINDS = ["batch", "dump"] as const;
export type ExchangeKind = typeof EXCHANGE_KINDS[number];

/** `lost`: what the kernel did is unknown. */
export const EXCHANGE_OUTCOMES = ["answered", "lost"] as const;
export type ExchangeOutcome = typeof EXCHANGE_OUTCOMES[number];

/**
 * Why an `ip -batch` took the place of the one before: `first`: there was none;
 * `rotation`: the one before had changed 3,000 routes; `stale`: it may know an old index of
 * a device; `refused`: the kernel refused what `ip` ends at, or leaves half a line at;
 * `lost`: it ended, hung or wrote what cannot be read. The `ip` of a dump is not among
 * them: each dump has one of its own.
 */
export const IP_START_REASONS = [
  "first",
  "rotation",
  "stale",
  "refused",
  "lost",
] as const;
export type IpStartReason = typeof IP_START_REASONS[number];

/**
 * Why a prefix was repaired: `event`: the kernel reported a change of its route or
 * record; `link`: a change of its device; `resync`: a resync or the loss of events;
 * `call`: a call could not be completed; `retry`: a repair before it was lost.
 */
export const REPAIR_CAUSES = ["event", "link", "resync", "call", "retry"] as const;
export type RepairCause = typeof REPAIR_CAUSES[number];

/**
 * `changed`: the kernel differed; `unchanged`: it did not; `pending`: the device is missing
 * or down; `failed`: the kernel refused; `lost`: it did not answer, and a retry follows.
 */
export const REPAIR_OUTCOMES = [
  "changed",
  "unchanged",
  "pending",
  "failed",
  "lost",
] as const;
export type RepairOutcome = typeof REPAIR_OUTCOMES[number];

/** What another process, or a link, keeps changing. */
export const CONTENTION_KINDS = ["route", "link", "monitor"] as const;
export type ContentionKind = typeof CONTENTION_KINDS[number];

export const RESYNC_OUTCOMES = ["succeeded", "failed"] as const;
export type ResyncOutcome = typeof RESYNC_OUTCOMES[number];

/**
 * `route`: the kernel had lost a route that it had confirmed, or had one more; `record`: the
 * state store had. A route that waits for its device is no drift.
 */
export const DRIFT_KINDS = ["route", "record"] as const;
export type DriftKind = typeof DRIFT_KINDS[number];

export const ROUTE_STATES = ["installed", "waiting", "error", "unverified"] as const;
export type RouteState = typeof ROUTE_STATES[number];

export const PROBE_RESULTS = ["answered", "silent", "known", "failed"] as const;
export type ProbeResultKind = typeof PROBE_RESULTS[number];

export const PROBE_TARGETS = ["gateway", "proxied"] as const;
export type ProbeTarget = typeof PROBE_TARGETS[number];

/**
 * Why the sidecar closed a connection. `full`: too many sockets are open; `rate`: too many
 * connections wait; `handshake`: TLS failed; `not-http`: neither HTTP/2 nor a probe;
 * `silent`: the client sent no request, and others needed its place; `evicted`: one
 * connection more than the limit; `idle`: the client never called; `frames`, `bytes`,
 * `headers`: more of them than its calls may have; `untaken`: the client does not read its
 * answers; `error`: its HTTP/2 session failed.
 */
export const REFUSAL_REASONS = [
  "full",
  "rate",
  "handshake",
  "not-http",
  "silent",
  "evicted",
  "idle",
  "frames",
  "bytes",
  "headers",
  "untaken",
  "error",
] as const;
export type RefusalReason = typeof REFUSAL_REASONS[number];

export const LINE_RESULTS = ["written", "lost"] as const;

/** Seconds: a call takes 1 to 3 ms, and an `ip` is given up after 2 s. */
const BUCKETS = [
  0.0005,
  0.001,
  0.0025,
  0.005,
  0.01,
  0.025,
  0.05,
  0.1,
  0.25,
  0.5,
  1,
  2.5,
  5,
  10,
];

/** Every instrument. */
export const INSTRUMENTS = {
  calls: {
    kind: "histogram",
    name: "rpc.server.call.duration",
    unit: "s",
    description: "Duration of unary calls, by RPC and outcome",
    attributes: {
      "rpc.system.name": ["grpc"],
      "rpc.method": undefined,
      "rpc.status_code": undefined,
      "quilt.outcome": CALL_OUTCOMES,
    },
  },
  operations: {
    kind: "counter",
    name: "quilt.dataplane.operations",
    unit: "{operation}",
    description: "Operations that read or change the kernel, by kind and outcome",
    attributes: { "quilt.operation": undefined, "quilt.outcome": OPERATION_OUTCOMES },
  },
  queueDepth: {
    kind: "gauge",
    name: "quilt.dataplane.queue.depth",
    unit: "{batch}",
    description: "Batches that wait for ip, and the one that ip executes",
    attributes: {},
  },
  queueWait: {
    kind: "histogram",
    name: "quilt.dataplane.queue.wait",
    unit: "s",
    description: "Time that a batch waited in the queue",
    attributes: {},
  },
  exchanges: {
    kind: "histogram",
    name: "quilt.dataplane.exchange.duration",
    unit: "s",
    description: "Time from sending a batch or a dump to ip until its answer",
    attributes: {
      "quilt.exchange": EXCHANGE_KINDS,
      "quilt.outcome": EXCHANGE_OUTCOMES,
    },
  },
  ipStarts: {
    kind: "counter",
    name: "quilt.dataplane.ip.starts",
    unit: "{process}",
    description: "Starts of an ip -batch process, by reason",
    attributes: { "quilt.reason": IP_START_REASONS },
  },
  routes: {
    kind: "gauge",
    name: "quilt.routes",
    unit: "{route}",
    description: "Desired routes, by state",
    attributes: { "quilt.state": ROUTE_STATES },
  },
  repairs: {
    kind: "counter",
    name: "quilt.repairs",
    unit: "{repair}",
    description: "Repairs of one prefix, by cause and outcome",
    attributes: { "quilt.cause": REPAIR_CAUSES, "quilt.outcome": REPAIR_OUTCOMES },
  },
  repairDuration: {
    kind: "histogram",
    name: "quilt.repair.duration",
    unit: "s",
    description: "Time from the first cause of a repair to the kernel's answer",
    attributes: { "quilt.cause": REPAIR_CAUSES },
  },
  contention: {
    kind: "counter",
    name: "quilt.contention",
    unit: "{key}",
    description:
      "Starts of contention: a route, a link or the monitor changes repeatedly",
    attributes: { "quilt.contention": CONTENTION_KINDS },
  },
  resyncs: {
    kind: "histogram",
    name: "quilt.resync.duration",
    unit: "s",
    description: "Duration of full resyncs, by outcome",
    attributes: { "quilt.outcome": RESYNC_OUTCOMES },
  },
  drift: {
    kind: "counter",
    name: "quilt.resync.drift",
    unit: "{prefix}",
    description: "Differences that resyncs found and repairs confirmed",
    attributes: { "quilt.drift": DRIFT_KINDS },
  },
  findings: {
    kind: "gauge",
    name: "quilt.findings",
    unit: "{finding}",
    description: "Findings about the data path, by id and severity",
    attributes: { "quilt.finding": undefined, "quilt.severity": undefined },
  },
  probes: {
    kind: "counter",
    name: "quilt.probes",
    unit: "{probe}",
    description: "Probes of an address of a peer, by target and result",
    attributes: { "quilt.target": PROBE_TARGETS, "quilt.result": PROBE_RESULTS },
  },
  addresses: {
    kind: "gauge",
    name: "quilt.addresses",
    unit: "{address}",
    description: "Addresses of this node's subnet, by state",
    attributes: { "quilt.state": ["used", "free"] },
  },
  connections: {
    kind: "gauge",
    name: "quilt.connections",
    unit: "{connection}",
    description: "Open client connections",
    attributes: {},
  },
  streams: {
    kind: "gauge",
    name: "quilt.streams",
    unit: "{stream}",
    description: "Open streams that last until their client ends them",
    attributes: {},
  },
  refused: {
    kind: "counter",
    name: "quilt.connections.refused",
    unit: "{connection}",
    description: "Connections that the sidecar closed, by reason",
    attributes: { "quilt.reason": REFUSAL_REASONS },
  },
  auditLines: {
    kind: "total",
    name: "quilt.audit.lines",
    unit: "{line}",
    description: "Records of the audit trail, written or lost",
    attributes: { "quilt.result": LINE_RESULTS },
  },
  logLines: {
    kind: "total",
    name: "quilt.log.lines",
    unit: "{line}",
    description: "Lines of the log, written or lost",
    attributes: { "quilt.result": LINE_RESULTS },
  },
  build: {
    kind: "gauge",
    name: "quilt.build.info",
    unit: "1",
    description: "Always 1; the labels have the versions of the sidecar and of Deno",
    attributes: { "quilt.version": undefined, "deno.version": undefined },
  },
} as const satisfies Readonly<Record<string, InstrumentDefinition>>;

type InstrumentName = keyof typeof INSTRUMENTS;
type NameOf<Kind extends InstrumentKind> = {
  [Name in InstrumentName]: typeof INSTRUMENTS[Name]["kind"] extends Kind ? Name
    : never;
}[InstrumentName];

/** A value with its attributes. */
export interface Observed {
  readonly value: number;
  readonly attributes: Attributes;
}

/** How many addresses are allocated, and how many more can be. */
export interface AddressCounts {
  readonly used: number;
  readonly free: number;
}

/** How many lines there are by now, such as a `CountingLineWriter` has them. */
export interface LineCounts {
  readonly written: number;
  /** Those that were lost. */
  readonly dropped: number;
}

/** How many findings there are of an id and a severity. */
export interface FindingCount {
  readonly id: string;
  readonly severity: string;
  readonly count: number;
}

/** What gauges show; each function is called when metrics are collected. */
export interface ObservedState {
  queueDepth(): number;
  routes(): Readonly<Record<RouteState, number>>;
  findings(): readonly FindingCount[];
  /** Undefined while no subnet is configured. */
  addresses(): AddressCounts | undefined;
  connections(): number;
  streams(): number;
  readonly auditLines: LineCounts;
  readonly logLines: LineCounts;
  readonly version: string;
  readonly denoVersion: string;
}

/** A call that is over. */
export interface EndedCall {
  /** As in its path without the slash: `quilt.QuiltRuntime/InjectRoute`. */
  readonly method: string;
  /** The gRPC status, e.g. `OK`. */
  readonly status: string;
  readonly outcome: CallOutcome;
  readonly seconds: number;
}

/** A batch, or a dump, that is over. */
export interface EndedExchange {
  readonly kind: ExchangeKind;
  readonly outcome: ExchangeOutcome;
  readonly seconds: number;
}

/** A prefix that was repaired. */
export interface EndedRepair {
  readonly cause: RepairCause;
  readonly outcome: RepairOutcome;
  /** Since its first cause, however often it was tried. */
  readonly seconds: number;
}

/** A resync that is over. */
export interface EndedResync {
  readonly outcome: ResyncOutcome;
  readonly seconds: number;
}

/** What components report when it happens. */
export interface Instruments {
  callEnded(call: EndedCall): void;
  /**
   * @param kind as in the dataplane's port, e.g. `add-route`
   * @param count how many of them one batch had
   */
  operationsEnded(kind: string, outcome: OperationOutcome, count: number): void;
  /** A batch is sent after it waited. */
  batchWaited(seconds: number): void;
  exchangeEnded(exchange: EndedExchange): void;
  ipStarted(reason: IpStartReason): void;
  repairEnded(repair: EndedRepair): void;
  contentionBegan(kind: ContentionKind, keys: number): void;
  resyncEnded(resync: EndedResync): void;
  /** A resync only suspects, because calls go on meanwhile: a repair has looked again. */
  driftConfirmed(kind: DriftKind, count: number): void;
  probed(target: ProbeTarget, result: ProbeResultKind): void;
  refused(reason: RefusalReason): void;
}

/** For what nobody measures, such as the calls of the warm-up. */
export const NO_INSTRUMENTS: Instruments = {
  callEnded: () => {},
  operationsEnded: () => {},
  batchWaited: () => {},
  exchangeEnded: () => {},
  ipStarted: () => {},
  repairEnded: () => {},
  contentionBegan: () => {},
  resyncEnded: () => {},
  driftConfirmed: () => {},
  probed: () => {},
  refused: () => {},
};

/** The attributes of an instrument, each with one of its values. */
type AttributesOf<Name extends InstrumentName> = {
  readonly [Key in keyof typeof INSTRUMENTS[Name]["attributes"]]:
    typeof INSTRUMENTS[Name]["attributes"][Key] extends readonly (infer Value)[] ? Value
      : string;
};

/**
 * Creates all instruments on each of these meters; each event is counted on all. Like
 * everything of OpenTelemetry's API, none of them ever throws.
 */
export function createInstruments(meters: readonly Meter[]): Instruments {
  const counter = <Name extends NameOf<"counter">>(name: Name) => {
    const { attributes, description, name: otelName, unit } = INSTRUMENTS[name];
    const counters = meters.map((meter) =>
      meter.createCounter(otelName, { description, unit })
    );
    const add = (value: number, attributes: AttributesOf<Name>): void => {
      for (const each of counters) each.add(value, attributes);
    };
    for (const each of counters) {
      for (const series of seriesOf(attributes)) each.add(0, series);
    }
    return add;
  };
  const histogram = <Name extends NameOf<"histogram">>(name: Name) => {
    const { description, name: otelName, unit } = INSTRUMENTS[name];
    const advice = { explicitBucketBoundaries: BUCKETS };
    const histograms = meters.map((meter) =>
      meter.createHistogram(otelName, { description, unit, advice })
    );
    return (seconds: number, attributes: AttributesOf<Name>): void => {
      for (const each of histograms) each.record(seconds, attributes);
    };
  };
  const calls = histogram("calls");
  const operations = counter("operations");
  const queueWait = histogram("queueWait");
  const exchanges = histogram("exchanges");
  const ipStarts = counter("ipStarts");
  const repairs = counter("repairs");
  const repairDuration = histogram("repairDuration");
  const contention = counter("contention");
  const resyncs = histogram("resyncs");
  const drift = counter("drift");
  const probes = counter("probes");
  const refused = counter("refused");
  return {
    callEnded: ({ method, outcome, seconds, status }) =>
      calls(seconds, {
        "rpc.system.name": "grpc",
        "rpc.method": method,
        "rpc.status_code": status,
        "quilt.outcome": outcome,
      }),
    operationsEnded: (kind, outcome, count) =>
      operations(count, { "quilt.operation": kind, "quilt.outcome": outcome }),
    batchWaited: (seconds) => queueWait(seconds, {}),
    exchangeEnded: ({ kind, outcome, seconds }) =>
      exchanges(seconds, { "quilt.exchange": kind, "quilt.outcome": outcome }),
    ipStarted: (reason) => ipStarts(1, { "quilt.reason": reason }),
    repairEnded: ({ cause, outcome, seconds }) => {
      repairs(1, { "quilt.cause": cause, "quilt.outcome": outcome });
      // A retry follows, whose time has the same beginning.
      if (outcome !== "lost") repairDuration(seconds, { "quilt.cause": cause });
    },
    contentionBegan: (kind, keys) => contention(keys, { "quilt.contention": kind }),
    resyncEnded: ({ outcome, seconds }) =>
      resyncs(seconds, { "quilt.outcome": outcome }),
    driftConfirmed: (kind, count) => drift(count, { "quilt.drift": kind }),
    probed: (target, result) =>
      probes(1, { "quilt.target": target, "quilt.result": result }),
    refused: (reason) => refused(1, { "quilt.reason": reason }),
  };
}

/** Each combination of values; none if an attribute has no list of them. */
function seriesOf(
  attributes: InstrumentDefinition["attributes"],
): readonly Attributes[] {
  const empty: readonly Attributes[] = [{}];
  return Object.entries(attributes).reduce(
    (series, [name, values = []]) =>
      series.flatMap((one) => values.map((value) => ({ ...one, [name]: value }))),
    empty,
  );
}

/** Lets the gauges and totals of these meters show a state. */
export function observeState(meters: readonly Meter[], state: ObservedState): void {
  const observe = (
    name: NameOf<"gauge" | "total">,
    read: () => readonly Observed[],
  ) => {
    const { description, kind, name: otelName, unit } = INSTRUMENTS[name];
    const callback = (result: ObservableResult): void => {
      for (const { attributes, value } of read()) result.observe(value, attributes);
    };
    for (const meter of meters) {
      const instrument = kind === "total"
        ? meter.createObservableCounter(otelName, { description, unit })
        : meter.createObservableGauge(otelName, { description, unit });
      instrument.addCallback(callback);
    }
  };
  const one = (value: number): readonly Observed[] => [{ value, attributes: {} }];
  observe("queueDepth", () => one(state.queueDepth()));
  observe("routes", () => byAttribute("quilt.state", state.routes()));
  observe("findings", () =>
    state.findings().map(({ count, id, severity }) => ({
      value: count,
      attributes: { "quilt.finding": id, "quilt.severity": severity },
    })));
  observe("addresses", () => byAttribute("quilt.state", { ...state.addresses() }));
  observe("connections", () => one(state.connections()));
  observe("streams", () => one(state.streams()));
  observe("auditLines", () => byAttribute("quilt.result", lines(state.auditLines)));
  observe("logLines", () => byAttribute("quilt.result", lines(state.logLines)));
  observe("build", () => [{
    value: 1,
    attributes: { "quilt.version": state.version, "deno.version": state.denoVersion },
  }]);
}

function lines({ dropped: lost, written }: LineCounts) {
  return { written, lost };
}

function byAttribute(
  attribute: string,
  values: Readonly<Record<string, number>>,
): readonly Observed[] {
  return Object.entries(values).map(([key, value]) => ({
    value,
    attributes: { [attribute]: key },
  }));
}
