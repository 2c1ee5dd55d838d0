import assert from "node:assert/strict";
import { containerPacket } from "../../../../src/diagnose/facts/containers.ts";
import { addressOn, BRIDGE, healthyNode, UNDERLAY } from "../healthy_node.ts";

Deno.test("containerPacket comes in through the bridge, from an address that the node has not", () => {
  const packet = { device: BRIDGE, source: "10.42.1.2" };
  assert.deepEqual(containerPacket(healthyNode()), packet);
  const inside = [addressOn(BRIDGE, "10.42.1.2", 32)];
  assert.deepEqual(containerPacket(healthyNode({ addresses: inside })), {
    ...packet,
    source: "10.42.1.1",
  });
  // Quilt's own default.
  const wide = [addressOn(BRIDGE, "10.42.0.1", 16)];
  assert.deepEqual(containerPacket(healthyNode({ addresses: wide })), {
    ...packet,
    source: "10.42.1.1",
  });
});

Deno.test("containerPacket is undefined while no bridge has to do with the own subnet", () => {
  for (
    const change of [
      { own: undefined },
      { addresses: [] },
      { addresses: [addressOn(UNDERLAY, "10.42.1.1", 24)] },
      { addresses: [addressOn(BRIDGE, "10.42.7.1", 24)] },
    ]
  ) assert.equal(containerPacket(healthyNode(change)), undefined);
});
