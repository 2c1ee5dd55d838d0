import assert from "node:assert/strict";
import type { Meter } from "@opentelemetry/api";
import fc from "fast-check";
import {
  createInstruments,
  type InstrumentDefinition,
  INSTRUMENTS,
} from "../../../src/observability/instruments.ts";
import { createMeters } from "../../../src/observability/meters.ts";
import {
  formatMetrics,
  type MetricsFormat,
  prometheusLabel,
  prometheusName,
} from "../../../src/observability/openmetrics.ts";
import {
  type Family,
  parseExposition,
  seriesKey,
  valuesOf,
} from "../../support/exposition.ts";

const FORMATS = ["openmetrics", "prometheus"] as const;

/** The page of what a test records through the SDK. */
async function pageOf(
  record: (meter: Meter) => void,
): Promise<(format: MetricsFormat) => string> {
  const meters = createMeters("1.2.3");
  const [own] = meters.all;
  assert.ok(own !== undefined);
  record(own);
  const { errors, resourceMetrics } = await meters.collect();
  assert.deepEqual(errors, []);
  return (format) => formatMetrics(resourceMetrics, format);
}

/** One metric of each type. */
function recordOne(meter: Meter): void {
  meter.createCounter("a.hits", { unit: "{hit}", description: 'Some "hits"' })
    .add(3, { "a.kind": "x" });
  meter.createHistogram("a.wait", {
    unit: "s",
    description: "Wait",
    advice: { explicitBucketBoundaries: [0.00001, 0.5, 1, 1e6] },
  }).record(0.75, { "a.kind": "x" });
  meter.createUpDownCounter("a.open").add(2);
  meter.createObservableGauge("a.depth", { description: "Depth" })
    .addCallback((result) => result.observe(-1.5));
  meter.createObservableGauge("a.build.info", { unit: "1", description: "Build" })
    .addCallback((result) => result.observe(1, { version: "1" }));
}

Deno.test("formatMetrics writes each type as OpenMetrics 1.0 has it", async () => {
  const page = await pageOf(recordOne);
  assert.equal(
    page("openmetrics"),
    `# TYPE target info
# HELP target What is scraped
target_info{service_name="quilt-sidecar",service_version="1.2.3"} 1
# TYPE a_hits counter
# HELP a_hits Some \\"hits\\"
a_hits_total{a_kind="x"} 3
# TYPE a_wait_seconds histogram
# UNIT a_wait_seconds seconds
# HELP a_wait_seconds Wait
a_wait_seconds_bucket{a_kind="x",le="1e-05"} 0
a_wait_seconds_bucket{a_kind="x",le="0.5"} 0
a_wait_seconds_bucket{a_kind="x",le="1.0"} 1
a_wait_seconds_bucket{a_kind="x",le="1e+06"} 1
a_wait_seconds_bucket{a_kind="x",le="+Inf"} 1
a_wait_seconds_sum{a_kind="x"} 0.75
a_wait_seconds_count{a_kind="x"} 1
# TYPE a_open gauge
# HELP a_open ${""}
a_open 2
# TYPE a_depth gauge
# HELP a_depth Depth
a_depth -1.5
# TYPE a_build info
# HELP a_build Build
a_build_info{version="1"} 1
# EOF
`,
  );
});

