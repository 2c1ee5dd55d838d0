import assert from "node:assert/strict";
import { checkClusterPolicy } from "../../../src/ipam/policy.ts";
import { requestLimit } from "../../../src/api/request_limit.ts";
import { ROUTE_SERVICE } from "../../../src/api/proto_registry.ts";

const KIB = 1024;

for (
  const [cidr, prefix, bytes] of [
    ["10.42.0.0/16", 24, 16 * KIB],
    ["10.42.0.0/24", 28, 16 * KIB],
    ["10.40.0.0/14", 24, 64 * KIB],
    ["10.0.0.0/8", 24, 4096 * KIB],
    ["0.0.0.0/0", 30, 4096 * KIB],
  ] as const
) {
  Deno.test(`requestLimit is ${bytes} bytes for nodes with a /${prefix} of ${cidr}`, () => {
    const policy = checkClusterPolicy(cidr, prefix);
    assert.ok(policy.ok);
    assert.equal(requestLimit(policy.value), bytes);
  });
}

for (
  const [cidr, subnets] of [["172.16.0.0/16", 256], ["172.16.0.0/14", 1024]] as const
) {
  Deno.test(`requestLimit admits a SyncRoutes of all ${subnets} node subnets of ${cidr}`, () => {
    const policy = checkClusterPolicy(cidr, 24);
    assert.ok(policy.ok);
    // The longest text of each: three digits an octet, fifteen characters of a device.
    const routes = Array.from({ length: subnets }, () => ({
      destination: "255.255.255.0/24",
      device: "x".repeat(15),
    }));
    const length = ROUTE_SERVICE["SyncRoutes"]?.requestSerialize({ routes }).length ??
      0;
    assert.ok(length > 8 * KIB && length <= requestLimit(policy.value), `${length}`);
  });
}
