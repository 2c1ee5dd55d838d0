/**
 * Random edits of audit trails of several processes in several files: each is found, and
 * its place is right. Who edits knows what was edited, and says where it may be found:
 *
 * - at a line that was edited, or at the line right behind the edit;
 * - at the lines that a failed write left beside it, because no hash covers them: it is
 *   the gap behind them that explains them;
 * - at the last record of a process that lost the records behind it.
 *
 * What cannot be found is not tried here but in audit_verify_test.ts: an edit of a line
 * that no hash covers, whole processes, and a record in front of a gap, which may be one
 * that was counted as lost.
 */
import assert from "node:assert/strict";
import type { Expectations } from "../../../src/cli/audit_chain.ts";
import {
  chained,
  endFields,
  fileOf,
  gapFields,
  hashOf,
  mutationFields,
  startFields,
  type TrailLine,
  writeProcess,
  ZEROS,
} from "../../support/audit_trails.ts";
import { type Random, randomOf } from "../../support/random.ts";
import { bounded } from "../../support/suite.ts";
import { placesOf, verify } from "./verified_trail.ts";

/** A trail in files, each a list of lines. */
interface Trail {
  readonly files: readonly (readonly TrailLine[])[];
  readonly expected: Expectations;
}

function makeTrail(random: Random): Trail {
  const processes = 2 + Math.floor(random() * 4);
  const isRunning = random() < 0.3;
  const lines = Array.from({ length: processes }, (_, process) =>
    writeProcess(random, {
      process,
      lines: 2 + Math.floor(random() * 40),
      hasLosses: random() < 0.6,
      isEnded: !isRunning || process < processes - 1,
    })).flat();
  const files: TrailLine[][] = [[]];
  for (const line of lines) {
    const isWithinFailure = line.kind === "gap" || isUncovered(line);
    if (random() < 0.04 && !isWithinFailure && files.at(-1)?.length !== 0) {
      files.push([]);
    }
    files.at(-1)?.push(line);
  }
  const head = isRunning ? hashOf(lines.at(-1)?.text ?? "") : undefined;
  return { files, expected: { head, after: undefined } };
}

function isRecord({ kind }: TrailLine): boolean {
  return kind !== "cut" && kind !== "empty";
}

/** Whether no hash covers it, so that nobody can find an edit of it. */
function isUncovered({ kind }: TrailLine): boolean {
  return kind === "ghost" || kind === "cut" || kind === "empty";
}

/** A change of a trail by hand. */
interface Edit {
  readonly files: readonly Uint8Array[];
  /** Where it may be found, as `FILE:LINE`. */
  readonly places: ReadonlySet<string>;
  readonly expected: Expectations;
}

/** A line of the whole trail, and its file. */
type Flat = TrailLine & { readonly file: number };

function flatten({ files }: Trail): readonly Flat[] {
  return files.flatMap((lines, file) => lines.map((line) => ({ ...line, file })));
}

/** The trail with these lines, and the edit's places by their indices in it. */
function rebuilt(
  { expected, files }: Trail,
  lines: readonly Flat[],
  at: readonly number[],
): Edit {
  const inFiles = files.map((_, file) => lines.filter((line) => line.file === file));
  const place = (index: number): string => {
    const line = lines[index];
    const number =
      lines.slice(0, index).filter(({ file }) => file === line?.file).length;
    return `${line?.file}:${number + 1}`;
  };
  const known = at.filter((index) => index >= 0 && index < lines.length);
  return { files: inFiles.map(fileOf), places: new Set(known.map(place)), expected };
}

/**
 * What is around an edit in front of an index: the line there now and, if lines that no
 * hash covers stand there, the first one behind them; such lines in front of it, because
 * it is the gap behind them that explains them; the last line of a process that lost its
 * end.
 */
