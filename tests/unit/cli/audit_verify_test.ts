import assert from "node:assert/strict";
import fc from "fast-check";
import { inWrittenOrder, trailLines } from "../../../src/cli/audit_trail_files.ts";
import {
  findingJson,
  findingLine,
  JSON_BEGINNING,
  jsonEnd,
  summaryLine,
} from "../../../src/cli/audit_verify_format.ts";
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
import { randomOf } from "../../support/random.ts";
import { fullTest } from "../../support/suite.ts";
import { NOTHING_EXPECTED, placesOf, verify } from "./verified_trail.ts";

/** Three processes that ended in order, of 12 lines and an end record each. */
const PROCESSES = [0, 1, 2].map((process) =>
  writeProcess(randomOf(process), {
    process,
    lines: 12,
    hasLosses: false,
    isEnded: true,
  })
);
const [FIRST = [], SECOND = [], THIRD = []] = PROCESSES;

/** The hash of the last of these lines. */
function headOf(lines: readonly TrailLine[]): string {
  return hashOf(lines.at(-1)?.text ?? "");
}

function kindsOf(
  lines: readonly TrailLine[],
  expected = NOTHING_EXPECTED,
): readonly string[] {
  return verify([fileOf(lines)], expected).findings.map(({ kind, place }) =>
    `${kind} ${place.line}`
  );
}

/** Lines of text, as a file. */
function textFile(...lines: readonly string[]): Uint8Array {
  return new TextEncoder().encode(lines.map((line) => `${line}\n`).join(""));
}

Deno.test("audit verify finds nothing in a trail as the sidecar writes it, and counts it", () => {
  assert.deepEqual(verify(PROCESSES.map(fileOf)), {
    findings: [],
    summary: {
      isWhole: true,
      records: 39,
      processes: 3,
      uncovered: 0,
      head: headOf(THIRD),
    },
  });
  assert.equal(verify([]).summary.isWhole, true);
});

Deno.test("audit verify takes lines that were counted as lost and are there for no fault, and counts them", () => {
  const start = chained(startFields(), ZEROS);
  const ghosts = [1, 2].reduce<readonly string[]>(
    (lines, sequence) => [
      ...lines,
      chained(mutationFields(sequence), hashOf(lines.at(-1) ?? start)),
    ],
    [],
  );
  const cut = chained(mutationFields(3), hashOf(ghosts[1] ?? "")).slice(0, 30);
  const gap = (dropped: number): string => chained(gapFields(dropped), hashOf(start));
  const end = (before: string): string => chained(endFields(3, 3), hashOf(before));
  const written = verify([textFile(start, ...ghosts, cut, "", gap(3), end(gap(3)))]);
  assert.deepEqual(written.findings, []);
  assert.equal(written.summary.uncovered, 2);
  // A gap stands for as many lines as it says.
  const tooMany = verify([textFile(start, ...ghosts, gap(1), end(gap(1)))]);
  assert.deepEqual(placesOf(tooMany.findings), ["0:2"]);
  assert.deepEqual(tooMany.findings.map(({ kind }) => kind), ["inserted"]);
  // At most one line is cut.
  const twoCut = verify([textFile(start, cut, cut, gap(3), end(gap(3)))]);
  assert.deepEqual(twoCut.findings.map(({ kind }) => kind), ["not-a-record"]);
});

Deno.test("audit verify takes a gap for the beginning of a process whose start record was lost", () => {
  const gap = chained(gapFields(3), ZEROS);
  const end = chained(endFields(3, 3), hashOf(gap));
  assert.deepEqual(verify([textFile(gap, end)]).findings, []);
  // The start record was counted as lost and is there.
  const start = chained(startFields(), ZEROS);
  const { findings, summary } = verify([textFile(start, gap, end)]);
  assert.deepEqual([findings, summary.processes, summary.uncovered], [[], 1, 1]);
});

