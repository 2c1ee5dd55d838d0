import assert from "node:assert/strict";
import { type ClientTask, clientTask, repository } from "../support/serve_task.ts";
import { openHost, untilServing } from "./host.ts";
import { residentKiB } from "./processes.ts";
import { openTlsHost } from "./tls_host.ts";
import { bounded } from "../support/suite.ts";

/** The command line of a task, with further flags of Deno before its program. */
function taskCommand(name: ClientTask, ...more: readonly string[]): readonly string[] {
  const { flags, program, args } = clientTask(name);
  return [Deno.execPath(), "run", ...flags, ...more, program, ...args];
}

const PROBES = bounded(3_000, 300);

Deno.test(`${PROBES} health probes on connections of their own leak no memory`, async () => {
  await using host = await openHost();
  const { namespace, sidecar } = host;
  const before = residentKiB(sidecar.pid);
  const probe = `
    for (let left = ${PROBES}; left > 0; left -= 1) {
      using connection = await Deno.connect({ port: 50051 });
      const request = "GET /healthz HTTP/1.1\\r\\n\\r\\n";
      await connection.write(new TextEncoder().encode(request));
      const answer = await new Response(connection.readable).text();
      if (!answer.endsWith("\\r\\n\\r\\nSERVING")) throw new Error(answer);
    }`;
  const { code, stderr } = await namespace.run([Deno.execPath(), "eval", probe]);
  assert.equal(code, 0, stderr);
  const grown = residentKiB(sidecar.pid) - before;
  // As many HTTP/2 sessions would leave 20 KB each; the heap may grow up to its bound.
  assert.ok(grown < PROBES * 12, `${grown} KiB`);
});

Deno.test("health has its full deadline for the probe, however long its own start takes", async () => {
  await using host = await openHost();
  const slow = `--preload=${repository}/tests/e2e/slow_start.ts`;
  const words = taskCommand("health", slow);
  const finished = await untilServing(() => host.namespace.run(words));
  assert.deepEqual(finished, { code: 0, stdout: "", stderr: "" });
});

Deno.test("the health:tls task probes a sidecar of the serve:tls task, with the grants of health and one to read its directory", async () => {
  const grants = (name: ClientTask) =>
    taskCommand(name).filter((word) => /^--(allow|ignore|no-prompt)/.test(word)).sort();
  assert.deepEqual(
    grants("health:tls"),
    [...grants("health"), "--allow-read=/etc/quilt/tls"].sort(),
  );
  await using host = await openTlsHost();
  const { directory, namespace } = host;
  const words = taskCommand("health:tls")
    .map((word) => word.replaceAll("/etc/quilt/tls", directory));
  const serving = await untilServing(() => namespace.run(words));
  assert.deepEqual(serving, { code: 0, stdout: "", stderr: "" });
  const plain = await namespace.run(taskCommand("health"));
  assert.equal(plain.code, 1);
  assert.match(plain.stderr, /^[^\n]+: it requires TLS; give --tls-ca, [^\n]+\n$/);
  const other = words.map((word) => word.replace("ca.crt", "nobody.crt"));
  const { code, stderr } = await namespace.run(other);
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^Cannot read \/\S+\/nobody\.crt: there is no such file[^\n]*\n$/,
  );
});
