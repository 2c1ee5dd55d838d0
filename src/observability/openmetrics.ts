/**
 * Metrics as text, as OpenTelemetry's "Prometheus and OpenMetrics Compatibility" says: dots
 * become underscores, a unit becomes a suffix, and a counter ends in `_total`.
 *
 * The labels `otel_scope_name` and `otel_scope_version` are left out: all metrics have one
 * scope, so they would be the same in each of some hundred lines. `target_info` has both.
 */
import type { Attributes } from "@opentelemetry/api";
import {
  type DataPoint,
  DataPointType,
  type Histogram,
  type MetricData,
  type ResourceMetrics,
  type ScopeMetrics,
} from "@opentelemetry/sdk-metrics";
import type { InstrumentDefinition } from "./instruments.ts";

/** The formats that Prometheus reads. */
export type MetricsFormat = "openmetrics" | "prometheus";

/** OpenMetrics 1.0, and the older format of Prometheus, as media types. */
export const CONTENT_TYPES: { readonly [Format in MetricsFormat]: string } = {
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
  prometheus: "text/plain; version=0.0.4; charset=utf-8",
};

/**
 * The name that an instrument has in PromQL: of a counter with `_total`, of a histogram
 * without `_bucket`, `_sum` or `_count`.
 */
export function prometheusName(
  { kind, name, unit }: Pick<InstrumentDefinition, "kind" | "name" | "unit">,
): string {
  const base = baseName(name, unit);
  return kind === "counter" || kind === "total" ? `${base}_total` : base;
}

/** The label that an attribute becomes. */
export function prometheusLabel(attribute: string): string {
  return attribute.replaceAll(/[^A-Za-z0-9_]/g, "_");
}

/** All metrics as text. A histogram has no attribute `le`, which is the label of its buckets. */
export function formatMetrics(
  { scopeMetrics }: ResourceMetrics,
  format: MetricsFormat,
): string {
  const families = scopeMetrics.flatMap((scope) => [
    targetOf(scope),
    ...scope.metrics.flatMap(familyOf),
  ]);
  const lines = families.flatMap((family) => [
    ...describeFamily(family, format),
    ...family.samples,
  ]);
  if (format === "openmetrics") lines.push("# EOF");
  return lines.map((line) => `${line}\n`).join("");
}

/** A metric with all its series: MetricFamily of OpenMetrics. */
interface Family {
  readonly type: "counter" | "gauge" | "histogram" | "info";
  /** Without the suffixes of its samples. */
  readonly name: string;
  /** As in the name; empty: none. */
  readonly unit: string;
  readonly help: string;
  /** Lines; each has a suffix of the type. */
  readonly samples: readonly string[];
}

/** The suffix of UCUM's units; what counts things, such as `{route}` or 1, has none. */
const UNIT_SUFFIXES: ReadonlyMap<string, string> = new Map([["s", "seconds"]]);

const INFO = "_info";

function baseName(name: string, unit: string): string {
  const base = name.replaceAll(/[^A-Za-z0-9_:]/g, "_");
  const suffix = UNIT_SUFFIXES.get(unit);
  return suffix === undefined ? base : `${base}_${suffix}`;
}

/** What is scraped. Its resource has no name unless an environment variable gives one. */
function targetOf({ scope }: ScopeMetrics): Family {
  const attributes = {
    "service.name": scope.name,
    "service.version": scope.version ?? "",
  };
  return {
    type: "info",
    name: "target",
    unit: "",
    help: "What is scraped",
    samples: [sample(`target${INFO}`, attributes, 1)],
  };
}

/** Empty if a text format has nothing like it, or there is no series. */
function familyOf(metric: MetricData): readonly Family[] {
  const { dataPointType, dataPoints, descriptor } = metric;
  if (dataPoints.length === 0) return [];
  const name = baseName(descriptor.name, descriptor.unit);
  const unit = UNIT_SUFFIXES.get(descriptor.unit) ?? "";
  const common = { name, unit, help: descriptor.description };
  switch (dataPointType) {
    case DataPointType.SUM:
      return [
        metric.isMonotonic
          ? {
            ...common,
            type: "counter",
            samples: samplesOf(`${name}_total`, metric.dataPoints),
          }
          : { ...common, type: "gauge", samples: samplesOf(name, metric.dataPoints) },
      ];
    case DataPointType.GAUGE:
      return [{ ...common, ...gaugeOrInfo(name, metric.dataPoints) }];
    case DataPointType.HISTOGRAM:
      return [{
        ...common,
        type: "histogram",
        samples: metric.dataPoints.flatMap((point) => histogramSamples(name, point)),
      }];
    case DataPointType.EXPONENTIAL_HISTOGRAM:
      return [];
    default:
      return metric satisfies never;
  }
}

