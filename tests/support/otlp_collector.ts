import {
  arrayAt,
  isJsonObject,
  type JsonObject,
  numberAt,
  objectAt,
  parseJsonObject,
  stringAt,
} from "../../deploy/json.ts";
import { collectLines, linesOf } from "./lines.ts";
import type { Namespace } from "./namespace.ts";
import { repository } from "./serve_task.ts";

/** How a collector answers what it is sent. */
export const COLLECTOR_BEHAVIOURS = [
  "take",
  "refuse",
  "slow",
  "hang",
  "discard",
] as const;
export type CollectorBehaviour = typeof COLLECTOR_BEHAVIOURS[number];

/** @throws {Error} for any other word. */
export function collectorBehaviour(word: string | undefined): CollectorBehaviour {
  const found = COLLECTOR_BEHAVIOURS.find((behaviour) => behaviour === word);
  if (found === undefined) throw new Error(`Cannot behave as "${word}"`);
  return found;
}

/** The values of attributes by their names. */
export type ReceivedAttributes = Readonly<Record<string, string | number | boolean>>;

/** A span as it was exported. */
export interface ReceivedSpan {
  readonly name: string;
  /** The instrumentation scope, e.g. `quilt-sidecar` or `deno`. */
  readonly scope: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for the first span of a trace. */
  readonly parentSpanId: string;
  /** 1 internal, 2 server, 3 client. */
  readonly kind: number;
  /** Nanoseconds since 1970. */
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly attributes: ReceivedAttributes;
  /** The spans that it has links to. */
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  /** 0 unset, 2 error. */
  readonly status: number;
}

/** A line of the log as it was exported. */
export interface ReceivedLog {
  /** As in OTLP: 5 debug, 9 info, 13 warn, 17 error. */
  readonly severity: number;
  readonly message: string;
  /** Empty if the line belongs to no trace. */
  readonly traceId: string;
}

/** A data point of a metric, the newest that was exported. */
export interface ReceivedPoint {
  readonly metric: string;
  readonly attributes: ReceivedAttributes;
  /** A sum, a gauge, or the count of a histogram. */
  readonly value: number;
}

/** A collector in a process of its own. Disposing ends it. */
export interface OtlpCollector extends AsyncDisposable {
  /** What was exported until now. */
  readonly spans: readonly ReceivedSpan[];
  readonly logs: readonly ReceivedLog[];
  /** The attributes of what exports, of the newest request. */
  readonly resource: ReceivedAttributes;
  /** How many requests came. */
  readonly requests: number;
  /** The newest points of a metric. */
  points(metric: string): readonly ReceivedPoint[];
}

/** Where Deno exports to if nobody says otherwise. */
const PORT = 4318;

/**
 * The variables with which Deno exports to such a collector, soon and readably.
 *
 * @param console what becomes of what is given to `console`; `replace`: it is exported
 */
