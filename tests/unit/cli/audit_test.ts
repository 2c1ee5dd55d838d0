import assert from "node:assert/strict";
import fc from "fast-check";
import { AuditFaults, readAuditLogs } from "../../../src/cli/audit_files.ts";
import {
  type AuditFilter,
  isSought,
  readFilter,
} from "../../../src/cli/audit_filter.ts";
import {
  type AuditedMutationJson,
  type AuditEndJson,
  type AuditGapJson,
  auditJson,
  type AuditStartJson,
  formatLine,
} from "../../../src/cli/audit_format.ts";
import { type AuditLine, parseAuditLine } from "../../../src/cli/audit_record.ts";
import type { OptionName } from "../../../src/cli/options.ts";
import { AuditLog } from "../../../src/dataplane/audit_log.ts";
import { render } from "../../../src/dataplane/iproute2/commands.ts";
import { encode } from "../../../src/state/table142_codec.ts";
import { chained, endFields, startFields, ZEROS } from "../../support/audit_trails.ts";
import { cidr, collectAuditLog, device } from "../../support/fixtures.ts";

const NOW_MS = Date.parse("2026-11-29T12:00:00Z");

const ADDED = {
  time: "2026-11-29T10:00:00.000Z",
  sequence: 1,
  rpc: "InjectRoute",
  peer: "127.0.0.1:40112",
  subject: "CN=agent",
  words: "route add 10.42.2.0/24 dev vxlan100 proto 142",
  outcome: "done",
  failure: "",
  duration_ms: 1.5,
};

/** A line of a log, as a sidecar writes it. */
function text(variation: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({ ...ADDED, ...variation });
}

function line(variation: Readonly<Record<string, unknown>> = {}): AuditLine {
  return parsed(text(variation));
}

function parsed(text: string): AuditLine {
  const line = parseAuditLine(text);
  assert.ok(line !== undefined, text);
  return line;
}

function filter(options: Readonly<Partial<Record<OptionName, string>>>): AuditFilter {
  const given = new Map<OptionName, string>();
  for (const name of ["destination", "since", "until", "caller", "outcome"] as const) {
    const value = options[name];
    if (value !== undefined) given.set(name, value);
  }
  const read = readFilter(given, NOW_MS);
  assert.ok(read.ok, JSON.stringify(read));
  return read.value;
}

Deno.test("audit shows who did what, when and how it ended, in one line", () => {
  assert.equal(
    formatLine(line()),
    "2026-11-29T10:00:00.000Z InjectRoute by 127.0.0.1:40112, CN=agent: " +
      "added route 10.42.2.0/24 dev vxlan100 (done)",
  );
  assert.equal(
    formatLine(line({
      rpc: "repair",
      peer: "",
      subject: "",
      words: "route del 10.42.2.0/24 dev vxlan100 proto 4 metric 0",
      outcome: "failed",
      failure: "RTNETLINK answers: \u001b[2J",
    })),
    "2026-11-29T10:00:00.000Z the sidecar itself, repair: deleted route 10.42.2.0/24 " +
      "dev vxlan100 of an administrator (static) " +
      "(failed: RTNETLINK answers: \\u001b[2J)",
  );
  const gap = (dropped: number): string => formatLine(line({ dropped }));
  assert.match(
    gap(1),
    /Z 1 line is missing here, because the reader was too slow or a/,
  );
  assert.match(
    gap(12),
    /Z 12 lines are missing here, because the reader was too slow or a/,
  );
});

