import assert from "node:assert/strict";
import { ownSubnetChecks } from "../../../../src/diagnose/checks/own_subnet.ts";
import type { Facts } from "../../../../src/diagnose/facts.ts";
import type { InterfaceName } from "../../../../src/routing/interface_name.ts";
import { device } from "../../../support/fixtures.ts";
import { summarize } from "../findings.ts";
import {
  addressOn,
  BRIDGE,
  bridgeLink,
  healthyNode,
  linksWith,
  linksWithout,
  LO,
  netconfWith,
  UNDERLAY,
} from "../healthy_node.ts";

/** The healthy node with other addresses, e.g. `10.42.0.1/16`. */
function withAddresses(
  addresses: readonly (readonly [InterfaceName, string])[],
  change: Partial<Facts> = {},
): Facts {
  return healthyNode({
    addresses: addresses.map(([name, text]) => {
      const [host = "", length] = text.split("/");
      return addressOn(name, host, Number(length));
    }),
    ...change,
  });
}

function findings(facts: Facts) {
  return summarize(ownSubnetChecks(facts));
}

const ADD = "ip address add 10.42.1.1/24 dev quilt0";

function unassigned(remedy: readonly string[]) {
  return [{ key: "subnet-unassigned this node", severity: "critical", remedy }];
}

Deno.test("ownSubnetChecks say nothing before the node has a subnet", () => {
  assert.deepEqual(findings(withAddresses([], { own: undefined })), []);
});

Deno.test("ownSubnetChecks find that no device has the subnet", () => {
  assert.deepEqual(findings(withAddresses([])), unassigned([ADD]));
});

Deno.test("ownSubnetChecks set a bridge up before it gets the gateway", () => {
  const links = linksWith(bridgeLink({ up: false, carrier: false }));
  assert.deepEqual(
    findings(withAddresses([], { links })),
    unassigned(["ip link set dev quilt0 up", ADD]),
  );
});

Deno.test("ownSubnetChecks make quilt0 where there is no bridge", () => {
  const links = linksWithout(BRIDGE);
  assert.deepEqual(
    findings(withAddresses([], { links })),
    unassigned([
      "ip link add quilt0 type bridge",
      "ip link set dev quilt0 up",
      ADD,
    ]),
  );
});

for (
  const [what, held, remedy] of [
    ["without an address", [], ["ip address add 10.42.1.1/24 dev cni0"]],
    ["with another subnet of the cluster", [[device("cni0"), "10.42.7.1/24"]], [
      "ip address add 10.42.1.1/24 dev cni0",
    ]],
    ["of another network", [[device("cni0"), "172.17.0.1/16"]], [
      "ip link add quilt0 type bridge",
      "ip link set dev quilt0 up",
      ADD,
    ]],
  ] as const
) {
  Deno.test(`ownSubnetChecks choose the right device beside the only bridge ${what}`, () => {
    const links = linksWithout(BRIDGE, bridgeLink({ name: device("cni0") }));
    assert.deepEqual(findings(withAddresses(held, { links })), unassigned(remedy));
  });
}

Deno.test("ownSubnetChecks do not take the underlay's network for the subnet", () => {
  assert.deepEqual(
    findings(withAddresses([[UNDERLAY, "10.0.0.5/8"]])),
    unassigned([ADD]),
  );
});

Deno.test("ownSubnetChecks accept a gateway on a device that is no bridge, and a subnet that another device has", () => {
  assert.deepEqual(findings(withAddresses([[LO, "10.42.1.1/32"]])), []);
  assert.deepEqual(findings(withAddresses([[UNDERLAY, "10.42.1.5/24"]])), []);
});

Deno.test("ownSubnetChecks find a bridge in the subnet without the gateway", () => {
  const facts = withAddresses([[BRIDGE, "10.42.1.5/24"]]);
  assert.deepEqual(findings(facts), [{
    key: "gateway-missing quilt0",
    severity: "critical",
    remedy: [ADD],
  }]);
  assert.equal(
    ownSubnetChecks(facts)[0]?.found,
    "quilt0 has 10.42.1.5/24, and no device has the gateway 10.42.1.1 of 10.42.1.0/24",
  );
});

Deno.test("ownSubnetChecks find a gateway whose device is down", () => {
  const links = linksWith(bridgeLink({ up: false, carrier: false }));
  assert.deepEqual(findings(healthyNode({ links })), [{
    key: "gateway-missing quilt0",
    severity: "critical",
    remedy: ["ip link set dev quilt0 up"],
  }]);
});

Deno.test("ownSubnetChecks find Quilt's default, a /16 on the bridge, as bad as the measured table says", () => {
  const wide = [[BRIDGE, "10.42.0.1/16"]] as const;
  const closed = withAddresses(wide);
  assert.deepEqual(findings(closed), [{
    key: "bridge-prefix quilt0",
    severity: "critical",
    remedy: [ADD, "sysctl -w net.ipv4.conf.quilt0.proxy_arp=1"],
  }]);
  assert.match(
    ownSubnetChecks(closed)[0]?.meaning ?? "",
    /^Containers reach no other node: .* \/24 .* \/16 /,
  );
  for (const name of [BRIDGE, undefined]) {
    const netconf = netconfWith([name, { proxyArp: true }]);
    const answering = withAddresses(wide, { netconf });
    assert.deepEqual(findings(answering), [{
      key: "bridge-prefix quilt0",
      severity: "warning",
      remedy: [ADD],
    }]);
    assert.equal(
      ownSubnetChecks(answering)[0]?.meaning,
      "Containers with addresses of /24 find no gateway; those of /16 reach other nodes",
    );
  }
});

Deno.test("ownSubnetChecks accept a /16 on the bridge beside the gateway", () => {
  const both = [[BRIDGE, "10.42.0.1/16"], [BRIDGE, "10.42.1.1/24"]] as const;
  assert.deepEqual(findings(withAddresses(both)), []);
});
