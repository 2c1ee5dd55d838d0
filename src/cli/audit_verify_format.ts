/** What `audit verify` says: for people, or as JSON. */
import { countOf, escapeInvisible } from "../shared/quote.ts";
import type { ChainFinding, Place, TrailSummary } from "./audit_chain.ts";

/** The version of the JSON: a field may be added, and none changes its meaning. */
const JSON_VERSION = 1;

/** The kinds of findings. */
export const FINDING_KINDS = [
  "changed",
  "removed",
  "reordered",
  "inserted",
  "mixed",
  "cut",
  "not-a-record",
  "open",
  "begins-late",
  "wrong-head",
  "unchained",
] as const;

/** A finding, as `audit verify --json` prints it. */
export interface ChainFindingJson {
  readonly kind: typeof FINDING_KINDS[number];
  readonly file: string;
  /** From 1 in each file. */
  readonly line: number;
  /** In English. */
  readonly what: string;
}

/** What `audit verify --json` prints. */
export interface TrailJson {
  readonly version: typeof JSON_VERSION;
  readonly findings: readonly ChainFindingJson[];
  /** Whether there is no finding, and everything could be read. */
  readonly whole: boolean;
  readonly records: number;
  /** How many processes of the sidecar wrote them. */
  readonly processes: number;
  /** Records that were counted as lost, and are there nevertheless. */
  readonly uncovered: number;
  /** The hash of the last record; empty if there is none. */
  readonly head: string;
}

/** A finding in one line. */
export function findingLine(finding: ChainFinding): string {
  return escapeInvisible(`${placeOf(finding.place)}: ${describe(finding)}`);
}

/**
 * The last line: what the trail is.
 *
 * @param findings how many; a trail that is not whole and has none could not be read
 */
export function summaryLine(summary: TrailSummary, findings: number): string {
  const { head, isWhole, processes, records, uncovered } = summary;
  const what = `${countOf(records, "record")} of ` +
    countOf(processes, "process", "processes");
  const extra = uncovered === 0
    ? ""
    : `; ${
      countOf(uncovered, "record")
    } counted as lost but present, and not covered ` +
      "by the chain";
  const notWhole = findings === 0
    ? "not read to the end"
    : `not whole: ${countOf(findings, "finding")}`;
  const how = isWhole ? "whole" : notWhole;
  return `${what}, ${how}${extra}; head ${head ?? "none"}`;
}

/** The document up to its findings, which are written as they are found. */
export const JSON_BEGINNING = `{"version":${JSON_VERSION},"findings":[`;

/** A finding of the document. */
export function findingJson(finding: ChainFinding): string {
  const { file, line } = finding.place;
  const json: ChainFindingJson = {
    kind: kindOf(finding),
    file,
    line,
    what: describe(finding),
  };
  return escapeInvisible(JSON.stringify(json));
}

/** The document from behind its findings to its end. */
export function jsonEnd(summary: TrailSummary): string {
  const { head, isWhole, processes, records, uncovered } = summary;
  const rest: Omit<TrailJson, "version" | "findings"> = {
    whole: isWhole,
    records,
    processes,
    uncovered,
    head: head ?? "",
  };
  return `],${JSON.stringify(rest).slice(1)}`;
}

function placeOf({ file, line }: Place): string {
  return `${file} line ${line}`;
}

function kindOf({ kind }: ChainFinding): ChainFindingJson["kind"] {
  switch (kind) {
    case "changed-here-or-before":
    case "changed-itself":
      return "changed";
    case "copied":
      return "inserted";
    case "not-after":
      return "begins-late";
    case "not-head":
      return "wrong-head";
    default:
      return kind;
  }
}

function describe(finding: ChainFinding): string {
  switch (finding.kind) {
    case "changed":
      return "this record was changed: the next one has another hash for it";
    case "changed-itself":
      return "this record was changed: its hash differs from its field hash";
    case "changed-here-or-before":
      return "this record or the one before it was changed: their hashes differ";
    case "removed": {
      const { records } = finding;
      return records === undefined
        ? "records are missing before this one, or its first field was changed"
        : `${countOf(records, "record is", "records are")} missing before this one`;
    }
    case "reordered":
      return finding.records === 1
        ? "this record stands before the one that it follows"
        : `${finding.records} records from here on stand before the one that they follow`;
    case "inserted":
      return finding.records === 1
        ? "this record was inserted: it belongs to no chain"
        : `${finding.records} records from here on were inserted: they belong to no chain`;
    case "copied":
      return `this record is a copy of ${placeOf(finding.from)}`;
    case "mixed":
      return `this record is of the process that began at ${
        placeOf(finding.began)
      }, and ` +
        "the one before it of another: two sidecars write to one file, or records were " +
        "moved";
    case "not-a-record":
      return finding.lines === 1
        ? "this is not an audit record: it was changed, or another program writes to the file"
        : `${finding.lines} lines from here on are not audit records: they were changed, ` +
          "or another program writes to the file";
    case "cut":
      return "this record is cut off";
    case "open":
      return `the process that began at ${placeOf(finding.began)} has no end record ` +
        "behind this one: it still runs, was killed, or its last records are missing";
    case "begins-late":
      return "the trail does not begin with a start record: give the older files as " +
        "well, or the hash of the record before it with --after";
    case "not-after":
      return "the first record does not follow the hash of --after: records before it " +
        "are missing";
    case "not-head":
      return finding.head === undefined
        ? "no record has the hash of --head: the last records are missing, or were changed"
        : `this is the last record, and --head is the hash of ${placeOf(finding.head)}`;
    case "unchained":
      return `${countOf(finding.records, "record")} from here on ` +
        `${finding.records === 1 ? "has" : "have"} no hash: an older sidecar wrote ` +
        `${finding.records === 1 ? "it" : "them"}, and nothing can be verified`;
    default:
      return finding satisfies never;
  }
}