function around(lines: readonly Flat[], index: number): readonly number[] {
  const next = lines.findIndex((line, at) => at >= index && !isUncovered(line));
  const last = lines.slice(0, index).findLastIndex(isRecord);
  const hasLostEnd = lines[last]?.kind !== "end" &&
    lines[index]?.process !== lines[last]?.process;
  const remains = lines.slice(0, index).findLastIndex((line) => !isUncovered(line)) + 1;
  const behind = next < 0 ? index : next;
  return [
    ...lines.keys().filter((at) => at >= remains && at <= behind),
    ...hasLostEnd ? [last] : [],
  ];
}

function pick<Item>(random: Random, items: readonly Item[]): Item {
  const item = items[Math.floor(random() * items.length)];
  assert.ok(item !== undefined);
  return item;
}

/** The indices of lines that a hash covers. */
function covered(lines: readonly Flat[]): readonly number[] {
  return [...lines.keys()].filter((at) => {
    const line = lines[at];
    return line !== undefined && !isUncovered(line);
  });
}

/** Whether only whole processes are missing: of them nothing is left to be found by. */
function isWithoutTrace(before: readonly Flat[], after: readonly Flat[]): boolean {
  const left = new Set(after.map(({ process }) => process));
  return before.every((line) => !left.has(line.process) || after.includes(line));
}

type MakeEdit = (random: Random, trail: Trail) => Edit | undefined;

const removeRun = (most: number): MakeEdit => (random, trail) => {
  const lines = flatten(trail);
  const from = pick(random, covered(lines));
  let count = 1 + Math.floor(random() * most);
  count = Math.min(count, lines.length - from);
  const last = lines[from + count - 1];
  if (last === undefined || isUncovered(last)) return undefined;
  const left = lines.toSpliced(from, count);
  if (left.length === 0 || isWithoutTrace(lines, left)) return undefined;
  return rebuilt(trail, left, around(left, from));
};

const swapLines: MakeEdit = (random, trail) => {
  const lines = flatten(trail);
  const indices = covered(lines);
  const isNear = random() < 0.5;
  const one = pick(random, indices);
  const other = isNear ? indices[indices.indexOf(one) + 1] : pick(random, indices);
  const [first, second] = [lines[one], other === undefined ? undefined : lines[other]];
  if (other === undefined || first === undefined || second === undefined) {
    return undefined;
  }
  if (one === other) return undefined;
  const swapped = lines.with(one, { ...second, file: first.file })
    .with(other, { ...first, file: second.file });
  return rebuilt(
    trail,
    swapped,
    [one, one + 1, other, other + 1].flatMap((at) => around(swapped, at)),
  );
};

const duplicate: MakeEdit = (random, trail) => {
  const lines = flatten(trail);
  const from = pick(random, covered(lines));
  const to = random() < 0.7 ? from + 1 : 1 + pick(random, covered(lines));
  const line = lines[from];
  const before = lines[to - 1];
  if (line === undefined || before === undefined || to <= from) return undefined;
  const copied = lines.toSpliced(to, 0, { ...line, file: before.file });
  return rebuilt(trail, copied, [to, ...around(copied, to + 1)]);
};