Deno.test("audit shows the start and the end of the sidecar, as text and as JSON, if nothing but a time is sought", () => {
  const start = parsed(chained(startFields(), ZEROS));
  const end = parsed(chained(endFields(12, 1), ZEROS));
  assert.deepEqual([start, end].map(formatLine), [
    "2026-11-29T10:00:00.000Z the sidecar started: version 0.1.0, options " +
    "--log-level=debug; granted net=127.0.0.1:50051 run=ip",
    "2026-11-29T10:00:00.000Z the sidecar ended: SIGTERM; 12 changes, 1 line lost",
  ]);
  const startJson: AuditStartJson = {
    version: 1,
    kind: "start",
    time: "2026-11-29T10:00:00.000Z",
    schema: 2,
    sidecar: "0.1.0",
    options: ["--log-level=debug"],
    grants: ["net=127.0.0.1:50051", "run=ip"],
  };
  const endJson: AuditEndJson = {
    version: 1,
    kind: "end",
    time: "2026-11-29T10:00:00.000Z",
    reason: "SIGTERM",
    mutations: 12,
    lost: 1,
  };
  assert.deepEqual([start, end].map((each) => JSON.parse(auditJson(each))), [
    startJson,
    endJson,
  ]);
  const other = parsed(JSON.stringify({ ...startFields(), event: "pause\n" }));
  assert.equal(
    formatLine(other),
    "2026-11-29T10:00:00.000Z event of a newer sidecar: pause\\u000a",
  );
  assert.deepEqual(JSON.parse(auditJson(other)), {
    version: 1,
    kind: "other",
    time: "2026-11-29T10:00:00.000Z",
    event: "pause\n",
  });
  for (const each of [start, end, other]) {
    assert.equal(isSought(each, filter({})), true);
    assert.equal(isSought(each, filter({ since: "3h" })), true);
    assert.equal(isSought(each, filter({ since: "1h" })), false);
    for (const [name, value] of [["caller", "sidecar"], ["outcome", "done"]] as const) {
      assert.equal(isSought(each, filter({ [name]: value })), false, name);
    }
    assert.equal(isSought(each, filter({ destination: "0.0.0.0/0" })), false);
  }
  for (const broken of [{ grants: "run" }, { options: [1] }, { schema: 0 }]) {
    assert.equal(
      parseAuditLine(JSON.stringify({ ...startFields(), ...broken })),
      undefined,
    );
  }
  for (const broken of [{ reason: 1 }, { lost: -1 }, { mutations: "1" }]) {
    assert.equal(
      parseAuditLine(JSON.stringify({ ...endFields(1, 0), ...broken })),
      undefined,
    );
  }
});

Deno.test("audit decodes what table 142 keeps in a code", () => {
  const route = { destination: cidr("10.42.2.0/24"), device: device("vxlan100") };
  const [entry] = encode({ kind: "route", route, claimed: false });
  const [subnet] = encode({
    kind: "subnet",
    subnet: cidr("10.42.1.0/24"),
    revision: 7,
    cursor: 12,
  });
  assert.ok(entry !== undefined && subnet !== undefined);
  const shown = (words: string): string | undefined =>
    /: (.*) \(done\)$/.exec(formatLine(line({ words })))?.[1];
  assert.deepEqual(
    [
      render({ kind: "put-entry", entry }),
      render({ kind: "delete-entry", entry }),
      render({ kind: "create-entry", entry: subnet }),
      render({ kind: "put-entry", entry: { ...entry, table: 77 } }),
      "neigh add 10.42.2.1 dev vxlan100 use",
      "words of another version",
    ].map(shown),
    [
      "stored the request for route 10.42.2.0/24 dev vxlan100, unconfirmed",
      "deleted the request for route 10.42.2.0/24",
      "stored subnet 10.42.1.0/24, revision 7, cursor 12",
      "replace unreachable 10.42.2.0/24 in table 77",
      "probed neighbour 10.42.2.1 dev vxlan100",
      "words of another version",
    ],
  );
});

Deno.test("audit --json prints this for a change and for dropped lines, and a field is only ever added", () => {
  const change: AuditedMutationJson = {
    version: 1,
    kind: "mutation",
    time: "2026-11-29T10:00:00.000Z",
    sequence: 1,
    rpc: "InjectRoute",
    peer: "127.0.0.1:40112",
    subject: "CN=agent",
    words: "route add 10.42.2.0/24 dev vxlan100 proto 142",
    outcome: "done",
    failure: "",
    duration_ms: 1.5,
    about: "10.42.2.0/24",
    what: "added route 10.42.2.0/24 dev vxlan100",
    trace_id: "",
  };
  const gap: AuditGapJson = {
    version: 1,
    kind: "gap",
    time: "2026-11-29T10:00:00.000Z",
    dropped: 12,
  };
  assert.deepEqual(JSON.parse(auditJson(line())), change);
  assert.deepEqual(JSON.parse(auditJson(line({ dropped: 12 }))), gap);
  const traceId = "0af7651916cd43dd8448eb211c80319c";
  assert.deepEqual(JSON.parse(auditJson(line({ trace_id: traceId, prev: ZEROS }))), {
    ...change,
    trace_id: traceId,
  });
  // A log of an older sidecar.
  const { duration_ms: _, subject: __, ...older } = ADDED;
  const parsed = parseAuditLine(JSON.stringify(older));
  assert.ok(parsed !== undefined);
  assert.deepEqual(JSON.parse(auditJson(parsed)), {
    ...change,
    subject: "",
    duration_ms: null,
  });
  assert.deepEqual(JSON.parse(auditJson(line({ words: "x" }))), {
    ...change,
    words: "x",
    about: "",
    what: "x",
  });
});

