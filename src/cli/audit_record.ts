/** One line of an audit log, checked: the file may be anybody's. */
import {
  parseMutation,
  type WrittenChange,
} from "../dataplane/iproute2/parse_mutation.ts";
import { hostPrefix, type Ipv4Cidr } from "../ipam/cidr.ts";
import { decode, STATE_TABLE } from "../state/table142_codec.ts";

/** How a mutation ended. */
export const AUDIT_OUTCOMES = ["done", "failed", "unknown", "dry-run"] as const;

/** One of {@linkcode AUDIT_OUTCOMES}. */
export type AuditOutcome = typeof AUDIT_OUTCOMES[number];

/** What a line of the audit log says. */
export type AuditLine =
  | {
    readonly kind: "mutation";
    /** As `Date.now()`. */
    readonly atMs: number;
    readonly record: AuditRecord;
  }
  /** So many lines were lost here: no process read them in time, or a write failed. */
  | { readonly kind: "gap"; readonly atMs: number; readonly dropped: number }
  | { readonly kind: "start"; readonly atMs: number; readonly start: AuditStart }
  | { readonly kind: "end"; readonly atMs: number; readonly end: AuditEnd }
  /** Of a later sidecar: this one does not know what it means. */
  | { readonly kind: "other"; readonly atMs: number; readonly event: string };

/** The first record of a process. */
export interface AuditStart {
  /** Of the trail. */
  readonly schema: number;
  /** Of the sidecar, e.g. `0.1.0`. */
  readonly version: string;
  /** Of `serve`, e.g. `--log-level=debug`. */
  readonly options: readonly string[];
  /** What the sandbox grants, e.g. `run=ip`. */
  readonly grants: readonly string[];
}

/** The last record of a process that ended in order. */
export interface AuditEnd {
  /** E.g. `SIGTERM`. */
  readonly reason: string;
  /** The number of the last mutation. */
  readonly mutations: number;
  /** How many lines were lost. */
  readonly lost: number;
}

/** A mutation. */
export interface AuditRecord {
  /** From 1 in each process, without gaps. */
  readonly sequence: number;
  /** An RPC's name, or an activity of the sidecar itself, e.g. `repair`. */
  readonly rpc: string;
  /** Empty if no client caused it. */
  readonly peer: string;
  /** Of the client's certificate; otherwise empty. */
  readonly subject: string;
  /** What `ip` was sent. */
  readonly words: string;
  readonly outcome: AuditOutcome;
  /** Why it failed; otherwise empty. */
  readonly failure: string;
  /** Milliseconds that its batch took. */
  readonly durationMs: number | undefined;
  /** 32 hexadecimal digits; empty if the call is not traced. */
  readonly traceId: string;
}

/** RFC 3339 in UTC with milliseconds, as the sidecar writes it. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** Undefined for a line that no sidecar writes. Never throws. */
export function parseAuditLine(text: string): AuditLine | undefined {
  const fields = parseObject(text);
  if (fields === undefined) return undefined;
  const { dropped, time } = fields;
  const atMs = typeof time === "string" && TIME.test(time) ? Date.parse(time) : NaN;
  if (Number.isNaN(atMs)) return undefined;
  if (isCount(dropped)) return { kind: "gap", atMs, dropped };
  const { event } = fields;
  if (typeof event === "string") return toEvent(fields, atMs, event);
  const record = toRecord(fields);
  return record && { kind: "mutation", atMs, record };
}

type Fields = Readonly<Record<string, unknown>>;

function toEvent(fields: Fields, atMs: number, event: string): AuditLine | undefined {
  switch (event) {
    case "start": {
      const start = toStart(fields);
      return start && { kind: "start", atMs, start };
    }
    case "end": {
      const end = toEnd(fields);
      return end && { kind: "end", atMs, end };
    }
    default:
      return { kind: "other", atMs, event };
  }
}

function toStart({ grants, options, schema, version }: Fields): AuditStart | undefined {
  return isCount(schema) && typeof version === "string" && isTexts(options) &&
      isTexts(grants)
    ? { schema, version, options, grants }
    : undefined;
}

