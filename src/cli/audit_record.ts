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
  /** So many lines were dropped here, because nobody read them in time. */
  | { readonly kind: "gap"; readonly atMs: number; readonly dropped: number };

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
  const record = toRecord(fields);
  return record && { kind: "mutation", atMs, record };
}

function toRecord(fields: Readonly<Record<string, unknown>>): AuditRecord | undefined {
  const {
    duration_ms: durationMs,
    failure,
    outcome,
    peer,
    rpc,
    sequence,
    subject = "",
    words,
  } = fields;
  const known = AUDIT_OUTCOMES.find((each) => each === outcome);
  if (
    known === undefined || !isCount(sequence) || typeof rpc !== "string" ||
    typeof peer !== "string" || typeof subject !== "string" ||
    typeof words !== "string" || typeof failure !== "string"
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
  };
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0;
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
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
        ? `asked for neighbour ${address} dev ${device}`
        : `deleted the entry of neighbour ${address} dev ${device}`;
    }
    default:
      return change satisfies never;
  }
}

function ownerOf(protocol: number): string {
  switch (protocol) {
    case 142:
      return "ours";
    case 2:
      return "the kernel";
    case 3:
      return "a program that named no protocol (boot)";
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
      // Deleted whatever it said: the kind of entry tells what it was.
      return `${done} ${KINDS[entry.type]} ${prefix}`;
    default:
      return record satisfies never;
  }
}

const KINDS = {
  blackhole: "subnet",
  unreachable: "the request for route",
  prohibit: "an allocation or a part of its owner's name of",
} as const;