export function otlpEnvironment(
  console: "capture" | "replace" | "ignore" = "replace",
): Readonly<Record<string, string>> {
  return {
    OTEL_DENO: "true",
    OTEL_DENO_CONSOLE: console,
    OTEL_SERVICE_NAME: "quilt-sidecar",
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${PORT}`,
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    OTEL_EXPORTER_OTLP_TIMEOUT: "500",
    OTEL_BSP_SCHEDULE_DELAY: "100",
    OTEL_BLRP_SCHEDULE_DELAY: "100",
    OTEL_METRIC_EXPORT_INTERVAL: "500",
  };
}

/** Starts a collector in a namespace, and waits until it listens. */
export async function startCollector(
  namespace: Namespace,
  behaviour: CollectorBehaviour = "take",
): Promise<OtlpCollector> {
  const program = `${repository}/tests/support/otlp_collector_main.ts`;
  const child = namespace.command(
    [
      Deno.execPath(),
      "run",
      "--frozen",
      "--cached-only",
      "-A",
      program,
      String(PORT),
      behaviour,
    ],
    { stdout: "piped", stderr: "piped" },
  ).spawn();
  const complaints = collectLines(child.stderr);
  const received = new Received();
  const ready = Promise.withResolvers<void>();
  let isKilled = false;
  const read = async (): Promise<void> => {
    for await (const text of linesOf(child.stdout)) {
      // The kill may have come in the middle of this line.
      if (isKilled) continue;
      const line = parseJsonObject(text);
      if (line["ready"] === true) ready.resolve();
      else received.take(stringAt(line, "path"), objectAt(line, "body"));
    }
    const [{ code }] = await Promise.all([child.status, complaints.ended]);
    const words = complaints.lines.join("\n");
    ready.reject(new Error(`The collector ended with ${code}:\n${words}`));
  };
  const ended = read();
  await ready.promise;
  return Object.assign(received, {
    [Symbol.asyncDispose]: async () => {
      isKilled = true;
      child.kill("SIGKILL");
      await ended;
    },
  });
}

class Received {
  readonly spans: ReceivedSpan[] = [];
  readonly logs: ReceivedLog[] = [];
  resource: ReceivedAttributes = {};
  requests = 0;
  readonly #points = new Map<string, ReceivedPoint>();

  take(path: string, body: JsonObject): void {
    this.requests += 1;
    switch (path) {
      case "/v1/traces":
        return this.#each(
          body,
          "Spans",
          "spans",
          (span, scope) => this.spans.push(toSpan(span, scope)),
        );
      case "/v1/logs":
        return this.#each(
          body,
          "Logs",
          "logRecords",
          (record) => this.logs.push(toLog(record)),
        );
      case "/v1/metrics":
        return this.#each(
          body,
          "Metrics",
          "metrics",
          (metric) => this.#takeMetric(metric),
        );
      default:
        throw new Error(`Cannot read what was exported to ${path}`);
    }
  }

  points(metric: string): readonly ReceivedPoint[] {
    return [...this.#points.values()].filter((point) => point.metric === metric);
  }

  #each(
    body: JsonObject,
    signal: "Spans" | "Logs" | "Metrics",
    items: string,
    take: (item: JsonObject, scope: string) => void,
  ): void {
    for (const resource of objectsAt(body, `resource${signal}`)) {
      this.resource = attributesOf(objectAt(resource, "resource"));
      for (const scope of objectsAt(resource, `scope${signal}`)) {
        const name = stringAt(objectAt(scope, "scope"), "name");
        for (const item of objectsAt(scope, items)) take(item, name);
      }
    }
  }

  #takeMetric(metric: JsonObject): void {
    const name = stringAt(metric, "name");
    const form = ["sum", "gauge", "histogram"].find((form) => form in metric);
    if (form === undefined) return;
    for (const point of objectsAt(objectAt(metric, form), "dataPoints")) {
      const attributes = attributesOf(point);
      const value = Number(point["asDouble"] ?? point["asInt"] ?? point["count"]);
      const key = JSON.stringify([name, Object.entries(attributes).toSorted()]);
      this.#points.set(key, { metric: name, attributes, value });
    }
  }
}

function toSpan(span: JsonObject, scope: string): ReceivedSpan {
  return {
    name: stringAt(span, "name"),
    scope,
    traceId: stringAt(span, "traceId"),
    spanId: stringAt(span, "spanId"),
    parentSpanId: stringAt(span, "parentSpanId"),
    kind: numberAt(span, "kind"),
    startNs: BigInt(stringAt(span, "startTimeUnixNano")),
    endNs: BigInt(stringAt(span, "endTimeUnixNano")),
    attributes: attributesOf(span),
    links: objectsAt(span, "links").map((link) => ({
      traceId: stringAt(link, "traceId"),
      spanId: stringAt(link, "spanId"),
    })),
    status: numberAt(objectAt(span, "status"), "code"),
  };
}

function toLog(record: JsonObject): ReceivedLog {
  return {
    severity: numberAt(record, "severityNumber"),
    // Deno exports the line feed that `console` would print.
    message: stringAt(objectAt(record, "body"), "stringValue").replace(/\n$/, ""),
    traceId: stringAt(record, "traceId"),
  };
}

function attributesOf(object: JsonObject): ReceivedAttributes {
  return Object.fromEntries(
    objectsAt(object, "attributes").map((attribute) => {
      const [value] = Object.values(objectAt(attribute, "value"));
      return [stringAt(attribute, "key"), toValue(value)];
    }),
  );
}

function toValue(value: unknown): string | number | boolean {
  return typeof value === "number" || typeof value === "boolean"
    ? value
    : String(value);
}

function objectsAt(object: JsonObject, name: string): readonly JsonObject[] {
  return arrayAt(object, name).filter(isJsonObject);
}