Deno.test("audit reads whatever the sidecar's own audit log writes", () => {
  const anyText = fc.string({ unit: "binary" });
  const entry = fc.record({
    cause: fc.record({ rpc: anyText, peer: anyText, subject: anyText }),
    command: anyText,
    outcome: fc.constantFrom("done", "failed", "unknown", "dry-run"),
    failure: anyText,
    durationMs: fc.nat(),
  });
  fc.assert(fc.property(entry, (written) => {
    const sink = collectAuditLog();
    new AuditLog(sink).record(written);
    const parsed = parseAuditLine(JSON.stringify(sink.records[0]));
    assert.ok(parsed?.kind === "mutation");
    const { cause, command, failure, outcome } = written;
    const { record } = parsed;
    // JSON has no lone surrogate; escaped it comes back as it was.
    assert.deepEqual(
      [record.rpc, record.peer, record.subject, record.words],
      [cause.rpc, cause.peer, cause.subject, command],
    );
    assert.deepEqual([record.outcome, record.failure], [outcome, failure]);
    assert.match(formatLine(parsed), /^[^\p{Cc}]+$/u);
    assert.match(auditJson(parsed), /^[^\p{Cc}]+$/u);
  }));
});

Deno.test("audit --destination finds what is about an address or prefix, a part of it, or what it lies in", () => {
  const found = (destination: string): boolean =>
    isSought(line(), filter({ destination }));
  for (
    const sought of [
      "10.42.2.0/24",
      "10.42.2.0",
      "10.42.2.255",
      "10.42.2.128/25",
      "10.42.0.0/16",
      "0.0.0.0/0",
    ]
  ) assert.equal(found(sought), true, sought);
  for (const other of ["10.42.3.0/24", "10.42.1.255", "10.43.0.0/16"]) {
    assert.equal(found(other), false, other);
  }
  // What these words are about nobody knows.
  assert.equal(
    isSought(line({ words: "x" }), filter({ destination: "10.42.2.0/24" })),
    false,
  );
});

Deno.test("audit --since and --until include their moments, in RFC 3339 or as how long ago", () => {
  const found = (options: Readonly<Partial<Record<OptionName, string>>>): boolean =>
    isSought(line(), filter(options));
  assert.equal(found({ since: "2026-11-29T10:00:00Z" }), true);
  assert.equal(found({ since: "2026-11-29T10:00:00.001Z" }), false);
  assert.equal(found({ until: "2026-11-29T11:00:00+01:00" }), true);
  assert.equal(found({ until: "2026-11-29T09:59:59.999Z" }), false);
  assert.equal(found({ since: "2h" }), true);
  assert.equal(found({ since: "119m" }), false);
  assert.equal(found({ until: "7200s", since: "1d" }), true);
  assert.equal(found({ until: "7201s" }), false);
  assert.equal(found({ since: "2026-11-29" }), true);
  assert.equal(found({ until: "2026-11-29" }), false);
});

Deno.test("audit --caller and --outcome find a part of the RPC, the peer or the subject, and one end", () => {
  const found = (options: Readonly<Partial<Record<OptionName, string>>>): boolean =>
    isSought(line(), filter(options));
  for (const caller of ["Inject", "127.0.0.1", ":40112", "agent"]) {
    assert.equal(found({ caller }), true, caller);
  }
  assert.equal(found({ caller: "10.42.2" }), false, "what was done is no caller");
  assert.equal(found({ outcome: "done" }), true);
  assert.equal(found({ outcome: "failed" }), false);
});

Deno.test("audit shows dropped lines in the time that is sought, whatever else is sought", () => {
  const gap = line({ dropped: 3 });
  const other = { destination: "10.43.0.0/16", caller: "x", outcome: "failed" };
  assert.equal(isSought(gap, filter(other)), true);
  assert.equal(isSought(gap, filter({ ...other, since: "1h" })), false);
});

Deno.test("audit refuses an option that nothing could match, in one sentence", () => {
  const fault = (name: OptionName, value: string): string => {
    const read = readFilter(new Map([[name, value]]), NOW_MS);
    assert.ok(!read.ok, value);
    return read.fault;
  };
  assert.equal(
    fault("destination", "10.42.2.1/24"),
    "--destination 10.42.2.1/24 has host bits set; did you mean 10.42.2.0/24?",
  );
  for (const value of ["", "web-1", "10.42.2.0/33", "::1", "10.42.2", "\u001b"]) {
    assert.match(
      fault("destination", value),
      /^Invalid --destination "[^"]*"; use an IPv4 address such as 10\.42\.2\.7 or a /,
    );
  }
  for (
    const value of [
      "",
      "yesterday",
      "15",
      "15 m",
      "-15m",
      "1.5h",
      "15M",
      "2026-02-30",
      "2026-13-01T00:00:00Z",
      "2026-11-29T10:00:00",
      "2026-11-29T10:00:61Z",
      "2026-11-29T25:00:00Z",
      "2026-11-29 10:00:00Z tomorrow",
    ]
  ) {
    for (const name of ["since", "until"] as const) {
      assert.match(fault(name, value), new RegExp(`^Invalid --${name} ".*"; use RFC`));
    }
  }
  const read = readFilter(new Map([["since", "1h"], ["until", "2h"]]), NOW_MS);
  assert.deepEqual(read, {
    ok: false,
    fault: "--since is later than --until; exchange them",
  });
});

