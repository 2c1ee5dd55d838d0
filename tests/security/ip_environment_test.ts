import assert from "node:assert/strict";
import { openHost } from "../e2e/host.ts";
import { childrenOf } from "../e2e/processes.ts";

Deno.test("each ip has only LC_ALL in its environment, whatever the sidecar has in its own", async () => {
  // The first names a directory from which iproute2 executes libraries, link_TYPE.so.
  const env = { IP_LIB_DIR: "/tmp", TC_LIB_DIR: "/tmp", LANG: "de_DE.UTF-8" };
  await using host = await openHost({ env });
  assert.deepEqual(await host.client.injectRoute("10.42.2.0/24", "vxlan100"), {
    success: true,
    error: "",
  });
  const children = childrenOf(host.sidecar.pid);
  assert.deepEqual(
    children.map(({ command: [program] }) => program?.replace(/.*\//, "")),
    children.map(() => "ip"),
  );
  assert.ok(children.length >= 2, "there is one that listens and one that is asked");
  for (const { pid } of children) {
    assert.equal(Deno.readTextFileSync(`/proc/${pid}/environ`), "LC_ALL=C\0");
  }
});
