import assert from "node:assert/strict";
import { parseJsonObject, stringAt } from "../../deploy/json.ts";
import { makeNamespace } from "../support/namespace.ts";
import { repository, serveTask } from "../support/serve_task.ts";
import { attemptNames } from "./hostile.ts";

const hostile = `${repository}/tests/security/hostile.ts`;

const grants = [
  "--allow-net=127.0.0.1:50051",
  "--allow-run=ip",
  "--ignore-env",
  "--no-prompt",
];

/** What a flag may do besides granting: pin versions, stay offline, size the heap. */
const harmless =
  /^--(frozen|cached-only|no-remote|no-check|v8-flags=(--max-[a-z-]+-size=\d+,?)+)$/;

Deno.test("the serve task has exactly two grants and no other permission", () => {
  const { flags, program, args } = serveTask();
  assert.deepEqual(
    flags.filter((flag) => !harmless.test(flag)).sort(),
    [...grants].sort(),
  );
  assert.ok(flags.includes("--frozen"), "a changed dependency must not start");
  assert.deepEqual([program, ...args], ["src/main.ts", "serve"]);
});

Deno.test("the serve task loads no module from the net: Deno grants some hosts by default", () => {
  assert.ok(serveTask().flags.includes("--no-remote"));
});

/** Runs the hostile program in the sidecar's place and returns its line. */
async function inPlaceOfTheSidecar(attempt: string): Promise<string> {
  await using namespace = await makeNamespace();
  const words = [Deno.execPath(), "run", ...serveTask().flags, hostile, attempt];
  const done = await namespace.run(words);
  assert.equal(done.code, 0, done.stderr);
  return done.stdout;
}

/** The same with all permissions: what a sandbox with a hole would answer. */
async function withoutSandbox(attempt: string): Promise<string> {
  await using namespace = await makeNamespace();
  const words = [Deno.execPath(), "run", "-A", hostile, attempt];
  const done = await namespace.run(words);
  assert.equal(done.code, 0, done.stderr);
  return done.stdout;
}

for (const name of attemptNames) {
  Deno.test(`the flags of the serve task deny an attempt to ${name}`, async () => {
    const line = await inPlaceOfTheSidecar(name);
    assert.equal(stringAt(parseJsonObject(line), "kind"), "denied", line);
    const control = await withoutSandbox(name);
    assert.notEqual(stringAt(parseJsonObject(control), "kind"), "denied", control);
  });
}

Deno.test("the flags of the serve task hide the environment", async () => {
  const blank = parseJsonObject(await inPlaceOfTheSidecar("environment"));
  assert.deepEqual(blank, { HOME: null, PATH: null, got: null });
  const control = parseJsonObject(await withoutSandbox("environment"));
  assert.notEqual(control["got"], null);
});

Deno.test("the flags of the serve task grant no further permission", async () => {
  const asked = parseJsonObject(await inPlaceOfTheSidecar("more permissions"));
  assert.deepEqual(asked, { state: "denied" });
  const control = parseJsonObject(await withoutSandbox("more permissions"));
  assert.deepEqual(control, { state: "granted" });
});
