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
import { codeOf, readPage } from "../support/pages.ts";

const page = readPage("docs/log.md");

/** The names in the first column of a table. */
function namesIn(about: string): readonly string[] {
  return page.rowsAbout(about).map(([name]) => codeOf(name));
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

Deno.test("docs/log.md has every level, and the prefix that --log-format journald gives it", () => {
  assert.deepEqual(namesIn("Level"), LOG_LEVELS.toReversed());
  for (const [name = "", , prefix] of page.rowsAbout("Level")) {
    const level = LOG_LEVELS.find((each) => each === codeOf(name));
    assert.ok(level !== undefined, name);
    const line = formatLine("journald", new Date(0), level, "a");
    assert.equal(line, `${codeOf(prefix)}${level.toUpperCase()}: a`);
  }
});

/** The warnings about so many routes that are refused again and again. */
function warnings(routes: number, rounds: number, sentence: string): readonly string[] {
  const log = new CallLog({ now: () => Date.UTC(2026, 10, 24, 10) });
  const result: CallResult = { kind: "refused", sentence };
  const lines: LogLine[] = [];
  for (let call = 0; call < routes * rounds; call += 1) {
    const started = log.start(
      injectCall({
        destination: `10.42.${1 + call % routes}.0/24`,
        via_interface: "vxlan100",
      }),
      FIELDS,
    );
    lines.push(...log.end(started, result));
  }
  return [...lines, ...log.report()].filter(({ level }) => level === "warn")
    .map(({ level, message }) => `${level.toUpperCase()}: ${message}`);
}

Deno.test("docs/log.md shows the lines about a group of calls that are refused again and again", () => {
  const [group, ...more] = page.blocks.filter(({ language }) => language === "text");
  assert.ok(group !== undefined && more.length === 0);
  const all = warnings(250, 12, "Interface 'vxlan100' not found");
  // The first eight have lines of their own.
  assert.deepEqual(group.lines, all.slice(8));
});