const changeByte: MakeEdit = (random, trail) => {
  const lines = flatten(trail);
  const at = pick(random, covered(lines));
  const line = lines[at];
  if (line === undefined) return undefined;
  const { files, places, expected } = rebuilt(trail, lines, [
    ...around(lines, at),
    ...around(lines, at + 1),
  ]);
  const bytes = files[line.file]?.slice();
  assert.ok(bytes !== undefined);
  const inFile = lines.slice(0, at).filter(({ file }) => file === line.file);
  const offset = fileOf(inFile).length + Math.floor(random() * (line.text.length + 1));
  const old = bytes[offset] ?? 0;
  const value = random() < 0.2
    ? 10
    : random() < 0.5
    ? 48 + Math.floor(random() * 10)
    : Math.floor(random() * 256);
  if (old === value) return undefined;
  bytes[offset] = value;
  const edited = new Set(places);
  // Behind it nothing of the process is left: its last record is the one before.
  if (lines[at + 1]?.process !== line.process) {
    const last = covered(lines.slice(0, at)).at(-1) ?? at;
    for (const place of rebuilt(trail, lines, [last]).places) edited.add(place);
  }
  // A line feed more: what was one line are two, and the one behind is a number further.
  if (value === 10) {
    const shifted = around(lines, at + 1).filter((index) =>
      lines[index]?.file === line.file
    )
      .map((index) => `${line.file}:${index - at + inFile.length + 2}`);
    for (const place of [`${line.file}:${inFile.length + 2}`, ...shifted]) {
      edited.add(place);
    }
  }
  if (old === 10) {
    const shifted = around(lines, at + 2).filter((index) =>
      lines[index]?.file === line.file
    )
      .map((index) => `${line.file}:${index - at + inFile.length}`);
    for (const place of shifted) edited.add(place);
    for (const place of rebuilt(trail, lines, around(lines, at + 2)).places) {
      edited.add(place);
    }
  }
  return { expected, files: files.with(line.file, bytes), places: edited };
};

const truncate: MakeEdit = (random, trail) => {
  const lines = flatten(trail);
  const { files } = rebuilt(trail, lines, []);
  const file = Math.floor(random() * files.length);
  const bytes = files[file];
  assert.ok(bytes !== undefined);
  const ends = [...bytes.keys()].filter((at) => bytes[at] === 10).map((at) => at + 1);
  const length = random() < 0.5
    ? pick(random, [0, ...ends])
    : Math.floor(random() * bytes.length);
  if (length >= bytes.length - 1) return undefined;
  const kept = ends.filter((end) => end <= length).length;
  const hasPart = length > (kept === 0 ? 0 : ends[kept - 1] ?? 0);
  const before = lines.filter((line) => line.file < file).length;
  const isLeft = (line: Flat, at: number): boolean =>
    line.file !== file || at < before + kept;
  const left = lines.filter(isLeft);
  if (left.length === 0) return undefined;
  const isWhole = !hasPart && isWithoutTrace(lines, left);
  const isLast = file === files.length - 1;
  if (isWhole && !isLast) return undefined;
  const places = new Set(
    rebuilt(trail, left, [
      ...around(left, before + kept),
      ...isLast ? [left.findLastIndex(isRecord)] : [],
    ]).places,
  );
  if (hasPart) places.add(`${file}:${kept + 1}`);
  const head = hashOf(lines.at(-1)?.text ?? "");
  return {
    files: files.with(file, bytes.slice(0, length)),
    places,
    expected: isWhole ? { head, after: undefined } : trail.expected,
  };
};

const deleteFile: MakeEdit = (random, trail) => {
  const lines = flatten(trail);
  const file = Math.floor(random() * trail.files.length);
  const left = lines.filter((line) => line.file !== file);
  if (left.length === 0) return undefined;
  const isWhole = isWithoutTrace(lines, left);
  const isLast = file === trail.files.length - 1;
  if (isWhole && !isLast) return undefined;
  const from = lines.filter((line) => line.file < file).length;
  const edit = rebuilt(trail, left, [
    ...around(left, from),
    ...isLast ? [left.findLastIndex(isRecord)] : [],
  ]);
  const head = hashOf(lines.at(-1)?.text ?? "");
  return isWhole ? { ...edit, expected: { head, after: undefined } } : edit;
};

