/** What a sidecar exposes to Prometheus, as its instruments say. */
import { FINDING_IDS, type Severity } from "../../../src/diagnose/finding.ts";
import {
  type InstrumentDefinition,
  INSTRUMENTS,
} from "../../../src/observability/instruments.ts";
import {
  prometheusLabel,
  prometheusName,
} from "../../../src/observability/openmetrics.ts";
import { namesIn } from "./promql.ts";

/** The labels of a metric with their values; undefined: any value. */
export type Labels = ReadonlyMap<string, readonly string[] | undefined>;

/** Prometheus adds these to every series that it scrapes. */
const OF_THE_TARGET = [["instance", undefined], ["job", ["quilt-sidecar"]]] as const;

const SEVERITIES: readonly Severity[] = ["critical", "warning"];

/** The values of attributes whose instrument leaves them to others. */
const VALUES = new Map<string, readonly string[]>([
  ["quilt.finding", FINDING_IDS],
  ["quilt.severity", SEVERITIES],
]);

/** Metrics whose series Prometheus makes itself. */
const OF_PROMETHEUS: readonly (readonly [string, Labels])[] = [
  ["up", new Map(OF_THE_TARGET)],
];

/** Every instrument. */
export const DEFINITIONS: readonly InstrumentDefinition[] = Object.values(INSTRUMENTS);

/** The names under which the series of an instrument are found. */
export function seriesOf(definition: InstrumentDefinition): readonly string[] {
  const name = prometheusName(definition);
  return definition.kind === "histogram"
    ? ["_bucket", "_sum", "_count"].map((suffix) => `${name}${suffix}`)
    : [name];
}

const EXPOSED: ReadonlyMap<string, Labels> = new Map([
  ...OF_PROMETHEUS,
  ...DEFINITIONS.flatMap((definition) =>
    seriesOf(definition).map((name) => [name, labelsOf(definition, name)] as const)
  ),
]);

function labelsOf(definition: InstrumentDefinition, name: string): Labels {
  const own = Object.entries(definition.attributes).map(([attribute, values]) =>
    [prometheusLabel(attribute), values ?? VALUES.get(attribute)] as const
  );
  const bound = name.endsWith("_bucket") ? [["le", undefined] as const] : [];
  return new Map([...OF_THE_TARGET, ...own, ...bound]);
}

/** What an expression names that no sidecar exposes. */
export function unknownNames(expression: string): readonly string[] {
  const { grouped, selectors } = namesIn(expression);
  const known = selectors.map(({ metric }) => EXPOSED.get(metric));
  return [
    ...selectors.flatMap(({ metric, matchers }) => {
      const labels = EXPOSED.get(metric);
      if (labels === undefined) return [metric];
      return matchers.flatMap(({ label, values }) => {
        if (!labels.has(label)) return [`${metric}{${label}}`];
        const all = labels.get(label);
        return values.filter((value) => all?.includes(value) === false)
          .map((value) => `${metric}{${label}="${value}"}`);
      });
    }),
    ...grouped.filter((label) => !known.some((labels) => labels?.has(label))),
  ];
}