Deno.test("formatMetrics writes the same series in the format of Prometheus", async () => {
  const page = await pageOf(recordOne);
  assert.equal(
    page("prometheus"),
    `# HELP target_info What is scraped
# TYPE target_info gauge
target_info{service_name="quilt-sidecar",service_version="1.2.3"} 1
# HELP a_hits_total Some "hits"
# TYPE a_hits_total counter
a_hits_total{a_kind="x"} 3
# HELP a_wait_seconds Wait
# TYPE a_wait_seconds histogram
a_wait_seconds_bucket{a_kind="x",le="1e-05"} 0
a_wait_seconds_bucket{a_kind="x",le="0.5"} 0
a_wait_seconds_bucket{a_kind="x",le="1.0"} 1
a_wait_seconds_bucket{a_kind="x",le="1e+06"} 1
a_wait_seconds_bucket{a_kind="x",le="+Inf"} 1
a_wait_seconds_sum{a_kind="x"} 0.75
a_wait_seconds_count{a_kind="x"} 1
# HELP a_open ${""}
# TYPE a_open gauge
a_open 2
# HELP a_depth Depth
# TYPE a_depth gauge
a_depth -1.5
# HELP a_build_info Build
# TYPE a_build_info gauge
a_build_info{version="1"} 1
`,
  );
});

Deno.test("formatMetrics leaves a metric without a series out", async () => {
  const page = await pageOf((meter) => {
    meter.createCounter("a.hits");
    meter.createObservableGauge("a.depth").addCallback(() => {});
  });
  assert.equal(page("openmetrics"), "# EOF\n");
  assert.equal(page("prometheus"), "");
});

/** Words that mean something in the formats. */
const RESERVED = [
  ...["bucket", "count", "created", "info", "seconds", "sum", "total"],
  ...["eof", "help", "type", "unit", "le", "quantile"],
];

const words = (pattern: RegExp) =>
  fc.oneof(fc.stringMatching(pattern), fc.constantFrom(...RESERVED));

/** Distinct names that stay distinct when their dots become underscores. */
const names = (prefix: string) =>
  fc.array(words(/^[a-z]{1,5}(\.[a-z]{1,5}){0,2}$/), {
    minLength: 1,
    maxLength: 4,
  }).map((all) => [...new Set(all)].map((name, at) => `${prefix}${at}.${name}`));

const labels = fc.dictionary(
  words(/^[a-z]{1,4}(\.[a-z]{1,4})?$/),
  fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom('"', "\\", "\n", "\\n", "")),
  { maxKeys: 3 },
);

/** `le` is a bucket's bound: a test below holds that no instrument has such an attribute. */
const histogramLabels = labels.map(({ le: _bound, ...others }) => others);

const points = (
  labels: fc.Arbitrary<Record<string, string>>,
  value: fc.Arbitrary<number>,
) =>
  fc.uniqueArray(fc.record({ labels, value }), {
    selector: (point) => seriesKey({ name: "", labels: point.labels }),
    minLength: 1,
    maxLength: 4,
  });

const anything = fc.record({
  counters: fc.tuple(names("c"), points(labels, fc.double({ min: 0, noNaN: true }))),
  // A gauge may have any value; -0 is written as 0.
  gauges: fc.tuple(names("g"), points(labels, fc.double().map((value) => value + 0))),
  histograms: fc.tuple(
    names("h"),
    points(histogramLabels, fc.double({ min: 0, max: 1e9, noNaN: true })),
  ),
  bounds: fc.uniqueArray(fc.double({ min: -1e7, max: 1e7, noNaN: true }), {
    maxLength: 5,
    // The SDK takes 0 and -0 for two.
    selector: (bound) => bound + 0,
  }).map((all) => all.map((bound) => bound + 0).toSorted((one, other) => one - other)),
  description: fc.string({ unit: "binary" }),
});

function underscored(name: string): string {
  return name.split(".").join("_");
}

function underscoredLabels(labels: Readonly<Record<string, string>>) {
  return Object.fromEntries(
    Object.entries(labels).map(([name, value]) => [underscored(name), value]),
  );
}

