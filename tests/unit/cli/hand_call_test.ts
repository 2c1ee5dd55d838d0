import assert from "node:assert/strict";
import {
  type AllocationJson,
  allocationJson,
  type CallJson,
  callJson,
  describeAllocation,
  describeRelease,
  type ReleaseJson,
  releaseJson,
  releaseRequest,
} from "../../../src/cli/hand_call.ts";

const NETWORK = {
  subnet: "10.42.1.0/24",
  gateway: "10.42.1.1",
  cluster_cidr: "10.42.0.0/16",
  revision: 7,
};

const ADDRESS = { address: "10.42.1.7", owner: "web-1" };

Deno.test("each call by hand prints this with --json, and a field is only ever added", () => {
  const done: CallJson = { version: 1, success: true, error: "" };
  const refused: CallJson = { version: 1, success: false, error: "No\u009b" };
  const allocation: AllocationJson = {
    version: 1,
    address: ADDRESS,
    node_network: NETWORK,
  };
  const released: ReleaseJson = { version: 1, released: ADDRESS };
  const nothing: ReleaseJson = { version: 1, released: null };
  const texts = [
    callJson({ success: true, error: "" }),
    callJson({ success: false, error: "No\u009b" }),
    allocationJson({ address: ADDRESS, node_network: NETWORK }),
    releaseJson({ released: ADDRESS }),
    releaseJson({ released: null }),
  ];
  assert.deepEqual(
    texts.map((text) => JSON.parse(text)),
    [done, refused, allocation, released, nothing],
  );
  for (const text of texts) assert.match(text, /^[ -~]+$/);
});

Deno.test("release takes every IPv4 address for an address, and anything else for an owner", () => {
  for (const address of ["10.42.1.7", "0.0.0.0", "255.255.255.255"]) {
    assert.deepEqual(releaseRequest(address), { address });
  }
  for (
    const owner of ["web-1", "42", "10.42.1", "10.42.1.256", "10.42.1.07", "1.2.3.4.5"]
  ) {
    assert.deepEqual(releaseRequest(owner), { owner });
  }
});

Deno.test("allocate and release say in one line who has what", () => {
  assert.equal(
    describeAllocation({
      address: { ...ADDRESS, owner: "web\u202e" },
      node_network: NETWORK,
    }),
    "web\\u202e has 10.42.1.7; subnet 10.42.1.0/24, gateway 10.42.1.1",
  );
  assert.equal(
    describeAllocation({
      address: { ...ADDRESS, address: "10.42.1.7\u001b" },
      node_network: { ...NETWORK, subnet: "\u001b[2J", gateway: "\u0007" },
    }),
    "web-1 has 10.42.1.7\\u001b; subnet \\u001b[2J, gateway \\u0007",
  );
  assert.equal(
    describeRelease({ released: { ...ADDRESS, address: "\u001b[2J" } }, "web-1"),
    "Released \\u001b[2J of web-1",
  );
  assert.equal(
    describeRelease({ released: ADDRESS }, "web-1"),
    "Released 10.42.1.7 of web-1",
  );
  assert.equal(
    describeRelease({ released: { ...ADDRESS, owner: "" } }, "10.42.1.7"),
    "Released 10.42.1.7 of an owner whose name was lost",
  );
  assert.equal(
    describeRelease({ released: null }, "10.42.1.7"),
    "Nothing to release: 10.42.1.7 is not allocated",
  );
  assert.equal(
    describeRelease({ released: null }, "web\n1"),
    "Nothing to release: web\\u000a1 has no address on this node",
  );
});
