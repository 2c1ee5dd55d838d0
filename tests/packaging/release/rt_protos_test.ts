/** A sidecar on a host whose ip has a name for protocol 142. */
import assert from "node:assert/strict";
import { done, openHost, routesTo } from "../../e2e/host.ts";
import { runToEnd } from "../../support/namespace.ts";
import { connectClient } from "../../support/client.ts";
import { repository } from "../../support/serve_task.ts";
import { startSidecar } from "../../support/sidecar.ts";
import { until } from "../../support/wait.ts";

const NAMES = `${repository}/deploy/iproute2/rt_protos.d/quilt.conf`;

async function must(...words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runToEnd(words);
  assert.equal(code, 0, `${words.join(" ")}: ${stderr}`);
  return stdout;
}

/** Puts the file into /etc/iproute2 as this test's mount namespace sees it. */
async function nameProtocol() {
  const folder = await Deno.makeTempDir();
  await must("cp", "--recursive", "/etc/iproute2/.", folder);
  await Deno.mkdir(`${folder}/rt_protos.d`, { recursive: true });
  await Deno.copyFile(NAMES, `${folder}/rt_protos.d/quilt.conf`);
  await must("mount", "--bind", folder, "/etc/iproute2");
  return {
    [Symbol.asyncDispose]: async () => {
      await must("umount", "/etc/iproute2");
      await Deno.remove(folder, { recursive: true });
    },
  };
}

Deno.test("where ip prints proto quilt, the sidecar recognises its routes, heals them, and restores them after a kill", async () => {
  await using _names = await nameProtocol();
  await using host = await openHost();
  const { client, namespace, sidecar } = host;
  assert.deepEqual(await client.configureNodeSubnet("10.42.1.0/24"), done);
  assert.deepEqual(await client.injectRoute("10.42.2.0/24", "vxlan100"), done);
  const named = ["10.42.2.0/24 dev vxlan100 proto quilt scope link"];
  assert.deepEqual(await routesTo(namespace, "10.42.2.0/24"), named);
  // What the documents and the findings print still works, by the number.
  assert.match(await namespace.ip("route show proto 142"), /^10\.42\.2\.0\/24 /);
  assert.match(await namespace.ip("route show table 142"), / proto quilt /);

  await namespace.ip("route del 10.42.2.0/24 proto 142");
  const healed = async () => (await routesTo(namespace, "10.42.2.0/24")).length === 1;
  await until(healed, { what: "the route to be back" });
  await namespace.ip("route flush proto quilt");
  await until(healed, { what: "the route to be back once more" });
  assert.deepEqual(await routesTo(namespace, "10.42.2.0/24"), named);
  await sidecar.logged(/ WARN: Repaired .*10\.42\.2\.0\/24/);

  sidecar.kill("SIGKILL");
  await sidecar.status;
  await namespace.ip("route del 10.42.2.0/24");
  await using _next = await startSidecar(namespace);
  await until(healed, { what: "the route that was restored" });
  await using again = await connectClient(namespace);
  assert.deepEqual(await again.removeRoute("10.42.2.0/24"), done);
  assert.deepEqual(await routesTo(namespace, "10.42.2.0/24"), []);
});
