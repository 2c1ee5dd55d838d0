import assert from "node:assert/strict";
import {
  checkClusterPolicy,
  checkNodeCidr,
  type ClusterPolicy,
  describeCidrFault,
} from "../../../src/ipam/policy.ts";

function policy(clusterCidr: string, nodePrefix: number): ClusterPolicy {
  const checked = checkClusterPolicy(clusterCidr, nodePrefix);
  assert(checked.ok, `${clusterCidr} with /${nodePrefix} is a policy`);
  return checked.value;
}

const usual = policy("10.42.0.0/16", 24);

function refusal(
  text: string,
  noun: "Subnet" | "Destination",
  cluster: ClusterPolicy = usual,
): string {
  const checked = checkNodeCidr(text, cluster);
  assert(!checked.ok, `${text} is refused`);
  return describeCidrFault(checked.fault, noun);
}

function policyRefusal(clusterCidr: string, nodePrefix: number): string {
  const checked = checkClusterPolicy(clusterCidr, nodePrefix);
  assert(!checked.ok, `${clusterCidr} with /${nodePrefix} is refused`);
  return checked.fault;
}

Deno.test("checkNodeCidr accepts a /24 within the cluster CIDR", () => {
  for (const text of ["10.42.0.0/24", "10.42.1.0/24", "10.42.255.0/24"]) {
    assert.deepEqual(checkNodeCidr(text, usual), { ok: true, value: text });
  }
});

Deno.test("checkNodeCidr refuses a subnet with the contract's sentence", () => {
  const sentences = {
    "10.42.1.0": 'Invalid subnet CIDR format: "10.42.1.0"',
    "10.42.1.0/24\nroute flush table main":
      'Invalid subnet CIDR format: "10.42.1.0/24\\nroute flush table main"',
    "": 'Invalid subnet CIDR format: ""',
    "10.42.0.0/16": "Subnet must be /24, got /16",
    "10.42.1.0/32": "Subnet must be /24, got /32",
    "10.42.1.5/24": "Subnet 10.42.1.5/24 has host bits set; did you mean 10.42.1.0/24?",
    "192.168.1.0/24": "Subnet 192.168.1.0/24 must be within cluster CIDR 10.42.0.0/16",
  };
  for (const [text, sentence] of Object.entries(sentences)) {
    assert.equal(refusal(text, "Subnet"), sentence);
  }
});

Deno.test("checkNodeCidr refuses a destination with the contract's sentence", () => {
  const sentences = {
    "10.42.1": 'Invalid destination CIDR format: "10.42.1"',
    "10.42.0.0/16": "Destination must be /24, got /16",
    "10.42.1.5/24":
      "Destination 10.42.1.5/24 has host bits set; did you mean 10.42.1.0/24?",
    "192.168.1.0/24":
      "Destination 192.168.1.0/24 must be within cluster CIDR 10.42.0.0/16",
  };
  for (const [text, sentence] of Object.entries(sentences)) {
    assert.equal(refusal(text, "Destination"), sentence);
  }
});

Deno.test("checkNodeCidr reports the first fault in the order of the contract's table", () => {
  assert.match(refusal("192.168.1.5/033", "Subnet"), /^Invalid subnet CIDR format/);
  assert.equal(refusal("192.168.1.5/16", "Subnet"), "Subnet must be /24, got /16");
  assert.equal(refusal("192.168.1.0/25", "Subnet"), "Subnet must be /24, got /25");
  assert.match(refusal("192.168.1.5/24", "Subnet"), /has host bits set/);
});

Deno.test("describeCidrFault names the policy of the options of serve", () => {
  const other = policy("172.16.0.0/12", 26);
  assert.equal(checkNodeCidr("172.31.255.192/26", other).ok, true);
  const message = (text: string) => refusal(text, "Destination", other);
  assert.equal(message("172.16.1.0/24"), "Destination must be /26, got /24");
  assert.equal(
    message("172.32.0.0/26"),
    "Destination 172.32.0.0/26 must be within cluster CIDR 172.16.0.0/12",
  );
});

Deno.test("checkClusterPolicy accepts a node prefix from the cluster's own to 30", () => {
  const good = [["10.42.0.0/16", 16], ["10.42.0.0/16", 30], [
    "10.42.1.0/30",
    30,
  ]] as const;
  for (const [clusterCidr, nodePrefix] of [...good, ["0.0.0.0/0", 1] as const]) {
    assert.deepEqual(policy(clusterCidr, nodePrefix), { clusterCidr, nodePrefix });
  }
});

Deno.test("checkClusterPolicy refuses a malformed cluster CIDR with the remedy", () => {
  assert.equal(
    policyRefusal("10.42.0.0/16\n", 24),
    'Invalid cluster CIDR format: "10.42.0.0/16\\n"; ' +
      "use an IPv4 CIDR such as --cluster-cidr 10.42.0.0/16",
  );
  assert.equal(
    policyRefusal("10.42.1.0/16", 24),
    "Cluster CIDR 10.42.1.0/16 has host bits set; use --cluster-cidr 10.42.0.0/16",
  );
});

Deno.test("checkClusterPolicy refuses a cluster CIDR without room for a node subnet", () => {
  for (const cluster of ["10.42.1.0/31", "10.42.1.0/32"]) {
    assert.equal(
      policyRefusal(cluster, 24),
      `Cluster CIDR ${cluster} is too small for a node subnet; ` +
        "use a --cluster-cidr of /30 or shorter",
    );
  }
});

Deno.test("checkClusterPolicy refuses a node prefix outside of its range", () => {
  for (const prefix of [15, 0, -1, 31, 32, 24.5, NaN, Infinity, -Infinity]) {
    assert.equal(
      policyRefusal("10.42.0.0/16", prefix),
      `Invalid node prefix ${prefix}; within cluster CIDR 10.42.0.0/16 ` +
        "use a --node-prefix from 16 to 30",
    );
  }
});

Deno.test("checkClusterPolicy refuses a policy under which a peer's route could be the default route", () => {
  assert.match(policyRefusal("0.0.0.0/0", 0), /use a --node-prefix from 1 to 30$/);
});
