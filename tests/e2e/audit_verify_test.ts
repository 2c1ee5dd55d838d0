import assert from "node:assert/strict";
import {
  chained,
  endFields,
  fileOf,
  gapFields,
  hashOf,
  mutationFields,
  startFields,
  type TrailFields,
  type TrailLine,
  writeProcess,
  ZEROS,
} from "../support/audit_trails.ts";
import { objectAt, parseJsonObject, stringAt } from "../../deploy/json.ts";
import { type Finished, runToEnd } from "../support/namespace.ts";
import { type Random, randomOf } from "../support/random.ts";
import { clientCommand } from "../support/serve_task.ts";
import { fullTest } from "../support/suite.ts";
import { until } from "../support/wait.ts";
import { LAUNCHED, openOperatorHost } from "./operator.ts";

const decoder = new TextDecoder();

function processOf(process: number, lines: number, random: Random): string {
  const hasLosses = process % 2 === 1;
  const written: readonly TrailLine[] = writeProcess(random, {
    process,
    lines,
    hasLosses,
    isEnded: true,
  });
  return decoder.decode(fileOf(written));
}

/** The lines of two processes. */
const TRAIL = [0, 1].flatMap((process) =>
  processOf(process, 40, randomOf(process + 1)).split("\n").slice(0, -1)
);
const HEAD = hashOf(TRAIL.at(-1) ?? "");

/** Runs what the audit task runs, with a trail as its standard input. */
function verify(
  trail: readonly string[],
  ...options: readonly string[]
): Promise<Finished> {
  return runToEnd(clientCommand("audit", ["verify", "-", ...options]), {
    stdin: trail.map((line) => `${line}\n`).join(""),
    env: { NO_COLOR: "1" },
  });
}

Deno.test("audit verify says of a trail on standard input that it is whole and ends with 0, or where it is not and ends with 1", async () => {
  const whole = await verify(TRAIL);
  assert.deepEqual([whole.code, whole.stderr], [0, ""]);
  assert.match(whole.stdout, /^\d+ records of 2 processes, whole; /);
  assert.ok(whole.stdout.endsWith(`; head ${HEAD}\n`), whole.stdout);
  const torn = await verify(TRAIL.toSpliced(10, 1));
  assert.deepEqual([torn.code, torn.stderr], [1, ""]);
  assert.match(
    torn.stdout,
    /^Standard input line 11: 1 record is missing before this one\n\d+ records of 2 .*, not whole: 1 finding/,
  );
  assert.equal((await verify(TRAIL, "--head", HEAD)).code, 0);
  assert.equal((await verify(TRAIL, "--head", ZEROS)).code, 1);
});

Deno.test("audit verify --json prints one document with every finding, text the first 20", async () => {
  const lines = TRAIL.flatMap((line) => [line, line]);
  const { code, stdout } = await verify(lines, "--json");
  const document = parseJsonObject(stdout);
  assert.deepEqual([code, document["version"], document["whole"]], [1, 1, false]);
  const { findings } = document;
  assert.ok(Array.isArray(findings));
  const shown = (await verify(lines)).stdout.trimEnd().split("\n");
  assert.equal(shown.length, 22);
  assert.equal(shown.at(-2), `and ${findings.length - 20} more, which --json lists`);
  const whole = parseJsonObject((await verify(TRAIL, "--json")).stdout);
  assert.deepEqual([whole["whole"], whole["findings"], whole["head"]], [
    true,
    [],
    HEAD,
  ]);
});

Deno.test("audit verify refuses a wrong command line in one sentence, and names a file that it cannot read", async () => {
  const run = async (...words: readonly string[]) => {
    const { code, stderr, stdout } = await runToEnd(
      clientCommand("audit", ["verify", ...words]),
      { stdin: "", env: { NO_COLOR: "1" } },
    );
    assert.equal(stdout.includes("whole;"), false);
    return [code, stderr];
  };
  assert.deepEqual(await run("-", "--head", "abc"), [
    2,
    'Invalid --head "abc"; use 64 lower-case hex digits\n',
  ]);
  assert.deepEqual(await run("-", "--after", `${ZEROS}0`), [
    2,
    `Invalid --after "${ZEROS}…"; use 64 lower-case hex digits\n`,
  ]);
  assert.deepEqual(await run("-", "x"), [
    2,
    "Cannot sort standard input among files; give either - or files\n",
  ]);
  assert.deepEqual(await run("/etc/hostname"), [
    1,
    "Cannot read /etc/hostname: the sandbox does not grant it; use " +
    "standard input: - < /etc/hostname, or start with --allow-read=/etc/hostname\n",
  ]);
});

