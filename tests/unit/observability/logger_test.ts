import assert from "node:assert/strict";
import fc from "fast-check";
import {
  createLogger,
  formatLine,
  LOG_LEVELS,
  type LogLevel,
} from "../../../src/observability/logger.ts";

function loggedAt(level: LogLevel): readonly string[] {
  const lines: string[] = [];
  const sink = {
    write: (line: string) => void lines.push(line),
    dropped: 0,
    flush: () => Promise.resolve(),
  };
  const logger = createLogger({ level, format: "text", sink });
  for (const each of LOG_LEVELS) {
    logger.log(each, "message");
    assert.equal(
      logger.isEnabled?.(each),
      lines.at(-1)?.includes(each.toUpperCase()) ?? false,
    );
  }
  return lines.map((line) => line.split(" ")[1] ?? "");
}

Deno.test("formatLine writes text as a UTC timestamp, the level and the message", () => {
  assert.equal(
    formatLine("text", new Date(0), "info", "Removed route: 10.42.2.0/24"),
    "1970-01-01T00:00:00.000Z INFO: Removed route: 10.42.2.0/24",
  );
});

Deno.test("formatLine writes JSON with exactly time, level and message", () => {
  const line = formatLine("json", new Date(0), "warn", 'a "b"\n\u009b\u2028');
  assert.deepEqual(JSON.parse(line), {
    time: "1970-01-01T00:00:00.000Z",
    level: "warn",
    message: 'a "b"\n\u009b\u2028',
  });
});

Deno.test("createLogger writes lines of its level and above", () => {
  assert.deepEqual(loggedAt("trace"), ["TRACE:", "DEBUG:", "INFO:", "WARN:", "ERROR:"]);
  assert.deepEqual(loggedAt("warn"), ["WARN:", "ERROR:"]);
  assert.deepEqual(loggedAt("error"), ["ERROR:"]);
});

Deno.test("formatLine escapes what could begin a line or control a terminal", () => {
  assert.equal(
    formatLine("text", new Date(0), "info", "a\nINFO: b\r\u001b[2J\u202e\u{e0001}"),
    "1970-01-01T00:00:00.000Z INFO: " +
      "a\\u000aINFO: b\\u000d\\u001b[2J\\u202e\\udb40\\udc01",
  );
});

Deno.test("formatLine returns one line without control characters for any message", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "binary" }),
      fc.constantFrom("text" as const, "json" as const),
      (message, format) => {
        const line = formatLine(format, new Date(0), "error", message);
        assert.doesNotMatch(line, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
        if (format === "json") assert.equal(JSON.parse(line).message, message);
      },
    ),
  );
});
