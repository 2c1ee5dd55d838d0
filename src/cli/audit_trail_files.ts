/** The files of an audit trail, byte for byte, in the order in which they were written. */
import { err, ok, type Result } from "../shared/result.ts";
import { readChainLink } from "./audit_chain_line.ts";
import { describeUnread, nameOf, STANDARD_INPUT } from "./text_input.ts";

/** A line of a file. */
export interface TrailLine {
  /** How a sentence names the file. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** Without the line feed. */
  readonly bytes: Uint8Array;
  /** Whether there was a line feed. */
  readonly isWhole: boolean;
}

/** Bytes of a line, far more than the longest that a sidecar writes. */
const MOST_BYTES = 1024 * 1024;

const LINE_FEED = 10;

/**
 * The lines of a file as they come. What stands behind the first MiB of a line is left
 * out, so that a file without line feeds needs no more memory than others.
 *
 * @throws {Error} whatever ends the reading
 */
export async function* trailLines(path: string): AsyncGenerator<readonly TrailLine[]> {
  const file = nameOf(path);
  const stream = path === STANDARD_INPUT
    ? Deno.stdin.readable
    : (await Deno.open(path)).readable;
  let line = 0;
  let rest: Uint8Array = new Uint8Array();
  for await (const bytes of stream) {
    const lines: TrailLine[] = [];
    let from = 0;
    for (;;) {
      const to = bytes.indexOf(LINE_FEED, from);
      if (to < 0) break;
      line += 1;
      const part = joined(rest, bytes.subarray(from, to));
      lines.push({ file, line, bytes: part, isWhole: true });
      rest = new Uint8Array();
      from = to + 1;
    }
    rest = joined(rest, bytes.slice(from));
    yield lines;
  }
  if (rest.length > 0) yield [{ file, line: line + 1, bytes: rest, isWhole: false }];
}

function joined(
  one: Uint8Array,
  other: Uint8Array,
): Uint8Array {
  if (one.length === 0) return other.subarray(0, MOST_BYTES);
  const both = new Uint8Array(Math.min(one.length + other.length, MOST_BYTES));
  both.set(one);
  both.set(other.subarray(0, both.length - one.length), one.length);
  return both;
}

/** What of a file decides where it stands. */
interface FileEnds {
  readonly path: string;
  /** When the first record was written; Infinity if there is none. */
  readonly firstMs: number;
  /** The hash that the first record names. */
  readonly prev: string | undefined;
  /** The hashes of its last records. */
  readonly last: ReadonlySet<string>;
}

/**
 * Sorts files as they were written: a file whose first record names a hash of another
 * file's end follows that one, and all others stand by the time of their first records,
 * because a shell lists rotated files with the newest first. The clock may have been set
 * back between two files; a chain is true even then.
 *
 * @param paths a single one, or files that can be read twice
 * @returns the fault is one sentence: a file cannot be read
 */
export async function inWrittenOrder(
  paths: readonly string[],
): Promise<Result<readonly string[], string>> {
  // Standard input cannot be read twice.
  if (paths.length === 1) return ok(paths);
  const files: FileEnds[] = [];
  for (const path of paths) {
    try {
      files.push(await readEnds(path));
    } catch (cause) {
      return err(describeUnread(path, cause));
    }
  }
  return ok(sorted(files).map(({ path }) => path));
}

function sorted(files: readonly FileEnds[]): readonly FileEnds[] {
  const waiting = files.toSorted((one, other) =>
    // Infinity minus itself is no number.
    one.firstMs === other.firstMs ? 0 : one.firstMs < other.firstMs ? -1 : 1
  );
  const isFirst = (file: FileEnds): boolean =>
    !waiting.some((other) => other !== file && follows(file, other));
  const order: FileEnds[] = [];
  while (waiting.length > 0) {
    const before = order.at(-1);
    const next = before && waiting.findIndex((file) => follows(file, before));
    // With none, they name one another in a circle.
    const first = Math.max(0, waiting.findIndex(isFirst));
    const at = next === undefined || next < 0 ? first : next;
    order.push(...waiting.splice(at, 1));
  }
  return order;
}

function follows({ prev }: FileEnds, before: FileEnds): boolean {
  return prev !== undefined && before.last.has(prev);
}

/** Bytes of an end: more than standard output can keep of a write that failed. */
const END_BYTES = 256 * 1024;

async function readEnds(path: string): Promise<FileEnds> {
  const last = new Set<string>();
  using file = await Deno.open(path);
  const { size } = await file.stat();
  await file.seek(Math.max(0, size - END_BYTES), Deno.SeekMode.Start);
  const end = new Uint8Array(END_BYTES);
  const length = await readWhole(file, end);
  for (const bytes of linesOf(end.subarray(0, length))) {
    const link = readChainLink(bytes);
    if (link !== undefined) last.add(link.hash);
  }
  for await (const lines of trailLines(path)) {
    for (const { bytes } of lines) {
      const link = readChainLink(bytes);
      if (link === undefined) continue;
      return { path, firstMs: link.record.atMs, prev: link.prev, last };
    }
  }
  return { path, firstMs: Infinity, prev: undefined, last };
}

async function readWhole(file: Deno.FsFile, into: Uint8Array): Promise<number> {
  let length = 0;
  while (length < into.length) {
    const read = await file.read(into.subarray(length));
    if (read === null) break;
    length += read;
  }
  return length;
}

function* linesOf(bytes: Uint8Array): Generator<Uint8Array> {
  let from = 0;
  for (
    let to = bytes.indexOf(LINE_FEED);
    to >= 0;
    to = bytes.indexOf(LINE_FEED, from)
  ) {
    yield bytes.subarray(from, to);
    from = to + 1;
  }
  yield bytes.subarray(from);
}
