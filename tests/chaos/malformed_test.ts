import assert from "node:assert/strict";
import { done, openHost } from "../e2e/host.ts";
import { residentKiB } from "../e2e/processes.ts";
import { numberAt, parseJsonObject } from "../support/json.ts";
import type { Namespace } from "../support/namespace.ts";
import { repository } from "../support/serve_task.ts";

const EXCHANGES = 10_000;
/** Of each of the eight kinds, as a first taste: code and buffers are there after it. */
const TASTE = 1_600;
/**
 * What may stay of an exchange, in KiB of memory. Deno 2.9.3 keeps some 20 KB of each
 * HTTP/2 session for the life of the process, however it ended, and some 10 KB of each
 * stream that was open at that moment (2.7.14 and 2.8.3 do as well).
 */
const KEPT_KIB = 32;

/** Resolves when all of them are over. */
async function attack(namespace: Namespace, exchanges: number): Promise<void> {
  const program = `${repository}/tests/chaos/malformed_main.ts`;
  const run = [Deno.execPath(), "run", "--frozen", "--cached-only", "-A", program];
  const { code, stdout, stderr } = await namespace.run([...run, `${exchanges}`, "1"]);
  assert.equal(code, 0, stderr);
  const counts = parseJsonObject(stdout);
  const kinds = Object.keys(counts);
  assert.equal(kinds.length, 8);
  const sum = kinds.reduce((all, kind) => all + numberAt(counts, kind), 0);
  assert.ok(sum >= exchanges, stdout);
}

Deno.test(`${EXCHANGES} malformed exchanges: the sidecar lives, keeps at most ${KEPT_KIB} KiB of each, and the agent's calls go on meanwhile`, async () => {
  await using host = await openHost();
  const { client, namespace, sidecar } = host;
  await attack(namespace, TASTE);
  const before = residentKiB(sidecar.pid);
  let over = false;
  const attacked = attack(namespace, EXCHANGES).finally(() => over = true);
  let calls = 0;
  while (!over) {
    const destination = `10.42.${2 + calls % 200}.0/24`;
    assert.deepEqual(await client.injectRoute(destination, "vxlan100"), done);
    calls += 1;
  }
  await attacked;
  const after = residentKiB(sidecar.pid);
  assert.ok(calls > 100, `${calls} calls`);
  assert.ok(after - before <= EXCHANGES * KEPT_KIB, `KiB: ${before}, then ${after}`);
  assert.equal((await sidecar.stop()).code, 0, sidecar.log.join("\n"));
});
