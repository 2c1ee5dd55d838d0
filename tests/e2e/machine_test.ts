import assert from "node:assert/strict";
import { NAMES, uniqueName } from "../support/guard.ts";
import { type Finished, runToEnd } from "../support/namespace.ts";
import { repository } from "../support/serve_task.ts";

const runner = `${repository}/tests/run.ts`;

/** A directory that is gone afterwards. */
function temporaryDirectory(): Disposable & { readonly path: string } {
  const path = Deno.makeTempDirSync();
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}

function writeProgram(path: string, script: string): void {
  Deno.writeTextFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

/** Runs the runner itself on one test file, with programs that stand in for others. */
function runRunner(path: string, args: readonly string[]): Promise<Finished> {
  const words = [
    Deno.execPath(),
    "run",
    "--cached-only",
    "-A",
    runner,
    "quick",
    ...args,
  ];
  // With the names of this run it would take what other tests make for its own.
  return runToEnd(words, { env: { PATH: path, [NAMES]: uniqueName() } });
}

const usualPath = Deno.env.get("PATH") ?? "";

Deno.test("without root and without user namespaces one sentence says so", async () => {
  using stub = temporaryDirectory();
  const refuse = "unshare: unshare failed: Operation not permitted";
  writeProgram(
    `${stub.path}/unshare`,
    `[ "$1" = -V ] || { echo '${refuse}' >&2; exit 1; }`,
  );
  const { code, stdout, stderr } = await runRunner(`${stub.path}:${usualPath}`, [
    "x.ts",
  ]);
  assert.equal(code, 1);
  assert.equal(stdout, "");
  assert.match(
    stderr,
    /^The tests need namespaces of their own: run them as root, .*\.\n$/,
  );
});

for (
  const [tool, debian] of [
    ...[["ip", "iproute2"], ["unshare", "util-linux"], ["setpriv", "util-linux"]],
  ]
) {
  Deno.test(`without ${tool} one sentence names Debian's ${debian}`, async () => {
    using stub = temporaryDirectory();
    for (const other of ["ip", "unshare", "setpriv", "mount"]) {
      if (other !== tool) writeProgram(`${stub.path}/${other}`, "exit 0");
    }
    const { code, stdout, stderr } = await runRunner(stub.path, ["x.ts"]);
    assert.equal(code, 1);
    assert.equal(stdout, "");
    assert.equal(
      stderr,
      `The tests need the program ${tool}: apt-get install ${debian}\n`,
    );
  });
}

Deno.test("the runner counts passed, failed and skipped tests, and fails", async () => {
  using folder = temporaryDirectory();
  const file = `${folder.path}/mixed_test.ts`;
  Deno.writeTextFileSync(
    file,
    `Deno.test("good", () => {});
Deno.test("bad", () => { throw new Error("bad"); });
Deno.test.ignore("later", () => {});\n`,
  );
  const { code, stdout } = await runRunner(usualPath, [file]);
  assert.equal(code, 1, stdout);
  assert.match(stdout, /\n1 passed, 1 failed, 1 skipped\n$/);
});

Deno.test("a run without any test is a failure", async () => {
  using folder = temporaryDirectory();
  const { code, stdout } = await runRunner(usualPath, [folder.path]);
  assert.equal(code, 1, stdout);
  assert.match(stdout, /^0 passed, 1 failed\n$/m);
});

Deno.test("a test runs apart from the machine's links and can make namespaces", async () => {
  using folder = temporaryDirectory();
  const file = `${folder.path}/apart_test.ts`;
  const links = "new Deno.Command('ip', { args: ['-o', 'link'] }).outputSync().stdout";
  const netns = "new Deno.Command('ip', { args: ['netns', 'add', 'a'] }).outputSync()";
  Deno.writeTextFileSync(
    file,
    `Deno.test("apart", () => {
  const lines = new TextDecoder().decode(${links}).trim().split("\\n");
  if (lines.length !== 1 || !lines[0].includes(" lo: ")) throw new Error(lines.join());
  if (!${netns}.success) throw new Error("netns");
});\n`,
  );
  const { code, stdout } = await runRunner(usualPath, ["--no-check", file]);
  assert.equal(code, 0, stdout);
  assert.match(stdout, /\n1 passed, 0 failed\n$/);
});

Deno.test("a change of the machine is a failure of the run, which says what it was", async () => {
  using folder = temporaryDirectory();
  const file = `${folder.path}/good_test.ts`;
  Deno.writeTextFileSync(file, `Deno.test("good", () => {});\n`);
  // Answers every question about the machine differently from the time before.
  writeProgram(`${folder.path}/ip`, "date +%s%N");
  const { code, stdout } = await runRunner(`${folder.path}:${usualPath}`, [file]);
  assert.equal(code, 1, stdout);
  assert.match(
    stdout,
    /\nThe machine itself was changed meanwhile:\n(- \d+\n)+(\+ \d+\n)+1 passed, 1 failed\n$/,
  );
});
