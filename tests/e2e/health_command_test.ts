import assert from "node:assert/strict";
import type { Finished, Namespace } from "../support/namespace.ts";
import { clientCommand } from "../support/serve_task.ts";
import { startSidecar } from "../support/sidecar.ts";
import { makeQuietNamespace, untilServing } from "./host.ts";

/** Runs the command of the health task; `took` is in milliseconds. */
async function health(
  namespace: Namespace,
  ...options: readonly string[]
): Promise<Finished & { readonly took: number }> {
  const start = performance.now();
  const env = { NO_COLOR: "1" };
  const finished = await namespace.run(clientCommand("health", options), { env });
  return { ...finished, took: performance.now() - start };
}

/** The quickest of three: the machine may have been busy elsewhere. */
async function quickest(namespace: Namespace): ReturnType<typeof health> {
  const all = [];
  for (let run = 0; run < 3; run += 1) all.push(await health(namespace));
  const [first] = all.toSorted((one, other) => one.took - other.took);
  assert.ok(first !== undefined);
  return first;
}

Deno.test("health exits with 0 while the sidecar serves, and within a second with 1 and a sentence when it hangs or is not running", async () => {
  await using namespace = await makeQuietNamespace();
  const before = await quickest(namespace);
  assert.equal(before.code, 1);
  assert.equal(
    before.stderr,
    "The sidecar on 127.0.0.1:50051 does not answer: nothing listens there; start the " +
      "sidecar, or give its address with --grpc-addr\n",
  );
  await using sidecar = await startSidecar(namespace);
  await untilServing(() => health(namespace));
  const serving = await quickest(namespace);
  assert.deepEqual([serving.code, serving.stdout, serving.stderr], [0, "", ""]);
  sidecar.kill("SIGSTOP");
  const hanging = await quickest(namespace);
  sidecar.kill("SIGCONT");
  assert.equal(hanging.code, 1);
  assert.match(hanging.stderr, /^The sidecar on .* does not answer: no answer came/);
  // A busy machine takes long to start a process: that is no answer that is late.
  const { took: start } = await health(namespace, "--help");
  for (const { took } of [before, serving, hanging]) {
    assert.ok(
      took < Math.max(1_000, 2 * start + 500),
      `${took}, and ${start} to start`,
    );
  }
});

Deno.test("health has only the exit codes 0 and 1, whatever its options are", async () => {
  await using namespace = await makeQuietNamespace();
  const cases:
    readonly (readonly [words: readonly string[], code: number, expected: RegExp])[] = [
      [["--help"], 0, /^Usage: quilt-sidecar health/],
      [
        ["--grpc-adr", "127.0.0.1:1"],
        1,
        /^Unknown option .* did you mean --grpc-addr\?/,
      ],
      [["--grpc-addr", "nowhere"], 1, /^Invalid --grpc-addr "nowhere"/],
      [["now"], 1, /^Unexpected argument "now"; health takes only options/],
      // The sandbox grants no other address.
      [
        ["--grpc-addr", "127.0.0.1:50052"],
        1,
        /^Cannot connect to .*grants only 127\.0\.0\.1:50051; start with --allow-net=127\.0\.0\.1:50052 /,
      ],
    ];
  for (const [words, code, expected] of cases) {
    const finished = await health(namespace, ...words);
    assert.equal(finished.code, code, words.join(" "));
    assert.match(finished.stdout + finished.stderr, expected);
    assert.equal((finished.stdout + finished.stderr).trim().includes("\n"), code === 0);
  }
});
