import assert from "node:assert/strict";
import type { Netconf } from "../../../../src/dataplane/data_path.ts";
import { forwardingSettingsChecks } from "../../../../src/diagnose/checks/forwarding_settings.ts";
import type { Facts } from "../../../../src/diagnose/facts.ts";
import type { InterfaceName } from "../../../../src/routing/interface_name.ts";
import { device, found } from "../../../support/fixtures.ts";
import { summarize } from "../findings.ts";
import {
  ADDRESSES,
  addressOn,
  BRIDGE,
  healthyNode,
  link,
  linksWith,
  linksWithout,
  LO,
  netconfWith,
  SECOND,
  settings,
  UNDERLAY,
  VXLAN,
  vxlanLink,
} from "../healthy_node.ts";

type Change = readonly [InterfaceName | undefined, Partial<Netconf>];

function findings(facts: Facts) {
  return summarize(forwardingSettingsChecks(facts));
}

function withSettings(...changes: readonly Change[]): Facts {
  return healthyNode({ netconf: netconfWith(...changes) });
}

const WITH_ADDRESS = [...ADDRESSES, addressOn(VXLAN, "10.42.1.1", 32)];

const OFF = { forwarding: false };
const FORWARDING_OFF = {
  key: "forwarding-off this node",
  severity: "critical",
  remedy: ["sysctl -w net.ipv4.ip_forward=1"],
};

Deno.test("forwardingSettingsChecks find forwarding off on all devices", () => {
  const netconf = healthyNode().netconf.map((each) => ({ ...each, ...OFF }));
  assert.deepEqual(findings(healthyNode({ netconf })), [FORWARDING_OFF]);
});

Deno.test("forwardingSettingsChecks accept forwarding that is off for all but on where packets come in", () => {
  assert.deepEqual(findings(withSettings([undefined, OFF], [UNDERLAY, OFF])), []);
});

Deno.test("forwardingSettingsChecks find forwarding off where the overlay's device is not there yet", () => {
  const netconf = [settings(undefined, OFF)];
  const links = new Map();
  assert.deepEqual(findings(healthyNode({ links, netconf })), [FORWARDING_OFF]);
});

Deno.test("forwardingSettingsChecks do not ask for forwarding where nothing is forwarded", () => {
  const netconf = [settings(undefined, OFF)];
  const none = { links: new Map(), wanted: [], netconf };
  assert.deepEqual(findings(healthyNode(none)), []);
});

for (const name of [VXLAN, BRIDGE]) {
  Deno.test(`forwardingSettingsChecks find forwarding off on ${name} alone`, () => {
    assert.deepEqual(findings(withSettings([name, OFF])), [{
      key: `device-forwarding-off ${name}`,
      severity: "critical",
      remedy: [`sysctl -w net.ipv4.conf.${name}.forwarding=1`],
    }]);
  });
}

Deno.test("forwardingSettingsChecks name each device if forwarding is on for all, which a write of 1 would not change", () => {
  assert.deepEqual(
    findings(withSettings([VXLAN, OFF], [BRIDGE, OFF])).map(({ key }) => key),
    ["device-forwarding-off vxlan100", "device-forwarding-off quilt0"],
  );
});

Deno.test("forwardingSettingsChecks write the setting of a device with a dot in its name with slashes", () => {
  const dotted = device("eth0.100");
  const facts = healthyNode({
    wanted: [{ destination: SECOND, device: dotted, installed: true }],
    links: linksWith(vxlanLink({}, { name: dotted })),
    routes: [found(SECOND, { device: dotted })],
    netconf: [
      ...healthyNode().netconf,
      settings(dotted, { forwarding: false, proxyArp: true }),
    ],
  });
  assert.deepEqual(findings(facts).map(({ remedy }) => remedy), [[
    "sysctl -w net/ipv4/conf/eth0.100/forwarding=1",
  ]]);
});

Deno.test("forwardingSettingsChecks find proxy_arp off on an overlay device", () => {
  assert.deepEqual(findings(withSettings([VXLAN, { proxyArp: false }])), [{
    key: "proxy-arp-off vxlan100",
    severity: "critical",
    remedy: ["sysctl -w net.ipv4.conf.vxlan100.proxy_arp=1"],
  }]);
});

Deno.test("forwardingSettingsChecks accept proxy_arp that is on for all devices", () => {
  const off = { proxyArp: false };
  assert.deepEqual(
    findings(withSettings([VXLAN, off], [undefined, { proxyArp: true }])),
    [],
  );
});