/** What is shown of files with these texts, and the faults; `FILE` is the folder. */
async function readFiles(texts: readonly string[]) {
  const folder = await Deno.makeTempDir();
  const paths = texts.map((_, at) => `${folder}/${at}.log`);
  for (const [at, path] of paths.entries()) {
    await Deno.writeTextFile(path, texts[at] ?? "");
  }
  const faults = new AuditFaults();
  const batches = await readAuditLogs(paths, faults);
  assert.ok(batches.ok, JSON.stringify(batches));
  const lines: AuditLine[] = [];
  for await (const batch of batches.value) lines.push(...batch);
  await Deno.remove(folder, { recursive: true });
  const named = (sentence: string | undefined) =>
    sentence?.replaceAll(`${folder}/`, "");
  return { lines, failure: named(faults.failure), remark: named(faults.remark) };
}

Deno.test("audit reads the file with the oldest first record first, and keeps the order in each", async () => {
  const at = (minute: number, sequence: number): string =>
    text({
      time: `2026-11-29T10:${String(minute).padStart(2, "0")}:00.000Z`,
      sequence,
    });
  const { failure, lines } = await readFiles([
    `${at(30, 4)}\n${at(20, 5)}\n`,
    "",
    `\n\n${at(10, 2)}\n${at(11, 3)}`,
    `${at(1, 1)}\n`,
  ]);
  assert.equal(failure, undefined);
  assert.deepEqual(
    lines.map((each) => each.kind === "mutation" ? each.record.sequence : 0),
    [1, 2, 3, 4, 5],
  );
});

Deno.test("audit names the file and the line of a line that is not a record, counts the rest, and shows the others", async () => {
  const one = await readFiles([`${text()}\n`, `${text()}\nwarn: x\n${text()}\n`]);
  assert.equal(one.lines.length, 3);
  assert.equal(
    one.failure,
    "1.log line 2 is not an audit record and is skipped; check whether the file also " +
      "contains the log (standard error)",
  );
  const several = await readFiles([
    [
      text(),
      "",
      "[]",
      "{}",
      "null",
      "7",
      text({ time: "today" }),
      text({ sequence: 0 }),
      text({ words: null }),
      text({ outcome: "bad" }),
      text(),
    ].join("\n"),
  ]);
  assert.equal(several.lines.length, 2);
  assert.equal(
    several.failure,
    "0.log line 3 and 7 more lines are not audit records and are skipped; check whether " +
      "the file also contains the log (standard error)",
  );
});

Deno.test("audit says that a line is cut off at an end of a file or before dropped lines, and fails for no such line", async () => {
  const whole = text();
  const half = whole.slice(0, 40);
  const gap = text({ dropped: 1 });
  const read = await readFiles([
    `${whole}\n${half}`,
    `${whole.slice(40)}\n${whole}\n${half}\n${gap}\n`,
  ]);
  assert.deepEqual(
    [read.lines.length, read.failure, read.remark],
    [3, undefined, "1.log line 1 and 2 more lines are cut off and are skipped"],
  );
  const alone = await readFiles([`${whole}\n${half}`]);
  assert.equal(alone.remark, "0.log line 2 is cut off and is skipped");
  const inTheMiddle = await readFiles([`${whole}\n${half}\n${whole}\n`]);
  assert.equal(inTheMiddle.remark, undefined);
  assert.match(inTheMiddle.failure ?? "", /^0\.log line 2 is not an audit record/);
});

Deno.test("audit throws for no file", async () => {
  const anyLine = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.json(),
    fc.constantFrom(text(), text({ dropped: 1 }), text().slice(0, 50), "\0\0\0"),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(anyLine, { maxLength: 6 }), async (lines) => {
      const records = lines.flatMap((each) =>
        each.split("\n").filter((part) => parseAuditLine(part) !== undefined)
      );
      const read = await readFiles([lines.join("\n")]);
      assert.equal(read.lines.length, records.length);
    }),
    { numRuns: 200 },
  );
});

Deno.test("audit says why a file cannot be opened or read", async () => {
  const fault = async (path: string): Promise<string> => {
    const read = await readAuditLogs([path], new AuditFaults());
    assert.ok(!read.ok);
    return read.fault;
  };
  assert.equal(await fault("/nowhere"), "Cannot read /nowhere: there is no such file");
  assert.equal(await fault("/tmp"), "Cannot read /tmp: it is a directory; give a file");
});