function toEnd({ lost, mutations, reason }: Fields): AuditEnd | undefined {
  return typeof reason === "string" && isNumber(mutations) && isNumber(lost)
    ? { reason, mutations, lost }
    : undefined;
}

function toRecord(fields: Fields): AuditRecord | undefined {
  const {
    duration_ms: durationMs,
    failure,
    outcome,
    peer,
    rpc,
    sequence,
    subject = "",
    trace_id: traceId = "",
    words,
  } = fields;
  const known = AUDIT_OUTCOMES.find((each) => each === outcome);
  if (
    known === undefined || !isCount(sequence) || typeof rpc !== "string" ||
    typeof peer !== "string" || typeof subject !== "string" ||
    typeof words !== "string" || typeof failure !== "string" ||
    typeof traceId !== "string"
  ) return undefined;
  return {
    sequence,
    rpc,
    peer,
    subject,
    words,
    outcome: known,
    failure,
    durationMs: typeof durationMs === "number" ? durationMs : undefined,
    traceId,
  };
}

function isCount(value: unknown): value is number {
  return isNumber(value) && value > 0;
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}

function parseObject(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What a mutation changes. */
export interface AuditedChange {
  /** What was done, e.g. `added route 10.42.2.0/24 dev vxlan100`. */
  readonly what: string;
  /** The prefix that it is about; undefined if the words are not known. */
  readonly about: Ipv4Cidr | undefined;
}

/** Tells what the words of a mutation mean; entries of table 142 are decoded. */
export function describeChange(words: string): AuditedChange {
  const change = parseMutation(words);
  return change === undefined
    ? { what: words, about: undefined }
    : { what: describe(change), about: aboutOf(change) };
}

function aboutOf(change: WrittenChange): Ipv4Cidr {
  switch (change.kind) {
    case "route-written":
    case "route-deleted":
      return change.destination;
    case "entry":
      return change.entry.prefix;
    case "neighbour":
      return hostPrefix(change.address);
    default:
      return change satisfies never;
  }
}

function describe(change: WrittenChange): string {
  switch (change.kind) {
    case "route-written": {
      const { destination, device, replaces } = change;
      return `${replaces ? "put" : "added"} route ${destination} dev ${device}`;
    }
    case "route-deleted": {
      const { destination, device, protocol } = change;
      const through = device === undefined ? "" : ` dev ${device}`;
      return `deleted route ${destination}${through} of ${ownerOf(protocol)}`;
    }
    case "entry":
      return describeEntry(change);
    case "neighbour": {
      const { address, device, verb } = change;
      return verb === "add"
        ? `probed neighbour ${address} dev ${device}`
        : `deleted the entry of neighbour ${address} dev ${device}`;
    }
    default:
      return change satisfies never;
  }
}

function ownerOf(protocol: number): string {
  switch (protocol) {
    case 142:
      return "the sidecar";
    case 2:
      return "the kernel";
    case 3:
      return "a program without a protocol of its own (boot)";
    case 4:
      return "an administrator (static)";
    default:
      return `protocol ${protocol}`;
  }
}

function describeEntry(
  { entry, verb }: Extract<WrittenChange, { readonly kind: "entry" }>,
): string {
  const { prefix, table } = entry;
  if (table !== STATE_TABLE) return `${verb} ${entry.type} ${prefix} in table ${table}`;
  const done = verb === "del" ? "deleted" : "stored";
  const record = decode(entry);
  switch (record.kind) {
    case "subnet":
      return `${done} subnet ${prefix}, revision ${record.revision}, ` +
        `cursor ${record.cursor}`;
    case "route": {
      const { claimed, route } = record;
      return `${done} the request for route ${prefix} dev ${route.device}` +
        (claimed ? "" : ", unconfirmed");
    }
    case "address":
      return `${done} the allocation of ${record.address}`;
    case "fragment":
      return `${done} a part of the name of ${record.address}'s owner: ${record.text}`;
    case "unknown":
      // Deleted whatever its content: the kind of entry shows what it was.
      return `${done} ${KINDS[entry.type]} ${prefix}`;
    default:
      return record satisfies never;
  }
}

const KINDS = {
  blackhole: "subnet",
  unreachable: "the request for route",
  prohibit: "an allocation, or a part of the name of its owner, of",
} as const;
