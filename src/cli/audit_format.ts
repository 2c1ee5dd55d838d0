/** A line of an audit log as `audit` shows it: for people, or as JSON. */
import { countOf, escapeInvisible } from "../shared/quote.ts";
import {
  type AuditLine,
  type AuditOutcome,
  type AuditRecord,
  describeChange,
} from "./audit_record.ts";

/** The version of the JSON: a field may be added, and none changes its meaning. */
const JSON_VERSION = 1;

/** A change, as `audit --json` prints it. */
export interface AuditedMutationJson {
  readonly version: typeof JSON_VERSION;
  readonly kind: "mutation";
  /** When it was recorded: RFC 3339 in UTC, with milliseconds. */
  readonly time: string;
  /** From 1 in each process of the sidecar; a missing number is a missing record. */
  readonly sequence: number;
  /** The RPC, or an activity of the sidecar itself, e.g. `repair`. */
  readonly rpc: string;
  /** The client's address; empty if no client asked for it. */
  readonly peer: string;
  /** The subject of the client's certificate; empty without mutual TLS. */
  readonly subject: string;
  /** What `ip` was sent. */
  readonly words: string;
  /** `unknown`: `ip` was lost meanwhile; `dry-run`: nothing was changed. */
  readonly outcome: AuditOutcome;
  /** Why it failed; empty if it did not. */
  readonly failure: string;
  /** Milliseconds that `ip` took for the batch that it was in; null if not recorded. */
  readonly duration_ms: number | null;
  /** The prefix that it is about, of an address its /32; empty if that is not known. */
  readonly about: string;
  /** What was done, in English; what table 142 keeps in a code is decoded. */
  readonly what: string;
  /** 32 hexadecimal digits; empty if the call is not traced. */
  readonly trace_id: string;
}

/** A place where lines were dropped, as `audit --json` prints it. */
export interface AuditGapJson {
  readonly version: typeof JSON_VERSION;
  readonly kind: "gap";
  /** When that was noticed: RFC 3339 in UTC, with milliseconds. */
  readonly time: string;
  /** How many lines: no process read them in time, or a write failed. */
  readonly dropped: number;
}

/** The start of a sidecar, as `audit --json` prints it. */
export interface AuditStartJson {
  readonly version: typeof JSON_VERSION;
  readonly kind: "start";
  /** RFC 3339 in UTC, with milliseconds. */
  readonly time: string;
  /** The version of the trail. */
  readonly schema: number;
  /** The version of the sidecar. */
  readonly sidecar: string;
  /** The options of `serve`. */
  readonly options: readonly string[];
  /** What the sandbox grants. */
  readonly grants: readonly string[];
}

/** The end of a sidecar, as `audit --json` prints it. */
export interface AuditEndJson {
  readonly version: typeof JSON_VERSION;
  readonly kind: "end";
  /** RFC 3339 in UTC, with milliseconds. */
  readonly time: string;
  /** Why it ended, e.g. `SIGTERM`. */
  readonly reason: string;
  /** The number of the last mutation. */
  readonly mutations: number;
  /** How many lines were lost. */
  readonly lost: number;
}

/** A record of a later sidecar, as `audit --json` prints it. */
export interface AuditOtherJson {
  readonly version: typeof JSON_VERSION;
  readonly kind: "other";
  /** RFC 3339 in UTC, with milliseconds. */
  readonly time: string;
  /** What that sidecar calls it. */
  readonly event: string;
}

/** A line of `audit --json`. */
export type AuditJson =
  | AuditedMutationJson
  | AuditGapJson
  | AuditStartJson
  | AuditEndJson
  | AuditOtherJson;

/** One JSON object in one line. */
export function auditJson(line: AuditLine): string {
  return escapeInvisible(JSON.stringify(toJson(line)));
}

function toJson(line: AuditLine): AuditJson {
  const time = toIso(line.atMs);
  switch (line.kind) {
    case "gap":
      return { version: JSON_VERSION, kind: "gap", time, dropped: line.dropped };
    case "mutation": {
      const { durationMs, traceId, ...record } = line.record;
      const { about, what } = describeChange(record.words);
      return {
        version: JSON_VERSION,
        kind: "mutation",
        time,
        ...record,
        duration_ms: durationMs ?? null,
        about: about ?? "",
        what,
        trace_id: traceId,
      };
    }
    case "start": {
      const { grants, options, schema, version: sidecar } = line.start;
      return {
        version: JSON_VERSION,
        kind: "start",
        time,
        schema,
        sidecar,
        options,
        grants,
      };
    }
    case "end":
      return { version: JSON_VERSION, kind: "end", time, ...line.end };
    case "other":
      return { version: JSON_VERSION, kind: "other", time, event: line.event };
    default:
      return line satisfies never;
  }
}

/** `2026-11-29T10:00:00.000Z InjectRoute by 127.0.0.1:40112: added route … (done)`. */
export function formatLine(line: AuditLine): string {
  const time = toIso(line.atMs);
  switch (line.kind) {
    case "gap": {
      const { dropped } = line;
      return `${time} ${dropped} ${dropped === 1 ? "line is" : "lines are"} missing ` +
        "here, because the reader was too slow or a write failed";
    }
    case "mutation": {
      const { failure, outcome, words } = line.record;
      const how = failure === "" ? outcome : `${outcome}: ${failure}`;
      const { what } = describeChange(words);
      return escapeInvisible(`${time} ${sourceOf(line.record)}: ${what} (${how})`);
    }
    case "start": {
      const { grants, options, version } = line.start;
      return escapeInvisible(
        `${time} the sidecar started: version ${version}, options ` +
          `${listed(options)}; granted ${listed(grants)}`,
      );
    }
    case "end": {
      const { lost, mutations, reason } = line.end;
      return escapeInvisible(
        `${time} the sidecar ended: ${reason}; ${countOf(mutations, "change")}, ` +
          `${countOf(lost, "line")} lost`,
      );
    }
    case "other":
      return escapeInvisible(`${time} event of a newer sidecar: ${line.event}`);
    default:
      return line satisfies never;
  }
}

function listed(words: readonly string[]): string {
  return words.length === 0 ? "none" : words.join(" ");
}

function sourceOf({ peer, rpc, subject }: AuditRecord): string {
  const who = [peer, subject].filter((part) => part !== "").join(", ");
  return who === "" ? `the sidecar itself, ${rpc}` : `${rpc} by ${who}`;
}

function toIso(ms: number): string {
  return new Date(ms).toISOString();
}