Deno.test("audit verify needs the end record of every process, but not of the one whose last hash is --head", () => {
  const running = [...FIRST, ...SECOND.slice(0, -1)];
  assert.deepEqual(kindsOf(running), ["open 25"]);
  const expected = { after: undefined, head: headOf(running) };
  assert.deepEqual(kindsOf(running, expected), []);
  assert.deepEqual(kindsOf(running.slice(0, -1), expected), ["not-head 24", "open 24"]);
  const killed = [...FIRST.slice(0, -1), ...SECOND];
  assert.deepEqual(kindsOf(killed), ["open 12"]);
  assert.deepEqual(kindsOf([], expected), ["not-head 1"]);
});

Deno.test("audit verify wants the beginning of a trail, or the hash that it goes on from", () => {
  const later = [...FIRST.slice(5), ...SECOND];
  assert.deepEqual(kindsOf(later), ["begins-late 1"]);
  const after = headOf(FIRST.slice(0, 5));
  assert.deepEqual(kindsOf(later, { after, head: undefined }), []);
  assert.deepEqual(kindsOf(later.slice(1), { after, head: undefined }), [
    "not-after 1",
  ]);
});

Deno.test("audit verify cannot find that whole processes are missing, but for the last one by --head, and the first one by --after if the files before end in it", () => {
  assert.deepEqual(kindsOf([...FIRST, ...THIRD]), []);
  assert.deepEqual(kindsOf([...SECOND, ...THIRD]), []);
  const last = [...FIRST, ...SECOND];
  assert.deepEqual(kindsOf(last), []);
  const head = headOf(THIRD);
  assert.deepEqual(kindsOf(last, { after: undefined, head }), ["not-head 26"]);
  const after = headOf(FIRST.slice(0, 5));
  assert.deepEqual(kindsOf([...SECOND, ...THIRD], { after, head: undefined }), [
    "not-after 1",
  ]);
});

Deno.test("audit verify finds each byte of an end record that was changed", () => {
  const [end] = THIRD.slice(-1);
  assert.ok(end !== undefined);
  const { text } = end;
  for (let at = 0; at < text.length; at += 1) {
    const digit = text[at] === "7" ? "8" : "7";
    const edited = `${text.slice(0, at)}${digit}${text.slice(at + 1)}`;
    const trail: readonly TrailLine[] = THIRD.with(-1, { ...end, text: edited });
    const lines = kindsOf(trail).map((finding) => finding.split(" ").at(-1));
    assert.ok(lines.includes("13"), `${edited}: ${kindsOf(trail).join()}`);
  }
});

Deno.test("audit verify finds a trail that was made anew by --head alone", () => {
  const expected = { after: undefined, head: headOf(THIRD) };
  const anew = writeProcess(randomOf(7), {
    process: 2,
    lines: 11,
    hasLosses: false,
    isEnded: true,
  });
  assert.deepEqual(kindsOf(anew), []);
  assert.deepEqual(kindsOf(anew, expected), ["not-head 12"]);
});

Deno.test("audit verify cannot tell a record inserted before a gap from one that was counted as lost, but counts it", () => {
  const start = chained(startFields(), ZEROS);
  const forged = chained(mutationFields(1), hashOf(start));
  const gap = chained(gapFields(1), hashOf(start));
  const end = chained(endFields(1, 1), hashOf(gap));
  const { findings, summary } = verify([textFile(start, forged, gap, end)]);
  assert.deepEqual([findings, summary.uncovered], [[], 1]);
});

Deno.test("audit verify says of a trail of schema 1 that it has no hashes, and verifies what follows", () => {
  const old = [1, 2, 3].map((sequence) => JSON.stringify(mutationFields(sequence)));
  const { findings, summary } = verify([textFile(...old), fileOf(FIRST)]);
  assert.deepEqual(findings.map(({ kind }) => kind), ["unchained"]);
  assert.deepEqual(placesOf(findings), ["0:1"]);
  assert.equal(summary.processes, 1);
});