const mix: MakeEdit = (random, trail) => {
  const lines = flatten(trail);
  const process = Math.floor(random() * (lines.at(-1)?.process ?? 0));
  const queues = [process, process + 1].map((each) =>
    lines.filter((line) => line.process === each)
  );
  const at = lines.findIndex((line) => line.process === process);
  const mixed: Flat[] = [];
  const count = queues.flat().length;
  while (mixed.length < count) {
    const queue = pick(random, queues);
    // What a failed write left stays together.
    for (const many = 1 + Math.floor(random() * 5); mixed.length < count;) {
      const line = queue.shift();
      if (line === undefined) break;
      const { file } = lines[at + mixed.length] ?? line;
      mixed.push({ ...line, file });
      const next = queue[0];
      const isWithinFailure = next?.kind === "gap" ||
        next !== undefined && isUncovered(next);
      if (!isWithinFailure && random() < 1 / many) break;
    }
  }
  const all = lines.toSpliced(at, count, ...mixed);
  const changes = [...mixed.keys()].filter((index) =>
    index > 0 && mixed[index]?.process !== mixed[index - 1]?.process
  ).map((index) => at + index);
  if (changes.length < 2) return undefined;
  // The last line of a sidecar that still runs may not be the last one any more.
  const ends = trail.expected.head === undefined ? [] : [
    all.length - 1,
    all.indexOf(
      mixed.findLast(({ process: each }) => each !== process) ?? pick(random, mixed),
    ),
  ];
  return rebuilt(trail, all, [...changes, ...ends]);
};

/** A line that no sidecar wrote, with the right hash, an older one, or none at all. */
const insertForged =
  (kinds: readonly TrailLine["kind"][]): MakeEdit => (random, trail) => {
    const lines = flatten(trail);
    const at = 1 + pick(random, covered(lines));
    const before = lines[at - 1];
    const behind = lines[at];
    assert.ok(before !== undefined);
    // Whatever stands in front of a gap may have been counted as lost.
    if (behind !== undefined && (behind.kind === "gap" || isUncovered(behind))) {
      return undefined;
    }
    const older = lines[pick(random, covered(lines.slice(0, at)))];
    const prev = pick(random, [
      hashOf(before.text),
      hashOf(older?.text ?? ""),
      hashOf(`${random()}`),
      ZEROS,
    ]);
    const number = Math.floor(random() * 50);
    const kind = pick(random, kinds);
    const fields = kind === "start"
      ? startFields(number)
      : kind === "gap"
      ? gapFields(1 + number, number)
      : kind === "end"
      ? endFields(number, 0, number)
      : mutationFields(1 + number, number);
    const line: Flat = { ...before, kind, text: chained(fields, prev) };
    const forged = lines.toSpliced(at, 0, line);
    return rebuilt(trail, forged, [at, ...around(forged, at + 1)]);
  };

const EDITS: Readonly<Record<string, MakeEdit>> = {
  "remove a line": removeRun(1),
  "remove a run of lines": removeRun(30),
  "change a byte": changeByte,
  "swap two lines": swapLines,
  "duplicate a line": duplicate,
  "truncate a file": truncate,
  "delete a file": deleteFile,
  "mix two processes": mix,
  "insert a forged record": insertForged(["mutation", "start", "end"]),
  "insert a forged gap": insertForged(["gap"]),
};

/** How many edits of each kind. */
const EDITS_EACH = bounded(1000, 200) / Object.keys(EDITS).length;

for (const [nth, [name, makeEdit]] of Object.entries(EDITS).entries()) {
  Deno.test(`audit verify finds who would ${name}, and says where`, () => {
    for (let [made, seed] = [0, nth * 1_000_003]; made < EDITS_EACH; seed += 1) {
      const random = randomOf(seed);
      const trail = makeTrail(random);
      const whole = verify(trail.files.map(fileOf), trail.expected);
      assert.deepEqual(whole.findings, [], `The trail of seed ${seed} is whole`);
      const edit = makeEdit(random, trail);
      if (edit === undefined) continue;
      made += 1;
      const { findings, summary } = verify(edit.files, edit.expected);
      const wrong = placesOf(findings).filter((place) => !edit.places.has(place));
      const what = `seed ${seed}, edited at ${[...edit.places].join(" ")}, found ` +
        JSON.stringify(findings);
      assert.ok(findings.length > 0, `Not found: ${what}`);
      assert.deepEqual(wrong, [], `Found elsewhere: ${what}`);
      assert.equal(summary.isWhole, false);
    }
  });
}
