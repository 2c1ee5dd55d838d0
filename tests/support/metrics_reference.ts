/** The part of docs/telemetry.md that is made from the instruments. */
import {
  type InstrumentDefinition,
  INSTRUMENTS,
} from "../../src/observability/instruments.ts";
import {
  prometheusLabel,
  prometheusName,
} from "../../src/observability/openmetrics.ts";
import { type GeneratedPart, replacePart, table } from "./generated_part.ts";
import { repository } from "./serve_task.ts";

/** The page that has it. */
export const TELEMETRY_PAGE = `${repository}/docs/telemetry.md`;

const PART: GeneratedPart = {
  begin: "<!-- Made by deno task generate from src/observability/instruments.ts: -->",
  end: "<!-- End of what deno task generate makes. -->",
};

/** The page with the table of all metrics made anew. @throws as `replacePart` does */
export function withMetrics(page: string): Promise<string> {
  const instruments: readonly InstrumentDefinition[] = Object.values(INSTRUMENTS);
  const rows = instruments.map((instrument) => [
    prometheusName(instrument),
    typeOf(instrument),
    Object.entries(instrument.attributes).map(describeLabel).join("; "),
    instrument.description,
  ]);
  return replacePart(page, PART, table(["Metric", "Type", "Labels", "Meaning"], rows));
}

function typeOf({ kind }: InstrumentDefinition): string {
  switch (kind) {
    case "counter":
    case "total":
      return "counter";
    case "gauge":
      return "gauge";
    case "histogram":
      return "histogram";
    default:
      return kind satisfies never;
  }
}

function describeLabel(
  [attribute, values]: readonly [string, readonly string[] | undefined],
): string {
  const label = `\`${prometheusLabel(attribute)}\``;
  if (values === undefined) return label;
  return `${label}: ${values.map((value) => `\`${value}\``).join(", ")}`;
}
