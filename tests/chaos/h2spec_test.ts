/**
 * @needs go
 */
import assert from "node:assert/strict";
import { done, openHost } from "../e2e/host.ts";
import { print } from "../support/isolation.ts";
import { lanes } from "../support/lanes.ts";
import type { Namespace } from "../support/namespace.ts";
import { repository } from "../support/serve_task.ts";
import { until } from "../support/wait.ts";
import { type Conformance, h2spec } from "./h2spec.ts";
import { fullTest } from "../support/suite.ts";

const TESTS = 145;
const BARE_PORT = 50052;
/** A race of the server and h2spec decides one or two of them: one try must pass. */
const TRIES = 3;

/** A server of node:http2 and nothing else; killed when disposed. */
async function startBare(namespace: Namespace): Promise<AsyncDisposable> {
  const program = `${repository}/tests/chaos/bare_http2_main.ts`;
  const run = [Deno.execPath(), "run", "--frozen", "--cached-only", "-A", program];
  const child = namespace.command([...run, `${BARE_PORT}`], { stdin: "null" }).spawn();
  const hex = BARE_PORT.toString(16).toUpperCase();
  await until(
    () => Deno.readTextFileSync(`/proc/${child.pid}/net/tcp`).includes(`:${hex} 0`),
    { what: "a bare server to listen" },
  );
  return {
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await child.status;
    },
  };
}

function inWords(who: string, { failed, passed, tests }: Conformance): string {
  return [`h2spec, ${who}: ${passed} of ${tests}`, ...failed].join("\n  failed: ");
}

fullTest(
  `the sidecar survives h2spec's ${TESTS} tests, and passes no fewer than a bare node:http2 server`,
  async () => {
    await using host = await openHost();
    await using _bare = await startBare(host.namespace);
    let ended: Deno.CommandStatus | undefined;
    host.sidecar.status.then((status) => ended = status);
    for (let tried = 1;; tried += 1) {
      const [bare, ours] = await lanes([
        h2spec(host.namespace, BARE_PORT),
        h2spec(host.namespace, 50051).catch((error) => {
          assert.equal(ended, undefined, host.sidecar.log.slice(-3).join("\n"));
          throw error;
        }),
      ]);
      assert.equal(ended, undefined, host.sidecar.log.slice(-3).join("\n"));
      await print(inWords("a bare server", bare));
      await print(inWords("the sidecar", ours));
      assert.equal(ours.tests, TESTS);
      assert.deepEqual(await host.client.injectRoute("10.42.2.0/24", "vxlan100"), done);
      if (ours.passed >= bare.passed) break;
      assert.ok(tried < TRIES, inWords("the sidecar", ours));
    }
    assert.equal((await host.sidecar.stop()).code, 0, host.sidecar.log.join("\n"));
  },
);
