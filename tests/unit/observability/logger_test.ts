import assert from "node:assert/strict";
import fc from "fast-check";
import {
  createLogger,
  formatLine,
  LOG_FORMATS,
  LOG_LEVELS,
  type LogFields,
  type LogFormat,
  type LoggerOptions,
  type LogLevel,
} from "../../../src/observability/logger.ts";

/** A logger, and the lines that it has written. */
function open(options: Omit<LoggerOptions, "sink">) {
  const lines: string[] = [];
  const sink = {
    write: (line: string) => void lines.push(line),
    dropped: 0,
    flush: () => Promise.resolve(),
  };
  return { logger: createLogger({ ...options, sink }), lines };
}

function loggedAt(level: LogLevel): readonly string[] {
  const { lines, logger } = open({ level, format: "text" });
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

const FIELDS: LogFields = {
  rpc: "InjectRoute",
  peer: "127.0.0.1:40112",
  destination: "10.42.2.0/24",
  device: "vxlan100",
  finding: undefined,
};

Deno.test("formatLine writes text without the fields, word for word as the contract", () => {
  const line = formatLine("text", new Date(0), "info", "Removed route", FIELDS);
  assert.equal(line, "1970-01-01T00:00:00.000Z INFO: Removed route");
});

Deno.test("formatLine writes for journald a priority of syslog(3) and no time", () => {
  const of = (level: LogLevel) => formatLine("journald", new Date(0), level, "a\n<0>b");
  assert.deepEqual(LOG_LEVELS.map(of), [
    "<7>TRACE: a\\u000a<0>b",
    "<7>DEBUG: a\\u000a<0>b",
    "<6>INFO: a\\u000a<0>b",
    "<4>WARN: a\\u000a<0>b",
    "<3>ERROR: a\\u000a<0>b",
  ]);
});

Deno.test("formatLine writes JSON with the fields that are known behind the message", () => {
  assert.equal(
    formatLine("json", new Date(0), "info", "Removed route", FIELDS),
    '{"time":"1970-01-01T00:00:00.000Z","level":"info","message":"Removed route",' +
      '"rpc":"InjectRoute","peer":"127.0.0.1:40112","destination":"10.42.2.0/24",' +
      '"device":"vxlan100"}',
  );
});

Deno.test("createLogger adds the trace of each line to its JSON, and to no text", () => {
  const written = (format: LogFormat, ids: (string | undefined)[]) => {
    const { lines, logger } = open({
      ...{ level: "info", format },
      traceId: () => ids.shift(),
    });
    logger.log("debug", "below the level");
    for (const message of ["a", "b"]) {
      logger.log("info", message, { rpc: "RemoveRoute" });
    }
    return lines;
  };
  const [traced, untraced] = written("json", ["4bf92f35", undefined]);
  assert.match(
    traced ?? "",
    /"message":"a","rpc":"RemoveRoute","trace_id":"4bf92f35"}$/,
  );
  assert.match(untraced ?? "", /"message":"b","rpc":"RemoveRoute"}$/);
  assert.match(written("text", ["4bf92f35"]).join("\n"), /^\S+ INFO: a\n\S+ INFO: b$/);
});

Deno.test("createLogger hands each line that it writes to onLine as well", () => {
  const taken: unknown[] = [];
  const { logger } = open({
    ...{ level: "info", format: "text" },
    traceId: () => "4bf92f35",
    onLine: (...line) => void taken.push(line),
  });
  logger.log("debug", "below the level");
  logger.log("warn", "a", { device: "vxlan100" });
  assert.deepEqual(taken, [
    ["warn", "a", { device: "vxlan100", trace_id: "4bf92f35" }],
  ]);
});

Deno.test("formatLine writes JSON with exactly time, level and message without fields", () => {
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
      fc.constantFrom(...LOG_FORMATS),
      (message, format) => {
        const fields = { device: message };
        const line = formatLine(format, new Date(0), "error", message, fields);
        assert.doesNotMatch(line, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
        if (format !== "json") return;
        const { device, message: parsed } = JSON.parse(line);
        assert.deepEqual([device, parsed], [message, message]);
      },
    ),
  );
});