for (
  const [what, links] of [
    ["is down", linksWith(vxlanLink({}, { up: false, carrier: false }))],
    ["is a port of a bridge", linksWith(vxlanLink({}, { master: BRIDGE }))],
    ["has no ARP", linksWith(vxlanLink({}, { mac: "" }))],
    ["is a tunnel of IPv4", linksWith(vxlanLink({}, { mac: "198.51.100.1" }))],
    ["is missing", linksWithout(VXLAN)],
  ] as const
) {
  Deno.test(`forwardingSettingsChecks ask no proxy_arp of a device that ${what}`, () => {
    const netconf = netconfWith([VXLAN, { proxyArp: false }]);
    assert.deepEqual(findings(healthyNode({ links, netconf })), []);
  });
}

for (
  const [all, own, remedy] of [
    ["off", "strict", ["sysctl -w net.ipv4.conf.vxlan100.rp_filter=0"]],
    ["off", "loose", ["sysctl -w net.ipv4.conf.vxlan100.rp_filter=0"]],
    ["loose", "strict", [
      "sysctl -w net.ipv4.conf.underlay.rp_filter=2",
      "sysctl -w net.ipv4.conf.quilt0.rp_filter=2",
      "sysctl -w net.ipv4.conf.all.rp_filter=0",
      "sysctl -w net.ipv4.conf.vxlan100.rp_filter=0",
    ]],
    ["loose", "off", [
      "sysctl -w net.ipv4.conf.underlay.rp_filter=2",
      "sysctl -w net.ipv4.conf.quilt0.rp_filter=2",
      "sysctl -w net.ipv4.conf.all.rp_filter=0",
    ]],
  ] as const
) {
  Deno.test(`forwardingSettingsChecks find rp_filter ${own} on an overlay device without an address, and ${all} for all`, () => {
    const facts = withSettings([undefined, { rpFilter: all }], [VXLAN, {
      rpFilter: own,
    }]);
    assert.deepEqual(findings(facts), [{
      key: "rp-filter vxlan100",
      severity: "critical",
      remedy,
    }]);
  });
}

Deno.test("forwardingSettingsChecks keep rp_filter of other devices as it is when it goes for all", () => {
  const strict = { rpFilter: "strict" } as const;
  const facts = withSettings([undefined, strict], [BRIDGE, { rpFilter: "loose" }], [
    LO,
    strict,
  ]);
  const [overlay, underlay, ...others] = findings(facts);
  assert.deepEqual(overlay?.remedy, [
    "sysctl -w net.ipv4.conf.underlay.rp_filter=1",
    "sysctl -w net.ipv4.conf.all.rp_filter=0",
  ]);
  assert.deepEqual(underlay, {
    key: "rp-filter underlay",
    severity: "warning",
    remedy: ["sysctl -w net.ipv4.conf.underlay.rp_filter=2"],
  });
  assert.deepEqual(others, []);
});

Deno.test("forwardingSettingsChecks warn of rp_filter strict on an overlay device with an address, and accept loose", () => {
  const facts = (rpFilter: Netconf["rpFilter"]) =>
    healthyNode({
      addresses: WITH_ADDRESS,
      netconf: netconfWith([VXLAN, { rpFilter }]),
    });
  assert.deepEqual(findings(facts("strict")), [{
    key: "rp-filter vxlan100",
    severity: "warning",
    remedy: ["sysctl -w net.ipv4.conf.vxlan100.rp_filter=2"],
  }]);
  assert.deepEqual(findings(facts("loose")), []);
});

Deno.test("forwardingSettingsChecks only warn of rp_filter on a device without ARP", () => {
  const facts = healthyNode({
    links: linksWith(
      link(VXLAN, { mac: "", type: { kind: "other", name: "wireguard" } }),
    ),
    netconf: netconfWith([VXLAN, { rpFilter: "loose" }]),
  });
  assert.deepEqual(findings(facts), [{
    key: "rp-filter vxlan100",
    severity: "warning",
    remedy: ["sysctl -w net.ipv4.conf.vxlan100.rp_filter=0"],
  }]);
});

Deno.test("forwardingSettingsChecks warn of rp_filter strict on the underlay only while the overlay has no address", () => {
  const netconf = netconfWith([UNDERLAY, { rpFilter: "strict" }]);
  assert.deepEqual(findings(healthyNode({ netconf })), [{
    key: "rp-filter underlay",
    severity: "warning",
    remedy: ["sysctl -w net.ipv4.conf.underlay.rp_filter=2"],
  }]);
  assert.deepEqual(findings(healthyNode({ addresses: WITH_ADDRESS, netconf })), []);
});

Deno.test("forwardingSettingsChecks accept rp_filter strict on the bridge, and loose on the underlay", () => {
  const facts = withSettings([BRIDGE, { rpFilter: "strict" }], [UNDERLAY, {
    rpFilter: "loose",
  }]);
  assert.deepEqual(findings(facts), []);
});

Deno.test("forwardingSettingsChecks say nothing without settings", () => {
  assert.deepEqual(findings(healthyNode({ netconf: [] })), []);
});
