import assert from "node:assert/strict";
import { earlyLine } from "../../../src/cli/early_line.ts";

Deno.test("earlyLine is the sentence itself, unless the command line asks for JSON", () => {
  for (
    const args of [
      [],
      ["serve", "--log-format", "text"],
      ["serve", "--log-format"],
      ["json", "--log-format"],
      ["serve", "json"],
    ]
  ) {
    assert.equal(earlyLine(args, "Cannot start"), "Cannot start");
  }
});

Deno.test("earlyLine is an object of the log if the command line asks for JSON", () => {
  for (
    const args of [
      ["serve", "--log-format", "json", "--nope"],
      ["--nope", "--log-format=json"],
    ]
  ) {
    const { level, message, time } = JSON.parse(earlyLine(args, 'Cannot "start"'));
    assert.deepEqual([level, message], ["error", 'Cannot "start"']);
    assert.equal(new Date(time).toISOString(), time);
  }
});
