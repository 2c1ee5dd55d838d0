import assert from "node:assert/strict";
import { gather } from "../chaos/crowd.ts";
import { done } from "./host.ts";
import { openTlsHost } from "./tls_host.ts";

Deno.test("a silent TLS connection does not delay the end of the sidecar", async () => {
  await using host = await openTlsHost();
  await using _silent = await gather(host.namespace, "silent", 1);
  await using client = await host.connect(await host.authority.issue("agent"));
  assert.deepEqual(await client.injectRoute("10.42.2.0/24", "vxlan100"), done);
  const began = performance.now();
  assert.equal((await host.sidecar.stop()).code, 0, host.sidecar.log.join("\n"));
  // A handshake may take 10 s, and what is in flight is waited for 5 s.
  const took = performance.now() - began;
  assert.ok(took < 2_500, `${took} ms`);
});
