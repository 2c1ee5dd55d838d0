/** How `status` and `doctor` show findings. */
import type { Timestamp } from "../api/gen/google/protobuf/Timestamp.ts";
import type { Finding } from "../api/gen/quilt/sidecar/v1/Finding.ts";
import type { Severity } from "../diagnose/finding.ts";
import { countOf, escapeInvisible } from "../shared/quote.ts";
import { displayWidth, padToWidth, wrap } from "./display_width.ts";
import { required } from "./required.ts";
import { styled, type Tone } from "./style.ts";
import type { Terminal } from "./terminal.ts";

/** A finding as both print it, with the fields of their JSON. */
export interface ShownFinding {
  /** Such as `device-down`; docs/troubleshooting.md explains each. */
  readonly id: string;
  readonly severity: Severity;
  /** Empty if it is not about one device. */
  readonly device: string;
  /** Empty if it is not about one destination. */
  readonly destination: string;
  /** What was found, a sentence. */
  readonly found: string;
  /** What it means for traffic, a sentence. */
  readonly meaning: string;
  /** Commands that end it; a word in capitals stands for what only an operator knows. */
  readonly remedy: readonly string[];
  /** RFC 3339 in UTC; empty if nobody knows. */
  readonly since: string;
}

/** A finding that a sidecar reported. */
export function toShown(finding: Finding): ShownFinding {
  const { destination, device, found, id, meaning, remedy, since } = finding;
  return {
    id,
    severity: severityOf(finding),
    device,
    destination,
    found,
    meaning,
    remedy,
    since: toIso(since),
  };
}

function severityOf({ severity }: Finding): Severity {
  switch (severity) {
    case "FINDING_SEVERITY_CRITICAL":
      return "critical";
    case "FINDING_SEVERITY_WARNING":
      return "warning";
    default:
      // Unspecified, which is never sent, or a severity of a newer sidecar.
      throw new TypeError(`Cannot show severity ${severity}`);
  }
}

/** How a finding is shown. */
export interface FindingView {
  /** What it is about if that is neither a device nor a destination. @default this node */
  readonly subject?: string | undefined;
  readonly terminal: Terminal;
}

const TONES: Readonly<Record<Severity, Tone>> = { critical: "bad", warning: "waiting" };

/**
 * The lines of a finding, and an empty one behind them. The commands of the remedy stand
 * on lines of their own, and are never broken, so that they can be pasted.
 */
export function describeFinding(
  finding: ShownFinding,
  { subject = "this node", terminal }: FindingView,
): readonly string[] {
  const { destination, device, found, id, meaning, remedy, severity, since } = finding;
  const { columns } = terminal;
  const about = device || destination || subject;
  const dated = since === "" ? id : `${id} since ${since}`;
  const word = severity.toUpperCase();
  const head = wrap(
    escapeInvisible(`${word} ${about}: ${found} (${dated})`),
    columns,
    2,
  );
  return [
    ...head.map((line, at) =>
      at > 0
        ? line
        : `${styled(terminal, TONES[severity], word)}${line.slice(word.length)}`
    ),
    ...wrap(escapeInvisible(`  ${meaning}`), columns, 2),
    ...remedy.map((command) => escapeInvisible(`    ${command}`)),
    "",
  ];
}

/** How many findings there are of each severity. */
export interface FindingCounts {
  readonly critical: number;
  readonly warnings: number;
}

/** Counts findings. */
export function countFindings(
  findings: readonly Pick<ShownFinding, "severity">[],
): FindingCounts {
  const critical = findings.filter(({ severity }) => severity === "critical").length;
  return { critical, warnings: findings.length - critical };
}

/** `1 critical, 2 warnings` */
export function describeCounts({ critical, warnings }: FindingCounts): string {
  const counted = [
    critical === 0 ? [] : [`${critical} critical`],
    warnings === 0 ? [] : [countOf(warnings, "warning")],
  ].flat();
  return counted.length === 0 ? "no findings" : counted.join(", ");
}

/** RFC 3339 in UTC. */
export function toIso(time: Timestamp | null): string {
  const { nanos, seconds } = required(time, "since");
  return new Date(seconds * 1000 + nanos / 1e6).toISOString();
}

/**
 * Aligns the cells of a table in columns, two spaces apart. A cell may contain any
 * character, because it may be a message of `ip`.
 */
export function align(texts: readonly (readonly string[])[]): readonly string[] {
  const rows = texts.map((cells) => cells.map(escapeInvisible));
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, at) =>
      widths[at] = Math.max(widths[at] ?? 0, displayWidth(cell))
    );
  }
  return rows.map((row) =>
    row.map((cell, at) => padToWidth(cell, widths[at] ?? 0)).join("  ").trimEnd()
  );
}
