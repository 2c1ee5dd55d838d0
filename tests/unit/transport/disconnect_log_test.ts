import assert from "node:assert/strict";
import { cutTeller, describeWorn } from "../../../src/transport/disconnect_log.ts";
import type { LogLevel } from "../../../src/observability/logger.ts";

Deno.test("cutTeller warns of each reason once a minute, and tells the others at debug", () => {
  const told: (readonly [LogLevel, string])[] = [];
  const tell = cutTeller({
    log: (level, message) => told.push([level, message]),
    flush: () => Promise.resolve(),
  });
  tell("127.0.0.1:1", "frames without calls");
  tell("127.0.0.1:2", "frames without calls");
  tell("127.0.0.1:3", "untaken answers");
  assert.deepEqual(told.map(([level]) => level), ["warn", "debug", "warn"]);
  assert.equal(
    told[0]?.[1],
    "Cut off client 127.0.0.1:1: it sent hundreds of HTTP/2 frames that belong to no call",
  );
});

Deno.test("describeWorn promises that routes stay only where they do", () => {
  assert.match(describeWorn(6_000, false), /^6000 connections .*, its routes stay$/);
  assert.match(
    describeWorn(6_000, true),
    /, --remove-routes-on-exit removes its routes then$/,
  );
});
