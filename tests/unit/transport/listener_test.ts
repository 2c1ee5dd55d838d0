import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { listen } from "../../../src/transport/listener.ts";

Deno.test({
  name:
    "listen fails when another process has replaced its Unix socket, and leaves the other socket alone",
  // Its own socket stays open, because closing it removes the file at the path.
  sanitizeResources: false,
  sanitizeOps: false,
  fn: async () => {
    const folder = await Deno.makeTempDir();
    const path = `${folder}/sidecar.sock`;
    const opening = listen({ kind: "unix", path }, 0o600, () => {});
    while ([...Deno.readDirSync(folder)].length === 0) await setImmediate();
    Deno.removeSync(path);
    {
      using _other = Deno.listen({ transport: "unix", path });
      const opened = await opening;
      assert.equal(opened.ok ? "listens" : opened.fault.kind, "in-use");
      using _connection = await Deno.connect({ transport: "unix", path });
    }
    await Deno.remove(folder, { recursive: true });
  },
});
