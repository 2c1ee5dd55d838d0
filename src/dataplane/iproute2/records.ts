/**
 * The JSON that `ip` writes to stdout, as far as it is the same for every command: one
 * array of records, whose members are not checked yet. parse.ts and parse_data_path.ts
 * know what the members of each command mean.
 */
import { TABLE_MAIN } from "../../routing/kernel_route.ts";
import {
  type InterfaceName,
  parseInterfaceName,
} from "../../routing/interface_name.ts";
import type { Answer } from "../dataplane.ts";

/** A line of JSON as the answer of its command. */
export type Decoded =
  | {
    readonly kind: "decoded";
    readonly answer: Answer;
    /** Entries of a dump that were skipped, because they cannot be parsed. */
    readonly skipped: readonly JsonRecord[];
  }
  /** Not JSON, or not the answer of this command: the process cannot be trusted. */
  | { readonly kind: "unreadable"; readonly why: string };

/** An object of the JSON, whose members are not checked yet. */
export type JsonRecord = Readonly<Record<string, unknown>>;

/** UTF-16 units of JSON that are parsed at once. */
const PIECE_LENGTH = 64 * 1024;

/**
 * Parses a line of `ip -json` piece by piece: whatever the command, it is one array of
 * records. A dump of 65,000 routes has 20 MB, and its records at once have three times
 * that, while the visitor keeps little of each (measured with Deno 2.9.3).
 *
 * The line is cut at a `},{`. If that stands inside a record or a string, the piece is no
 * JSON, and a longer one is tried: so a piece that can be parsed has whole records only.
 *
 * @param visit called with each element of the array
 * @param pieceLength how many UTF-16 units a piece has at least. @default {65536}
 * @returns false if the line is not a JSON array; elements may have been visited
 */
export function visitRecords(
  line: string,
  visit: (record: unknown) => void,
  pieceLength = PIECE_LENGTH,
): boolean {
  let start = 0;
  let length = pieceLength;
  for (;;) {
    const brace = line.indexOf("},{", start + length);
    const isLast = brace < 0;
    const piece = (start === 0 ? "" : "[") +
      (isLast ? line.slice(start) : `${line.slice(start, brace + 1)}]`);
    const records = parseArray(piece);
    if (records !== undefined) {
      for (const record of records) visit(record);
      if (isLast) return true;
      start = brace + 2;
      length = pieceLength;
    } else if (isLast) return false;
    // Twice as long each time, so that no text costs more than twice its length.
    else length = 2 * (brace - start) + 1;
  }
}

/** All elements of the array at once; undefined if the line is not a JSON array. */
export function parseRecords(line: string): readonly unknown[] | undefined {
  const records: unknown[] = [];
  return visitRecords(line, (record) => records.push(record)) ? records : undefined;
}

/**
 * iproute2 6.1 prints a device's name as it is, and the kernel accepts every byte but NUL,
 * `/`, `:` and white space: a control character stands raw in the string, which JSON
 * forbids. The name of one device must not make a whole dump unreadable.
 */
function parseArray(text: string): readonly unknown[] | undefined {
  const parsed = parseJson(text) ?? parseJson(withEscapes(text));
  return Array.isArray(parsed) ? parsed : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Adds the escapes that iproute2 leaves out; removes `\'`, which versions before 6 add. */
function withEscapes(text: string): string {
  return text
    .replace(
      /\p{Cc}/gu,
      (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, "0")}`,
    )
    .replace(/\\(?:\\|')/g, (pair) => pair === "\\'" ? "'" : pair);
}

/** True for an object; an array is none. */
export function isRecord(value: unknown): value is JsonRecord {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A line that this command cannot have written. */
export function unreadable(why: string): Decoded {
  return { kind: "unreadable", why };
}

/** A line that no command can have written. */
export const NOT_JSON = unreadable("ip wrote a line that is not a JSON array");

/** The answer of a command, and what was skipped in it. */
export function decoded(answer: Answer, skipped: readonly JsonRecord[] = []): Decoded {
  return { kind: "decoded", answer, skipped };
}

/** True for `{}`, which `ip` writes in the place of an entry that it filters out. */
export function isEmpty(record: JsonRecord): boolean {
  return Object.keys(record).length === 0;
}

/** True for the index of a device. */
export function isIndex(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0;
}

/** True for an array of texts, such as the flags of a device. */
export function isTextArray(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}

/** A device that a command may name; undefined for any other value. */
export function deviceName(value: unknown): InterfaceName | undefined {
  if (typeof value !== "string") return undefined;
  const name = parseInterfaceName(value);
  return name.ok ? name.value : undefined;
}

/** What some versions of `ip` print in the place of a number. */
export type Names = Readonly<Record<string, number>>;

/** Numbers that no version prints by name. */
export const NO_NAMES: Names = {};

/** The tables that have a name everywhere. */
export const TABLES: Names = { default: 253, main: TABLE_MAIN, local: 255 };

/**
 * `-Numeric` prints numbers as decimal or hexadecimal text, and metrics as JSON numbers;
 * some versions print some of them by name.
 *
 * @param absent the number if there is no such member
 * @returns 0 to 2^32 - 1; undefined for any other value
 */
export function named(
  value: unknown,
  names: Names,
  absent: number,
): number | undefined {
  if (value === undefined) return absent;
  if (typeof value === "number") return within32(value);
  if (typeof value !== "string") return undefined;
  if (/^(?:[0-9]+|0x[0-9a-f]+)$/i.test(value)) return within32(Number(value));
  return Object.hasOwn(names, value) ? names[value] : undefined;
}

function within32(number: number): number | undefined {
  return Number.isInteger(number) && number >= 0 && number < 2 ** 32
    ? number
    : undefined;
}
