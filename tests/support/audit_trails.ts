/**
 * Audit trails of schema 2 for tests. What chains the lines is written from the description
 * of the format and shares nothing with `src`.
 */
import { createHash } from "node:crypto";
import type { Random } from "./random.ts";

/** What a line of a trail is. */
export type TrailKind =
  | "start"
  | "mutation"
  | "gap"
  | "end"
  /** Counted as lost, there nevertheless, and named by no other line. */
  | "ghost"
  /** The beginning of a line that could not be written whole. */
  | "cut"
  | "empty";

/** A line of a trail. */
export interface TrailLine {
  /** Without its line feed. */
  readonly text: string;
  /** The number of the process that wrote it. */
  readonly process: number;
  readonly kind: TrailKind;
}

/** The fields of a record but `prev`, in their order. */
export type TrailFields = Readonly<Record<string, unknown>>;

/** What the first line of a process names. */
export const ZEROS = "0".repeat(64);

/** SHA-256 of a line, in lower-case hexadecimal digits. */
export function hashOf(text: string): string {
  return createHash("sha256").update(text, "utf8").digest("hex");
}

/** A line with these fields that follows the one with this hash. */
export function chained(
  fields: TrailFields,
  prev: string,
): string {
  return JSON.stringify({ ...fields, prev });
}

/** A time as the trail has it, so many milliseconds after a fixed one. */
export function timeAt(ms: number): string {
  return new Date(Date.UTC(2026, 10, 29, 10) + ms).toISOString();
}

/** The fields of a start record. */
export function startFields(ms = 0): TrailFields {
  return {
    time: timeAt(ms),
    sequence: 0,
    event: "start",
    schema: 2,
    version: "0.1.0",
    options: ["--log-level=debug"],
    grants: ["net=127.0.0.1:50051", "run=ip"],
  };
}

/** The fields of a mutation. */
export function mutationFields(sequence: number, ms = 0): TrailFields {
  return {
    time: timeAt(ms),
    sequence,
    rpc: "InjectRoute",
    peer: "127.0.0.1:40112",
    subject: "",
    words: `route add 10.42.${sequence % 250}.0/24 dev vxlan100 proto 142`,
    outcome: "done",
    failure: "",
    duration_ms: 1.5,
  };
}

/** The fields of a gap record. */
export function gapFields(dropped: number, ms = 0): TrailFields {
  return { time: timeAt(ms), dropped };
}

/** The fields of an end record. */
export function endFields(mutations: number, lost: number, ms = 0): TrailFields {
  const fields = {
    time: timeAt(ms),
    sequence: mutations + 1,
    event: "end",
    reason: "SIGTERM",
    mutations,
    lost,
  };
  return { ...fields, hash: hashOf(JSON.stringify(fields)) };
}

/** How a process of a trail is. */
export interface ProcessShape {
  /** Its number. */
  readonly process: number;
  /** About how many lines it writes. */
  readonly lines: number;
  /** Whether its reader is slow now and then, and its disk full. */
  readonly hasLosses: boolean;
  /** Whether it writes an end record. */
  readonly isEnded: boolean;
}

/** The lines that a process writes; an hour after those of the process before it. */
export function writeProcess(
  random: Random,
  { hasLosses, isEnded, lines: count, process }: ProcessShape,
): readonly TrailLine[] {
  const lines: TrailLine[] = [];
  const upTo = (most: number): number => 1 + Math.floor(random() * most);
  let [prev, sequence, lost, ms] = [ZEROS, 0, 0, process * 3_600_000];
  const put = (kind: TrailKind, fields: TrailFields): void => {
    const text = chained(fields, prev);
    lines.push({ text, process, kind });
    prev = hashOf(text);
    ms += Math.floor(random() * 5);
  };
  const failWrite = (): void => {
    const known = prev;
    const before = sequence;
    for (let ghosts = Math.floor(random() * 4); ghosts > 0; ghosts -= 1) {
      put("ghost", mutationFields(++sequence, ms));
    }
    if (random() < 0.5) {
      const text = chained(mutationFields(++sequence, ms), prev);
      const at = upTo(text.length - 2);
      lines.push({ text: text.slice(0, at), process, kind: "cut" });
    }
    if (random() < 0.3) lines.push({ text: "", process, kind: "empty" });
    if (sequence > before && random() < 0.2) {
      prev = known;
      put("ghost", gapFields(sequence - before, ms));
    }
    sequence += upTo(5);
    prev = known;
    lost += sequence - before;
    put("gap", gapFields(sequence - before, ms));
  };
  put("start", startFields(ms));
  while (lines.length < count) {
    const chance = random();
    if (hasLosses && chance < 0.06) failWrite();
    else if (hasLosses && chance < 0.12) {
      const dropped = upTo(20);
      sequence += dropped;
      lost += dropped;
      put("gap", gapFields(dropped, ms));
    } else put("mutation", mutationFields(++sequence, ms));
  }
  if (isEnded) put("end", endFields(sequence, lost, ms));
  return lines;
}

/** The bytes of a file with these lines. */
export function fileOf(lines: readonly TrailLine[]): Uint8Array {
  return new TextEncoder().encode(lines.map(({ text }) => `${text}\n`).join(""));
}
