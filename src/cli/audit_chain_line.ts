/** A line of an audit log as a link of the chain: its hash, and the one that it names. */
import { hash } from "node:crypto";
import { type AuditLine, parseAuditLine } from "./audit_record.ts";

/** What the first line of a process names: there is none before it. */
export const NO_HASH = "0".repeat(64);

/** A record, as far as the chain needs it. */
export interface ChainLink {
  readonly record: AuditLine;
  /** SHA-256 of the line's bytes without the line feed, 64 lower-case hex digits. */
  readonly hash: string;
  /** The hash of the line before it; undefined if a sidecar of schema 1 wrote it. */
  readonly prev: string | undefined;
  /** Whether its own hash is right; an end record has one, because no line names it. */
  readonly isIntact: boolean;
}

/** The last field: the sidecar writes it there, so that it is found without a parser. */
const PREV = /^,"prev":"([0-9a-f]{64})"\}$/;

/** The length of that. */
const PREV_LENGTH = `,"prev":"${NO_HASH}"}`.length;

/** The field before that in an end record: the hash of the line without both. */
const OWN_HASH = /^,"hash":"([0-9a-f]{64})"$/;

/** The length of that. */
const OWN_HASH_LENGTH = `,"hash":"${NO_HASH}"`.length;

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Undefined for a line that no sidecar writes. Never throws. */
export function readChainLink(bytes: Uint8Array): ChainLink | undefined {
  const text = decoder.decode(bytes);
  const record = parseAuditLine(text);
  if (record === undefined) return undefined;
  const [, prev] = PREV.exec(text.slice(-PREV_LENGTH)) ?? [];
  const isIntact = hasRightHash(record, text);
  return { record, hash: hash("sha256", bytes, "hex"), prev, isIntact };
}

/** An event that is not known may be an end record whose `event` was changed. */
function hasRightHash({ kind }: AuditLine, text: string): boolean {
  if (kind !== "end" && kind !== "other") return true;
  const unlinked = text.slice(0, -PREV_LENGTH);
  const [, own] = OWN_HASH.exec(unlinked.slice(-OWN_HASH_LENGTH)) ?? [];
  if (own === undefined) return kind !== "end";
  return own === hash("sha256", `${unlinked.slice(0, -OWN_HASH_LENGTH)}}`, "hex");
}

/** How each record begins. */
const BEGINNING = '{"time":"';

/** Whether a line may be the beginning of a record. */
export function isBeginning(bytes: Uint8Array): boolean {
  const text = decoder.decode(bytes.subarray(0, BEGINNING.length));
  return BEGINNING.startsWith(text);
}

/**
 * The record at the end of a line that begins with something else: a process was killed
 * while it wrote, and the next one appended its first line to that.
 */
export function readAppendedLink(bytes: Uint8Array): ChainLink | undefined {
  const text = decoder.decode(bytes);
  const at = text.lastIndexOf(BEGINNING);
  // The rest in bytes: what stands in front of it may be any character.
  const rest = new TextEncoder().encode(text.slice(at)).length;
  return at <= 0 ? undefined : readChainLink(bytes.subarray(bytes.length - rest));
}
