import assert from "node:assert/strict";
import { type Finished, runToEnd } from "../support/namespace.ts";
import { clientCommand } from "../support/serve_task.ts";
import { fullTest } from "../support/suite.ts";

const ENV = { NO_COLOR: "1" } as const;

/** Runs what the audit task runs, with a log as its standard input. */
function audit(log: string, ...options: readonly string[]): Promise<Finished> {
  return runToEnd(clientCommand("audit", ["-", ...options]), { stdin: log, env: ENV });
}

/** A record of a route to 10.42.N.0/24. */
function record(octet: number, failure = ""): string {
  return JSON.stringify({
    time: "2026-11-29T10:00:00.000Z",
    sequence: octet + 1,
    rpc: "InjectRoute",
    peer: "127.0.0.1:40112",
    subject: "",
    words: `route add 10.42.${octet}.0/24 dev vxlan100 proto 142`,
    outcome: failure === "" ? "done" : "failed",
    failure,
    duration_ms: 1.5,
  });
}

function shownOf(octet: number, how = "done"): string {
  return "2026-11-29T10:00:00.000Z InjectRoute by 127.0.0.1:40112: added route " +
    `10.42.${octet}.0/24 dev vxlan100 (${how})\n`;
}

Deno.test("audit tells from standard input who changed a route, and ends with 0", async () => {
  const log = `${record(2)}\n${record(3)}\n`;
  assert.deepEqual(await audit(log), {
    code: 0,
    stdout: `${shownOf(2)}${shownOf(3)}`,
    stderr: "",
  });
  assert.deepEqual(await audit(log, "--destination", "10.42.3.7"), {
    code: 0,
    stdout: shownOf(3),
    stderr: "",
  });
  assert.deepEqual(await audit(log, "--outcome", "failed"), {
    code: 0,
    stdout: "",
    stderr: "No record of 2 matches\n",
  });
  assert.deepEqual(await audit(log, "--outcome", "failed", "--json"), {
    code: 0,
    stdout: "",
    stderr: "",
  });
});

Deno.test("audit shows all records but what is none, names that line, and ends with 1; a line that is cut off is no failure", async () => {
  assert.deepEqual(await audit(`${record(2)}\nINFO Starting\n${record(3)}\n`), {
    code: 1,
    stdout: `${shownOf(2)}${shownOf(3)}`,
    stderr:
      "Standard input line 2 is not an audit record and is skipped; check whether the " +
      "file also contains the log (standard error)\n",
  });
  assert.deepEqual(await audit(`${record(2)}\n${record(3).slice(0, 90)}`), {
    code: 0,
    stdout: shownOf(2),
    stderr: "Standard input line 2 is cut off and is skipped\n",
  });
});

Deno.test("audit names a file that the sandbox does not grant, and how to give it", async () => {
  const ran = await runToEnd(clientCommand("audit", ["/etc/hostname"]), { env: ENV });
  assert.deepEqual(ran, {
    code: 1,
    stdout: "",
    stderr: "Cannot read /etc/hostname: the sandbox does not grant it; use " +
      "standard input: - < /etc/hostname, or start with --allow-read=/etc/hostname\n",
  });
});

/** MiB: a sixth of the log. The command itself needs 10. */
const HEAP = "--v8-flags=--max-heap-size=20";

fullTest(
  "audit of 100,000 lines, 60 MB, needs 20 MiB of heap, whether few or all are shown",
  async () => {
    const why = "RTNETLINK answers: No buffer space available ".repeat(9);
    const text = Array.from({ length: 100_000 }, (_, at) => record(at % 250, why))
      .join("\n");
    assert.ok(text.length > 60_000_000, `${text.length}`);
    const bounded = (...options: readonly string[]): Promise<Finished> => {
      const [deno = "", run = "", ...rest] = clientCommand("audit", ["-", ...options]);
      return runToEnd([deno, run, HEAP, ...rest], { stdin: text, env: ENV });
    };
    const few = await bounded("--destination", "10.42.7.0/24");
    assert.deepEqual([few.code, few.stderr], [0, ""]);
    assert.equal(few.stdout, shownOf(7, `failed: ${why}`).repeat(400));
    const all = await bounded("--json");
    assert.deepEqual([all.code, all.stderr], [0, ""]);
    assert.equal(all.stdout.match(/\n/g)?.length, 100_000);
  },
);
