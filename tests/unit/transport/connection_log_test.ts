import assert from "node:assert/strict";
import type { LogFields, Logger, LogLevel } from "../../../src/observability/logger.ts";
import {
  describeSessionLimit,
  disconnectLogger,
  handshakeErrorLogger,
} from "../../../src/transport/connection_log.ts";

/** A logger, and what was logged. */
function open() {
  const lines: (readonly [LogLevel, string, LogFields?])[] = [];
  const logger: Logger = {
    log: (level, message, fields = {}) => lines.push([level, message, fields]),
    flush: () => Promise.resolve(),
  };
  return { lines, logger };
}

Deno.test("disconnectLogger warns of each reason once a minute, and logs the others at debug", () => {
  const { lines, logger } = open();
  const log = disconnectLogger(logger);
  log("127.0.0.1:1", "frames without calls");
  log("127.0.0.1:2", "frames without calls");
  log("127.0.0.1:3", "untaken answers");
  assert.deepEqual(lines.map(([level]) => level), ["warn", "debug", "warn"]);
  assert.equal(
    lines[0]?.[1],
    "Cut off client 127.0.0.1:1: it sent hundreds of HTTP/2 frames that belong to no call",
  );
  assert.deepEqual(lines[0]?.[2], { peer: "127.0.0.1:1" });
});

Deno.test("handshakeErrorLogger warns of each kind once a minute, and logs a client that hung up at debug", () => {
  const { lines, logger } = open();
  const log = handshakeErrorLogger(logger);
  log({ kind: "closed", message: "socket hang up" });
  log({ kind: "not-tls" });
  log({ kind: "not-tls" });
  log({ kind: "no-certificate" });
  assert.deepEqual(lines.map(([level]) => level), ["debug", "warn", "debug", "warn"]);
  assert.deepEqual(lines.slice(0, 2).map(([, message]) => message), [
    "Refused a TLS client: socket hang up",
    "Refused a TLS client: it does not speak TLS; connect with TLS",
  ]);
});

Deno.test("describeSessionLimit says that routes stay only if they do", () => {
  assert.match(
    describeSessionLimit(6_000, false),
    /^Deno keeps .* 6000 connections .*, its routes stay$/,
  );
  assert.match(
    describeSessionLimit(6_000, true),
    /, --remove-routes-on-exit removes its routes then$/,
  );
});
