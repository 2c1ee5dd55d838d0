/** A reader that has seen enough, as in `| head`, ends a command silently. */
import assert from "node:assert/strict";
import { runToEnd } from "../support/namespace.ts";
import {
  type ClientCommand,
  clientCommand,
  clientTask,
  repository,
} from "../support/serve_task.ts";
import { partOf } from "../support/suite.ts";
import { openOperatorHost } from "./operator.ts";

/** What ended the writer: its own end, or SIGPIPE. */
const SILENT = /^(0|141)\n$/;

/** Runs a command whose reader leaves at once; the exit code goes to standard error. */
function piped(reader: string, words: readonly string[]): readonly string[] {
  const line = `"$@" | ${reader}; echo "\${PIPESTATUS[0]}" >&2`;
  return ["bash", "-c", line, "bash", ...words];
}

const CLIENTS: readonly (readonly [ClientCommand, ...(readonly string[])])[] = [
  ["status"],
  ["events"],
  ["routes", "--json"],
  ["routes"],
  ["status", "--json"],
  ["status", "--watch"],
  ["addresses", "--free"],
  ["bundle"],
  ["events", "--json"],
];

Deno.test("a client whose reader has left ends silently", async () => {
  await using host = await openOperatorHost();
  await host.show("configure", "10.42.1.0/24");
  await host.show("inject", "10.42.2.0/24", "vxlan100");
  for (const [command, ...options] of partOf(CLIENTS, 2)) {
    const words = piped(":", host.words(command, options));
    const { code, stderr, stdout } = await host.namespace.run(words, {
      env: { NO_COLOR: "1" },
    });
    assert.deepEqual([code, stdout], [0, ""]);
    assert.match(stderr, SILENT, [command, ...options].join(" "));
  }
});

const RECORD = JSON.stringify({
  time: "2026-11-29T10:00:00.000Z",
  sequence: 1,
  rpc: "InjectRoute",
  peer: "127.0.0.1:40112",
  subject: "",
  words: "route add 10.42.2.0/24 dev vxlan100 proto 142",
  outcome: "done",
  failure: "",
  duration_ms: 1.5,
});

/** More than a pipe holds: 64 KiB. */
const LONG_LOG = `${RECORD}\n`.repeat(5_000);

Deno.test("audit of a long log, read by head -1, shows one line and ends silently", async () => {
  for (const options of partOf([[], ["--json"]], 1)) {
    const { code, stderr, stdout } = await runToEnd(
      piped("head -1", clientCommand("audit", ["-", ...options])),
      { stdin: LONG_LOG, env: { NO_COLOR: "1" } },
    );
    assert.equal(code, 0);
    assert.match(stdout, /^[^\n]+\n$/);
    assert.match(stderr, SILENT);
  }
});

const PRINTING: readonly (readonly string[])[] = [
  ["help"],
  ["completions", "bash"],
  ["man"],
  ["status", "--help"],
  ["--version"],
];

Deno.test("what prints a text by itself ends silently as well", async () => {
  const { flags } = clientTask("man");
  for (const words of partOf(PRINTING, 2)) {
    const line = [Deno.execPath(), "run", ...flags, `${repository}/src/main.ts`];
    const { code, stderr } = await runToEnd(piped(":", [...line, ...words]), {
      env: { NO_COLOR: "1" },
    });
    assert.equal(code, 0);
    assert.match(stderr, SILENT, words.join(" "));
  }
});