Deno.test("formatMetrics gives back what was recorded, whatever it is", async () => {
  await fc.assert(fc.asyncProperty(anything, async (recorded) => {
    const { bounds, counters, description, gauges, histograms } = recorded;
    const expected = new Map<string, number>();
    const expect = (
      name: string,
      labels: Readonly<Record<string, string>>,
      value: number,
    ): void => {
      const key = seriesKey({ name: underscored(name), labels });
      expected.set(key, (expected.get(key) ?? 0) + value);
    };
    const page = await pageOf((meter) => {
      for (const name of counters[0]) {
        const counter = meter.createCounter(name, { description });
        for (const { labels, value } of counters[1]) {
          counter.add(value, labels);
          expect(`${name}_total`, underscoredLabels(labels), value);
        }
      }
      for (const name of gauges[0]) {
        const gauge = meter.createObservableGauge(name, { description });
        gauge.addCallback((result) => {
          for (const { labels, value } of gauges[1]) result.observe(value, labels);
        });
        for (const { labels, value } of gauges[1]) {
          expect(name, underscoredLabels(labels), value);
        }
      }
      for (const name of histograms[0]) {
        const advice = { explicitBucketBoundaries: bounds };
        const unit = "s";
        const histogram = meter.createHistogram(name, { advice, description, unit });
        for (const { labels, value } of histograms[1]) {
          const own = underscoredLabels(labels);
          histogram.record(value, labels);
          expect(`${name}_seconds_sum`, own, value);
          expect(`${name}_seconds_count`, own, 1);
          for (const bound of [...bounds, Infinity]) {
            const le = `bound ${bound}`;
            expect(`${name}_seconds_bucket`, { ...own, le }, value <= bound ? 1 : 0);
          }
        }
      }
    });
    for (const format of FORMATS) {
      const families = parseExposition(page(format), format).slice(1);
      assert.deepEqual(numbered(families), expected);
      for (const family of families) assert.equal(family.help, description);
    }
  }));
});

/** The values with each bound as a number, because it may be written in several ways. */
function numbered(families: readonly Family[]): ReadonlyMap<string, number> {
  return valuesOf(families.map((family) => ({
    ...family,
    samples: family.samples.map((sample) => {
      const { le, ...others } = sample.labels;
      if (family.type !== "histogram" || le === undefined) return sample;
      const bound = le === "+Inf" ? Infinity : Number(le);
      return { ...sample, labels: { ...others, le: `bound ${bound}` } };
    }),
  })));
}

Deno.test("prometheusName gives an instrument the name that formatMetrics writes", async () => {
  const page = await pageOf((meter) => {
    const every: readonly InstrumentDefinition[] = Object.values(INSTRUMENTS);
    for (const { kind, name, unit } of every) {
      switch (kind) {
        case "counter":
        case "total":
          meter.createCounter(name, { unit }).add(1);
          break;
        case "gauge":
          meter.createGauge(name, { unit }).record(1);
          break;
        case "histogram":
          meter.createHistogram(name, { unit }).record(1);
          break;
        default:
          kind satisfies never;
      }
    }
  });
  // In the format of Prometheus, a family has this name.
  const written = parseExposition(page("prometheus"), "prometheus").slice(1)
    .map(({ name }) => name);
  const named = Object.values(INSTRUMENTS).map(prometheusName);
  assert.deepEqual(written.toSorted(), named.toSorted());
  assert.ok(named.includes("rpc_server_call_duration_seconds"));
  assert.ok(named.includes("quilt_repairs_total"));
  assert.ok(named.includes("quilt_build_info"));
});

Deno.test("every instrument has a unit that formatMetrics knows, and labels that stay distinct", () => {
  const every: readonly InstrumentDefinition[] = Object.values(INSTRUMENTS);
  for (const { attributes, name, unit } of every) {
    assert.match(unit, /^(s|1|\{[a-z]+\})$/, name);
    assert.equal(unit === "1", name.endsWith(".info"), name);
    const labels = Object.keys(attributes).map(prometheusLabel);
    assert.equal(new Set([...labels, "le"]).size, labels.length + 1, name);
  }
});

Deno.test("both formats of all instruments are valid before anything has happened", async () => {
  const page = await pageOf((meter) => void createInstruments([meter]));
  for (const format of FORMATS) parseExposition(page(format), format);
});