Deno.test("quilt-sidecar audit verify reads rotated files in any order, and quilt-sidecar audit a file that is called verify", async () => {
  const folder = await Deno.makeTempDir();
  const names = ["old", "older", "verify"].map((name) => `${folder}/${name}`);
  const [old = "", older = "", newest = ""] = names;
  const parts = [TRAIL.slice(0, 15), TRAIL.slice(15, 60), TRAIL.slice(60)];
  for (const [at, path] of [older, old, newest].entries()) {
    await Deno.writeTextFile(path, `${parts[at]?.join("\n")}\n`);
  }
  const run = (...words: readonly string[]): Promise<Finished> =>
    runToEnd(["sh", "-c", 'cd "$0" && exec "$@"', folder, LAUNCHED.program, ...words], {
      env: LAUNCHED.env,
    });
  const verified = await run("audit", "verify", "verify", "old", "older");
  assert.deepEqual([verified.code, verified.stderr], [0, ""]);
  const torn = await run("audit", "verify", "verify", "older");
  assert.equal(torn.code, 1);
  assert.match(torn.stdout, /^verify line 1: /);
  const shown = await run("audit", "./verify");
  assert.equal(shown.code, 0, shown.stderr);
  assert.match(shown.stdout, /the sidecar ended: SIGTERM/);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("audit verify finds the trail of a real sidecar whole: while it runs by the head that it tells, and at its end", async () => {
  await using host = await openOperatorHost();
  const { run, show, sidecar } = host;
  await show("configure", "10.42.1.0/24");
  await show("inject", "10.42.2.0/24", "vxlan100");
  const head = await until(async () => {
    const status = parseJsonObject(await show("status", "--json"));
    const reported = stringAt(objectAt(status, "audit"), "head");
    return reported === hashOf(sidecar.audit.at(-1) ?? "") && reported;
  }, { what: "the last record" });
  const running = await verify(sidecar.audit, "--head", head);
  assert.deepEqual([running.code, running.stderr], [0, ""], running.stdout);
  const open = await verify(sidecar.audit);
  assert.equal(open.code, 1);
  assert.match(open.stdout, /has no end record behind this one: it still runs, /);
  await run("remove", ["10.42.2.0/24"]);
  assert.equal((await sidecar.stop()).code, 0);
  const ended = await verify(sidecar.audit);
  assert.deepEqual([ended.code, ended.stderr], [0, ""], ended.stdout);
  const edited = sidecar.audit.map((line) =>
    line.replace("InjectRoute", "RemoveRoute")
  );
  assert.equal((await verify(edited)).code, 1);
});

/** MiB of heap. The command itself needs 10. */
const HEAP = "--v8-flags=--max-heap-size=20";

/** MiB of memory in all; 95 were measured, for 100,000 mutations as for a million. */
const MOST_MEMORY = 200;

/**
 * Verifies a trail of so many mutations as it is made, of which each tenth is counted as
 * lost but present; returns the most memory in MiB.
 */
async function verifyMany(mutations: number): Promise<number> {
  const [deno = "", run = "", ...rest] = clientCommand("audit", ["verify", "-"]);
  const child = new Deno.Command(deno, {
    args: [run, HEAP, ...rest],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = child.output();
  const input = child.stdin.getWriter();
  const encoder = new TextEncoder();
  let [prev, memory] = [ZEROS, 0];
  const put = (fields: TrailFields): string => {
    const line = chained(fields, prev);
    prev = hashOf(line);
    return `${line}\n`;
  };
  let text = put(startFields());
  for (let sequence = 1; sequence <= mutations; sequence += 1) {
    const fields = mutationFields(sequence);
    text += sequence % 10 > 0
      ? put(fields)
      : `${chained(fields, prev)}\n${put(gapFields(1))}`;
    if (sequence % 10_000 > 0) continue;
    await input.write(encoder.encode(text));
    text = "";
    const status = await Deno.readTextFile(`/proc/${child.pid}/status`);
    memory = Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
  }
  const lost = mutations / 10;
  await input.write(encoder.encode(put(endFields(mutations, lost))));
  await input.close();
  const { code, stderr, stdout } = await output;
  assert.deepEqual([code, decoder.decode(stderr)], [0, ""]);
  assert.equal(
    decoder.decode(stdout),
    `${mutations + lost + 2} records of 1 process, whole; ${lost} records counted as ` +
      `lost but present, and not covered by the chain; head ${prev}\n`,
  );
  return memory;
}

fullTest(
  "audit verify of a million mutations needs 20 MiB of heap, and no more memory than 100,000",
  async () => {
    const few = await verifyMany(100_000);
    const many = await verifyMany(1_000_000);
    assert.ok(few > 20 && many < MOST_MEMORY, `${few} MiB and ${many} MiB`);
    assert.ok(many < few * 1.5, `${few} MiB and ${many} MiB`);
  },
);
