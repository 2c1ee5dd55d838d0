import assert from "node:assert/strict";
import { describeUnexpectedError, formatEarlyError } from "../../../src/cli/exit.ts";

Deno.test("formatEarlyError returns the message if the command line does not ask for JSON", () => {
  for (
    const args of [
      [],
      ["serve", "--log-format", "text"],
      ["serve", "--log-format"],
      ["json", "--log-format"],
      ["serve", "json"],
    ]
  ) {
    assert.equal(formatEarlyError(args, "Cannot start"), "Cannot start");
  }
});

Deno.test("formatEarlyError returns a JSON line of the log if the command line asks for JSON", () => {
  for (
    const args of [
      ["serve", "--log-format", "json", "--nope"],
      ["--nope", "--log-format=json"],
    ]
  ) {
    const { level, message, time } = JSON.parse(
      formatEarlyError(args, 'Cannot "start"'),
    );
    assert.deepEqual([level, message], ["error", 'Cannot "start"']);
    assert.equal(new Date(time).toISOString(), time);
  }
});

Deno.test("formatEarlyError returns a line for journald if the command line asks for it", () => {
  for (const words of [["--log-format", "journald"], ["--log-format=journald"]]) {
    assert.equal(
      formatEarlyError(["serve", ...words, "--nope"], "Cannot start"),
      "<3>ERROR: Cannot start",
    );
  }
});

Deno.test("describeUnexpectedError names the task with the grants if one is missing", () => {
  const cause = new Deno.errors.NotCapable(
    "Requires net access, run again with --allow-net",
  );
  assert.equal(
    describeUnexpectedError(cause, "health"),
    "The sandbox lacks a grant: Requires net access; use deno task health (see docs/security.md)",
  );
});

Deno.test("describeUnexpectedError puts any other error on one line", () => {
  assert.equal(
    describeUnexpectedError(new TypeError("a\n  b"), "serve"),
    "The sidecar stops because of an unexpected error: TypeError: a b",
  );
  assert.equal(
    describeUnexpectedError("odd", "status"),
    "status stops because of an unexpected error: odd",
  );
});