Deno.test("audit verify names one edit once", () => {
  const [, at = ""] = FIRST.map(({ text }) => text);
  const edited = (text: string): readonly TrailLine[] =>
    FIRST.map((line) => line.text === at ? { ...line, text } : line);
  assert.deepEqual(kindsOf(edited(at.replace(/"prev":"./, '"prev":"x'))), [
    "not-a-record 2",
  ]);
  const digit = at.includes('"prev":"0') ? "1" : "0";
  assert.deepEqual(kindsOf(edited(at.replace(/"prev":"./, `"prev":"${digit}`))), [
    "changed 2",
  ]);
  assert.deepEqual(kindsOf(edited(at.replace("done", "gone"))), ["not-a-record 2"]);
  assert.deepEqual(kindsOf(edited(at.replace("InjectRoute", "x"))), ["changed 2"]);
  assert.deepEqual(kindsOf([...FIRST.slice(0, 2), ...FIRST.slice(4)]), ["removed 3"]);
  // What is cut off is not all that is missing.
  const cut = fileOf(FIRST.slice(0, 6)).slice(0, -20);
  const { findings } = verify([cut, fileOf(FIRST.slice(9))]);
  assert.deepEqual(findings.map(({ kind }) => kind), ["cut", "removed"]);
  const only = verify([cut, fileOf(FIRST.slice(6))]);
  assert.deepEqual(only.findings.map(({ kind }) => kind), ["cut"]);
});

Deno.test("audit verify takes an event that it does not know for a record", () => {
  const start = chained(startFields(), ZEROS);
  const other = chained({ ...startFields(), event: "pause" }, hashOf(start));
  const mutation = chained(mutationFields(1), hashOf(other));
  const end = chained(endFields(1, 0), hashOf(mutation));
  assert.deepEqual(verify([textFile(start, other, mutation, end)]).findings, []);
  assert.equal(verify([textFile(start, mutation, end)]).findings.length, 1);
});

Deno.test("audit verify reads what a process appended to the cut line of one that was killed", () => {
  const [line = ""] = FIRST.slice(-2).map(({ text }) => text);
  const [start = "", ...rest] = SECOND.map(({ text }) => text);
  const { findings } = verify([
    fileOf(FIRST.slice(0, -2)),
    textFile(line.slice(0, 40) + start, ...rest),
  ]);
  assert.deepEqual(findings.map(({ kind }) => kind), ["cut", "open"]);
});

Deno.test("audit verify says in one line what is wrong with a record, and what it means", () => {
  const lines = [...FIRST.slice(0, 3), ...FIRST.slice(5)];
  const { findings, summary } = verify([fileOf(lines)]);
  const [finding] = findings;
  assert.ok(finding !== undefined);
  assert.equal(findingLine(finding), "0 line 4: 2 records are missing before this one");
  assert.equal(
    summaryLine(summary, findings.length),
    `11 records of 1 process, not whole: 1 finding; head ${headOf(FIRST)}`,
  );
  assert.deepEqual(
    JSON.parse(`${JSON_BEGINNING}${findingJson(finding)}${jsonEnd(summary)}`),
    {
      version: 1,
      findings: [{
        kind: "removed",
        file: "0",
        line: 4,
        what: "2 records are missing before this one",
      }],
      whole: false,
      records: 11,
      processes: 1,
      uncovered: 0,
      head: headOf(FIRST),
    },
  );
});

Deno.test("audit verify throws for no bytes, and no file leaves it without a sentence", () => {
  const texts = PROCESSES.flat().map(({ text }) => text);
  const line = fc.oneof(
    fc.constantFrom(...texts),
    fc.constantFrom(...texts).map((text) => text.slice(0, 50)),
    fc.constantFrom(ZEROS, hashOf("x"), hashOf(texts[0] ?? "")).map((prev) =>
      chained(gapFields(9), prev)
    ),
    fc.string({ unit: "binary" }),
  );
  fc.assert(fc.property(fc.array(line, { maxLength: 30 }), (lines) => {
    const { findings, summary } = verify([textFile(...lines)]);
    assert.equal(summary.isWhole, findings.length === 0);
    for (const finding of findings) {
      assert.match(findingLine(finding), /^0 line \d+: [^\p{Cc}]+$/u);
      assert.ok(finding.place.line >= 1);
    }
  }));
});

Deno.test("audit verify ends with lines in any order, also if pieces stand before one another", () => {
  const texts = PROCESSES.flat().map(({ text }) => text);
  // In each a line follows one that stands two lines behind it; they once had no end.
  const known = [[5, 34, 4, 24], [2, 10, 1, 16], [36, 5, 35, 38]];
  for (const places of known) {
    const { findings } = verify([textFile(...places.map((at) => texts[at] ?? ""))]);
    assert.notEqual(findings.length, 0);
  }
  const places = fc.array(fc.nat(texts.length - 1), { maxLength: 40 });
  fc.assert(
    fc.property(places, (chosen) => {
      const lines = chosen.map((at) => texts[at] ?? "");
      const { findings, summary } = verify([textFile(...lines)]);
      assert.equal(summary.isWhole, findings.length === 0);
      assert.equal(summary.records, lines.length);
    }),
    { numRuns: 1_000 },
  );
});

/** Files with these lines in a folder of their own; the names count from 0. */
async function filesWith(files: readonly Uint8Array[]) {
  const folder = await Deno.makeTempDir();
  const paths = files.map((_, at) => `${folder}/${at}`);
  for (const [at, path] of paths.entries()) {
    await Deno.writeFile(path, files[at] ?? new Uint8Array());
  }
  return {
    paths,
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

Deno.test("audit verify reads files in the order of their chain, also if the clock was set back, and by their times where no chain goes on", async () => {
  const early = writeProcess(randomOf(1), {
    process: -1,
    lines: 10,
    hasLosses: true,
    isEnded: true,
  });
  // The second file goes on with the process of the third one, at an earlier time.
  const prev = headOf(SECOND.slice(0, 4));
  const setBack = chained(mutationFields(4, -7_200_000), prev);
  const files = [
    fileOf(THIRD),
    textFile(setBack),
    fileOf(SECOND.slice(0, 4)),
    fileOf(early),
    new Uint8Array(),
  ];
  await using folder = await filesWith(files);
  const { paths } = folder;
  const order = await inWrittenOrder(paths);
  assert.ok(order.ok);
  assert.deepEqual(order.value, [3, 2, 1, 0, 4].map((at) => paths[at]));
});

Deno.test("audit verify reads every line of a file byte for byte, wherever the reads end", async () => {
  const lines = Array.from({ length: 40_000 }, (_, at) => `${at} \u00fc \ufffd`);
  await using folder = await filesWith([
    textFile(...lines),
    new TextEncoder().encode("a\n\nb"),
    new Uint8Array(3 * 1024 * 1024),
  ]);
  const [many = "", three = "", long = ""] = folder.paths;
  const read = async (path: string) => {
    const all = [];
    for await (const batch of trailLines(path)) all.push(...batch);
    return all;
  };
  const decoder = new TextDecoder();
  assert.deepEqual(
    (await read(many)).map(({ bytes }) => decoder.decode(bytes)),
    lines,
  );
  assert.deepEqual(
    (await read(three)).map(({ bytes, isWhole, line }) => [
      decoder.decode(bytes),
      line,
      isWhole,
    ]),
    [["a", 1, true], ["", 2, true], ["b", 3, false]],
  );
  assert.deepEqual(
    (await read(long)).map(({ bytes }) => bytes.length),
    [1024 * 1024],
  );
});

fullTest(
  "audit verify needs no more for a long trail with many losses than for a short one, and finds nothing in it",
  () => {
    const lines = writeProcess(randomOf(5), {
      process: 0,
      lines: 60_000,
      hasLosses: true,
      isEnded: true,
    });
    const { findings, summary } = verify([fileOf(lines)]);
    assert.deepEqual(findings, []);
    assert.ok(summary.uncovered > 1000, `${summary.uncovered}`);
  },
);
