/** docs/log.md against what writes the log. */
import assert from "node:assert/strict";
import { CallLog, type CallResult } from "../../src/api/call_log.ts";
import { injectCall } from "../../src/api/quilt_runtime/log_lines.ts";
import {
  formatLine,
  LOG_FORMATS,
  LOG_LEVELS,
  type LogFields,
  type LogLine,
} from "../../src/observability/logger.ts";
import { readMarkdown } from "../support/markdown.ts";
import { repository } from "../support/serve_task.ts";

const page = readMarkdown(Deno.readTextFileSync(`${repository}/docs/log.md`));

/** The first cells of a table, without the marks of code. */
function namesIn(about: string): readonly string[] {
  return page.rows.filter((row) => row.about === about)
    .flatMap(({ cells: [names = ""] }) => names.replaceAll("`", "").split(", "));
}

/** Every field, so that one more does not compile without its name here. */
const FIELDS = {
  rpc: "InjectRoute",
  peer: "127.0.0.1:40112",
  destination: "10.42.2.0/24",
  device: "vxlan100",
  finding: "device-down",
  trace_id: "4bf92f3577b34da6a3ce929d0e0e4736",
} as const satisfies Required<LogFields>;

Deno.test("docs/log.md names every format, and every field of JSON in its order", () => {
  assert.deepEqual(namesIn("Format"), LOG_FORMATS);
  const line = formatLine("json", new Date(0), "info", "", FIELDS);
  assert.deepEqual(namesIn("Field"), Object.keys(JSON.parse(line)));
});

Deno.test("docs/log.md has the prefix of each level that --log-format journald writes", () => {
  assert.deepEqual(namesIn("Level").toSorted(), LOG_LEVELS.toSorted());
  for (const { about, cells: [levels = "", prefix = ""] } of page.rows) {
    if (about !== "Level") continue;
    for (const level of levels.replaceAll("`", "").split(", ")) {
      const known = LOG_LEVELS.find((each) => each === level);
      assert.ok(known !== undefined, level);
      const line = formatLine("journald", new Date(0), known, "a");
      assert.equal(line, `${prefix.replaceAll("`", "")}${known.toUpperCase()}: a`);
    }
  }
});

Deno.test("docs/log.md shows a JSON line as it is written", () => {
  const { rpc, peer, destination, device } = FIELDS;
  const message = `Added route: ${destination} dev ${device} (index: 2)`;
  const fields = { rpc, peer, destination, device };
  const line = formatLine(
    "json",
    new Date("2026-11-24T10:00:00Z"),
    "info",
    message,
    fields,
  );
  const shown = page.blocks.find(({ language }) => language === "jsonl");
  assert.deepEqual(shown?.lines, [line]);
});

/** The warnings about so many routes that are refused again and again. */
function warnings(routes: number, rounds: number, sentence: string): readonly string[] {
  const log = new CallLog({ now: () => Date.UTC(2026, 10, 24, 10) });
  const result: CallResult = { kind: "refused", sentence };
  const lines: LogLine[] = [];
  const first = routes === 1 ? 2 : 1;
  for (let call = 0; call < routes * rounds; call += 1) {
    const started = log.start(
      injectCall({
        destination: `10.42.${first + call % routes}.0/24`,
        via_interface: "vxlan100",
      }),
      FIELDS,
    );
    lines.push(...log.end(started, result));
  }
  return [...lines, ...log.report()].filter(({ level }) => level === "warn")
    .map(({ level, message }) => `${level.toUpperCase()}: ${message}`);
}

Deno.test("docs/log.md shows the lines about calls that are refused again and again", () => {
  const [one, many] = page.blocks.filter(({ language }) => language === "text");
  assert.deepEqual(
    one?.lines,
    warnings(1, 57, "Interface 'vxlan100' is down").slice(1),
  );
  assert.deepEqual(
    many?.lines,
    warnings(250, 12, "Interface 'vxlan100' not found").slice(8),
  );
});
