import assert from "node:assert/strict";
import { serveCommand } from "../support/serve_task.ts";
import { startSidecar } from "../support/sidecar.ts";
import { makeQuietNamespace } from "./host.ts";
import { atTerminal } from "./operator.ts";

/** What a newcomer can type, each of which there is. */
const NEXT =
  /INFO: Starting gRPC server on 127\.0\.0\.1:50051\r\n\S+ INFO: Next, in another terminal: quilt-sidecar status, or deno task status; deno task demo shows a small mesh; docs\/cli\.md has every command\r\n$/;

Deno.test("the sidecar at a terminal prints what to do next, and a collected log has nothing of it", async () => {
  await using namespace = await makeQuietNamespace();
  {
    await using terminal = atTerminal(namespace, serveCommand([]));
    await terminal.shown(NEXT);
    await terminal.type("\x03");
    assert.equal(await terminal.ended, 0);
  }
  await using sidecar = await startSidecar(namespace);
  await sidecar.stop();
  const log = sidecar.log.join("\n");
  assert.match(log, /Starting gRPC server/);
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(log, /Next|\x1b/);
});
