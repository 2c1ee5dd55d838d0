/** The sentence if a flag of a task is missing: it never says to widen the sandbox. */
import assert from "node:assert/strict";
import { clientCommand, type ClientTask, serveCommand } from "../support/serve_task.ts";
import { makeQuietNamespace } from "../e2e/host.ts";

const cases: readonly (readonly [
  task: "serve" | ClientTask,
  without: string,
  code: number,
  expected: RegExp,
])[] = [
  [
    "serve",
    "--ignore-env",
    1,
    /^The sandbox lacks a grant: Requires env access/,
  ],
  ["status", "--ignore-env", 1, /^The sandbox lacks a grant: Requires env access/],
  ["serve", "--allow-run", 1, /^Cannot read the kernel's routes: the sandbox does not/],
  ["serve", "--allow-net", 2, /^Cannot listen on 127\.0\.0\.1:50051: the sandbox does/],
  [
    "status",
    "--allow-net",
    2,
    /^Cannot connect to 127\.0\.0\.1:50051: the sandbox does not/,
  ],
  [
    "health",
    "--allow-net",
    1,
    /^Cannot connect to 127\.0\.0\.1:50051: the sandbox does not/,
  ],
];

for (const [task, without, code, expected] of cases) {
  Deno.test(`the ${task} task without ${without} ends with ${code}, and its sentence names the task`, async () => {
    await using namespace = await makeQuietNamespace();
    const words = task === "serve" ? serveCommand([]) : clientCommand(task);
    const rest = words.filter((word) => !word.startsWith(without));
    assert.equal(rest.length, words.length - 1);
    const ended = await namespace.run(rest, { env: { NO_COLOR: "1" } });
    assert.equal(ended.code, code, ended.stderr);
    const sentence = ended.stderr.trimEnd().split("\n").at(-1) ?? "";
    assert.match(sentence.replace(/^\S+Z ERROR: /, ""), expected);
    assert.ok(
      sentence.endsWith(`; use deno task ${task} (see docs/security.md)`),
      sentence,
    );
    assert.doesNotMatch(ended.stderr, /run again/);
  });
}