/** OpenMetrics has a type of its own for labels with the value 1. */
function gaugeOrInfo(
  name: string,
  points: readonly DataPoint<number>[],
): Pick<Family, "name" | "samples" | "type"> {
  const samples = samplesOf(name, points);
  return name.endsWith(INFO)
    ? { type: "info", name: name.slice(0, -INFO.length), samples }
    : { type: "gauge", name, samples };
}

function samplesOf(
  name: string,
  points: readonly DataPoint<number>[],
): readonly string[] {
  return points.map(({ attributes, value }) => sample(name, attributes, value));
}

/** Its buckets are cumulative, and the last one has all. */
function histogramSamples(
  name: string,
  { attributes, value: { buckets, count, sum } }: DataPoint<Histogram>,
): readonly string[] {
  const bounds = [...buckets.boundaries, Infinity];
  let cumulative = 0;
  const lines = bounds.map((bound, at) => {
    cumulative += buckets.counts[at] ?? 0;
    const labels = { ...attributes, le: canonical(bound) };
    return sample(`${name}_bucket`, labels, cumulative);
  });
  return [
    ...lines,
    ...sum === undefined ? [] : [sample(`${name}_sum`, attributes, sum)],
    sample(`${name}_count`, attributes, count),
  ];
}

/** The lines before the samples of a family. */
function describeFamily(family: Family, format: MetricsFormat): readonly string[] {
  const { help, name, type, unit } = family;
  switch (format) {
    case "openmetrics":
      return [
        `# TYPE ${name} ${type}`,
        ...unit === "" ? [] : [`# UNIT ${name} ${unit}`],
        `# HELP ${name} ${escapeText(help)}`,
      ];
    case "prometheus": {
      // Here a family has the name of its samples, and an info is a gauge.
      const [type, suffix] = PROMETHEUS_TYPES[family.type];
      return [
        `# HELP ${name}${suffix} ${escapeHelp(help)}`,
        `# TYPE ${name}${suffix} ${type}`,
      ];
    }
    default:
      return format satisfies never;
  }
}

const PROMETHEUS_TYPES: {
  readonly [Type in Family["type"]]: readonly [type: string, suffix: string];
} = {
  counter: ["counter", "_total"],
  gauge: ["gauge", ""],
  histogram: ["histogram", ""],
  info: ["gauge", INFO],
};

function sample(name: string, attributes: Attributes, value: number): string {
  const labels = Object.entries(attributes).map(([attribute, each]) =>
    `${prometheusLabel(attribute)}="${escapeText(String(each))}"`
  );
  const braces = labels.length === 0 ? "" : `{${labels.join(",")}}`;
  return `${name}${braces} ${formatValue(value)}`;
}

function formatValue(value: number): string {
  switch (value) {
    case Infinity:
      return "+Inf";
    case -Infinity:
      return "-Inf";
    default:
      return String(value);
  }
}

/**
 * A number as a label: the canonical numbers of OpenMetrics 1.0, as `%g` writes them. Both
 * formats have it, so that a bucket is the same series in both.
 */
function canonical(value: number): string {
  if (!Number.isFinite(value)) return formatValue(value);
  const [mantissa = "", exponent = ""] = value.toExponential().split("e");
  const power = Number(exponent);
  if (power < -4 || power >= 6) {
    const digits = String(Math.abs(power)).padStart(2, "0");
    return `${mantissa}e${power < 0 ? "-" : "+"}${digits}`;
  }
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

/** A label's value, and OpenMetrics' help. */
function escapeText(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}

/** The help in the format of Prometheus, where a quotation mark stands for itself. */
function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}
