import assert from "node:assert/strict";
import { batch, ip, makeGround } from "../support/fixtures.ts";
import { LosingDataplane } from "./losing_dataplane.ts";
import { openRoutes } from "./routes_harness.ts";

Deno.test("the bridge watch warns of a bridge port once, although the first answer about it was lost", async () => {
  await using _ground = await makeGround("vxlan100");
  await batch(["link add quilt0 type bridge", "link set vxlan100 master quilt0"]);
  await using _bridge = {
    [Symbol.asyncDispose]: async () => void await ip("link delete quilt0"),
  };
  let losing: LosingDataplane | undefined;
  await using node = openRoutes({
    behind: (dataplane) => losing = new LosingDataplane(dataplane),
  });
  assert.ok(losing !== undefined);
  const warnings = async (destination: string) => {
    const outcome = await node.inject(destination);
    assert.ok(outcome.kind === "added", outcome.kind);
    return outcome.warnings.length;
  };
  losing.loses = (operations) =>
    operations.some(({ command }) => command.kind === "bridge") ? "after" : undefined;
  assert.equal(await warnings("10.42.2.0/24"), 0);
  losing.loses = () => undefined;
  assert.equal(await warnings("10.42.3.0/24"), 1);
  assert.equal(await warnings("10.42.4.0/24"), 0);
});
