/** Reads a page of metrics, without any code of the one who writes it. */
import assert from "node:assert/strict";

/** One series with its value. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** What a page says of one metric. */
export interface Family {
  readonly name: string;
  readonly type: string;
  /** Of OpenMetrics alone. */
  readonly unit: string | undefined;
  readonly help: string;
  readonly samples: readonly Sample[];
}

/** What each type may have behind the name of its family. */
const SUFFIXES: Readonly<
  Record<"openmetrics" | "prometheus", Readonly<Record<string, readonly string[]>>>
> = {
  openmetrics: {
    counter: ["_total"],
    gauge: [""],
    histogram: ["_bucket", "_sum", "_count"],
    info: ["_info"],
  },
  prometheus: {
    counter: [""],
    gauge: [""],
    histogram: ["_bucket", "_sum", "_count"],
  },
};

/** @throws {AssertionError} if the text is not in the format */
export function parseExposition(
  text: string,
  format: "openmetrics" | "prometheus",
): readonly Family[] {
  assert.ok(text.endsWith("\n"));
  const lines = text.slice(0, -1).split("\n");
  if (format === "openmetrics") assert.equal(lines.pop(), "# EOF");
  const families: (Omit<Family, "samples"> & { readonly samples: Sample[] })[] = [];
  while (lines.length > 0) {
    const descriptions = new Map<string, string>();
    let name = "";
    while (lines[0]?.startsWith("# ")) {
      const line = lines.shift() ?? "";
      const [, what = "", of = "", value = ""] = /^# (TYPE|UNIT|HELP) (\S+) (.*)$/s
        .exec(line) ?? assert.fail(line);
      assert.ok(name === "" || name === of, `${of} after ${name}`);
      name = of;
      descriptions.set(what, value);
    }
    const type = descriptions.get("TYPE") ?? assert.fail(`${name} has no type`);
    const unit = descriptions.get("UNIT");
    if (unit !== undefined) assert.ok(name.endsWith(`_${unit}`), `${name}, ${unit}`);
    const suffixes = SUFFIXES[format][type] ?? assert.fail(type);
    const samples: Sample[] = [];
    while (lines.length > 0 && !lines[0]?.startsWith("#")) {
      const sample = parseSample(lines.shift() ?? "");
      const suffix = sample.name.slice(name.length);
      assert.ok(sample.name.startsWith(name) && suffixes.includes(suffix), sample.name);
      samples.push(sample);
    }
    const help = unescape(descriptions.get("HELP") ?? "");
    families.push({ name, type, unit, help, samples });
  }
  assert.equal(new Set(families.map(({ name }) => name)).size, families.length);
  const series = families.flatMap(({ samples }) => samples).map(seriesKey);
  assert.equal(new Set(series).size, series.length, "a series stands twice");
  return families;
}

/** The value of each series of all families, by {@linkcode seriesKey}. */
export function valuesOf(families: readonly Family[]): ReadonlyMap<string, number> {
  return new Map(
    families.flatMap(({ samples }) => samples)
      .map((sample) => [seriesKey(sample), sample.value]),
  );
}

/** Each series that has another value now, with the difference; a new one began at 0. */
export function changesBetween(
  before: readonly Sample[],
  after: readonly Sample[],
): readonly Sample[] {
  const old = new Map(before.map((sample) => [seriesKey(sample), sample.value]));
  return after.flatMap((sample) => {
    const change = sample.value - (old.get(seriesKey(sample)) ?? 0);
    return change === 0 ? [] : [{ ...sample, value: change }];
  });
}

/** The name and the sorted labels: the same text for the same series. */
export function seriesKey({ labels, name }: Omit<Sample, "value">): string {
  return `${name} ${JSON.stringify(Object.entries(labels).toSorted())}`;
}

function parseSample(line: string): Sample {
  const [, name = "", labels, value = ""] =
    /^([A-Za-z_:][\w:]*)(?:\{(.*)\})? (\S+)$/s.exec(line) ?? assert.fail(line);
  return { name, labels: parseLabels(labels ?? ""), value: parseValue(value) };
}

function parseLabels(text: string): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  let rest = text;
  while (rest !== "") {
    const [whole = "", name = "", value = ""] =
      /^([A-Za-z_]\w*)="((?:[^"\\]|\\["\\n])*)"(?:,|$)/.exec(rest) ?? assert.fail(rest);
    assert.ok(!(name in found), `${name} stands twice`);
    found[name] = unescape(value);
    rest = rest.slice(whole.length);
  }
  return found;
}

function unescape(text: string): string {
  return text.replaceAll(
    /\\(["\\n])/g,
    (_, escaped) => escaped === "n" ? "\n" : escaped,
  );
}

function parseValue(text: string): number {
  if (/^[+-]Inf$/.test(text)) return text === "+Inf" ? Infinity : -Infinity;
  assert.match(text, /^(NaN|-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?)$/);
  return Number(text);
}
