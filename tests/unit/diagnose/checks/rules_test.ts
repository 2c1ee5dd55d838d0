import assert from "node:assert/strict";
import type { LookedUp, PolicyRule } from "../../../../src/dataplane/data_path.ts";
import { ruleChecks } from "../../../../src/diagnose/checks/rules.ts";
import type { Facts } from "../../../../src/diagnose/facts.ts";
import { cidr, device, found } from "../../../support/fixtures.ts";
import { summarize } from "../findings.ts";
import {
  ADDRESSES,
  addressOn,
  BRIDGE,
  bridgeLink,
  DEFAULT_RULES,
  healthyNode,
  link,
  linksWith,
  linksWithout,
  LO,
  lookup,
  netconfWith,
  onLink,
  rule,
  SECOND,
  THIRD,
  UNDERLAY,
  VXLAN,
  vxlanLink,
} from "../healthy_node.ts";

const ELSEWHERE = onLink(UNDERLAY);
const REFUSED: LookedUp = {
  kind: "refused",
  why: "RTNETLINK answers: No route to host",
};
const [LOCAL_RULE, MAIN_RULE, DEFAULT_RULE] = DEFAULT_RULES;

/** The healthy node with rules in front of the main table's. */
function withRules(rules: readonly PolicyRule[], change: Partial<Facts> = {}): Facts {
  return healthyNode({
    rules: [LOCAL_RULE, ...rules, MAIN_RULE, DEFAULT_RULE],
    ...change,
  });
}

/** The same, where packets to the second node take another way. */
function astray(
  rules: readonly PolicyRule[],
  result: LookedUp = ELSEWHERE,
  change: Partial<Facts> = {},
): Facts {
  return withRules(rules, {
    forwarded: [lookup(SECOND, result), lookup(THIRD)],
    ...change,
  });
}

function findings(facts: Facts) {
  return summarize(ruleChecks(facts));
}

function bypass(
  remedy: readonly string[],
  { about = "this node", severity = "critical" } = {},
) {
  return [{ key: `rule-bypasses-main ${about}`, severity, remedy }];
}

for (
  const [what, one, remedy, about] of [
    [
      "to a destination",
      rule(100, 100, { destination: SECOND }),
      "ip rule del priority 100 to 10.42.2.0/24 lookup 100",
      "10.42.2.0/24",
    ],
    [
      "to an address of a destination",
      rule(100, 100, { destination: cidr("10.42.2.2/32") }),
      "ip rule del priority 100 to 10.42.2.2/32 lookup 100",
      "10.42.2.0/24",
    ],
    [
      "from the containers",
      rule(100, 100, { source: cidr("10.42.1.0/24"), iif: BRIDGE }),
      "ip rule del priority 100 from 10.42.1.0/24 iif quilt0 lookup 100",
      "this node",
    ],
    [
      "for every packet",
      rule(5_270, 52),
      "ip rule del priority 5270 lookup 52",
      "this node",
    ],
    [
      "for packets without a mark",
      rule(32_765, 51_820, { isNarrower: true }),
      "ip rule del priority 32765 lookup 51820",
      "this node",
    ],
  ] as const
) {
  Deno.test(`ruleChecks blame a rule ${what} if a look-up goes astray`, () => {
    assert.deepEqual(findings(astray([one])), bypass([remedy], { about }));
  });
}

Deno.test("ruleChecks blame a rule without a table if a look-up is refused", () => {
  const one = rule(100, undefined, { destination: cidr("10.42.0.0/16") });
  const remedy = ["ip rule del priority 100 to 10.42.0.0/16"];
  assert.deepEqual(findings(astray([one], REFUSED)), bypass(remedy));
  const [finding] = ruleChecks(astray([one], REFUSED));
  assert.equal(
    finding?.found,
    "Rule 100: from all to 10.42.0.0/16 without a table is tried before the rule of the main table",
  );
  assert.equal(
    finding?.meaning,
    "Packets of containers to 10.42.2.0/24 do not enter the overlay",
  );
});

Deno.test("ruleChecks do not blame a rule without a table for a packet that goes through a device", () => {
  const one = rule(100, undefined);
  assert.deepEqual(
    findings(astray([one])).map(({ key }) => key),
    ["forwarded-elsewhere 10.42.2.0/24"],
  );
});

Deno.test("ruleChecks blame the rule that names the overlay before those of others", () => {
  const tailscale = rule(5_270, 52);
  const marked = rule(90, 7, { isNarrower: true });
  const culprit = rule(100, 100, { destination: SECOND });
  assert.deepEqual(
    findings(astray([marked, culprit, tailscale])),
    bypass(["ip rule del priority 100 to 10.42.2.0/24 lookup 100"], {
      about: "10.42.2.0/24",
    }),
  );
});

Deno.test("ruleChecks blame no rule that cannot match the packet", () => {
  const others = [
    rule(100, 100, { destination: cidr("192.0.2.0/24") }),
    rule(101, 100, { source: cidr("192.0.2.0/24") }),
    rule(102, 100, { iif: UNDERLAY }),
    rule(103, 254),
    rule(104, 253),
  ];
  assert.deepEqual(
    findings(astray(others)).map(({ key }) => key),
    ["forwarded-elsewhere 10.42.2.0/24"],
  );
});

Deno.test("ruleChecks accept rules of VPNs, clouds and other CNIs while the look-ups go right", () => {
  const harmless = [
    rule(9, 2_004, { isNarrower: true }),
    rule(512, 254, { destination: cidr("10.42.1.7/32") }),
    // A VRF's rule has no table, and is about packets of a VRF alone.
    rule(1_000, undefined, { isNarrower: true }),
    rule(5_230, 253, { isNarrower: true }),
    rule(5_250, undefined, { isNarrower: true }),
    rule(5_270, 52),
    rule(5_300, 100, { source: cidr("10.0.0.0/8") }),
    rule(5_400, 100, { destination: cidr("10.42.0.0/16") }),
    rule(5_500, 100, { destination: cidr("10.42.200.0/24") }),
    rule(32_764, 254, { isNarrower: true }),
    rule(32_765, 51_820, { isNarrower: true }),
  ];
  assert.deepEqual(findings(withRules(harmless)), []);
});

Deno.test("ruleChecks accept a rule behind the main table's", () => {
  const rules = [...DEFAULT_RULES, rule(40_000, 100, { destination: SECOND })];
  assert.deepEqual(findings(healthyNode({ rules })), []);
});

for (
  const [what, one, remedy] of [
    [
      "from one container",
      rule(100, 100, { source: cidr("10.42.1.7/32") }),
      "ip rule del priority 100 from 10.42.1.7/32 lookup 100",
    ],
    [
      "for what comes in through the overlay",
      rule(100, 100, { iif: VXLAN }),
      "ip rule del priority 100 iif vxlan100 lookup 100",
    ],
    [
      "to the own subnet",
      rule(100, 100, { destination: cidr("10.42.1.0/24") }),
      "ip rule del priority 100 to 10.42.1.0/24 lookup 100",
    ],
  ] as const
) {
  Deno.test(`ruleChecks warn of a rule ${what}, which no look-up has tried`, () => {
    assert.deepEqual(
      findings(withRules([one])),
      bypass([remedy], { severity: "warning" }),
    );
  });
}

Deno.test("ruleChecks accept a rule behind one that leads the whole cluster to the main table", () => {
  const shield = rule(90, 254, { destination: cidr("10.42.0.0/16") });
  const one = rule(100, 100, { source: cidr("10.42.1.7/32") });
  assert.deepEqual(findings(withRules([shield, one])), []);
  assert.equal(findings(withRules([one, shield])).length, 1);
});

Deno.test("ruleChecks print the name of a device that no shell should see in quotes, and never in a command", () => {
  const [finding] = ruleChecks(
    withRules([rule(100, 100, { iif: "a;reboot", destination: SECOND })]),
  );
  assert.match(finding?.found ?? "", / iif "a;reboot" /);
  assert.deepEqual(finding?.remedy, [
    "ip rule del priority 100 to 10.42.2.0/24 lookup 100",
  ]);
});

Deno.test("ruleChecks find that no rule leads into the main table", () => {
  const rules = [LOCAL_RULE, DEFAULT_RULE];
  const forwarded = [SECOND, THIRD].map((destination) => lookup(destination, REFUSED));
  const expected = bypass(["ip rule add priority 32766 lookup main"]);
  assert.deepEqual(findings(healthyNode({ rules, forwarded })), expected);
  assert.deepEqual(findings(healthyNode({ rules, forwarded: [] })), expected);
  assert.deepEqual(findings(healthyNode({ rules: [], forwarded: [] })), []);
});

Deno.test("ruleChecks find a rule that leads into the table of the records", () => {
  const remedy = ["ip rule del priority 100 lookup 142"];
  const key = "rule-names-state-table this node";
  const one = rule(100, 142);
  const expected = [{ key, severity: "critical", remedy }];
  assert.deepEqual(findings(astray([one], REFUSED)), expected);
  assert.deepEqual(findings(withRules([one])), expected);
});

Deno.test("ruleChecks only warn of a rule into the table of the records for marked packets, or behind the main table", () => {
  const marked = withRules([rule(100, 142, { isNarrower: true })]);
  const behind = healthyNode({ rules: [...DEFAULT_RULES, rule(40_000, 142)] });
  for (const facts of [marked, behind]) {
    assert.deepEqual(findings(facts).map(({ key, severity }) => `${key} ${severity}`), [
      "rule-names-state-table this node warning",
    ]);
  }
});

Deno.test("ruleChecks give a look at a packet that goes elsewhere if nothing explains it", () => {
  const facts = astray([]);
  assert.deepEqual(findings(facts), [{
    key: "forwarded-elsewhere 10.42.2.0/24",
    severity: "critical",
    remedy: ["ip route get 10.42.2.1 from 10.42.1.2 iif quilt0"],
  }]);
  assert.equal(
    ruleChecks(facts)[0]?.found,
    "A packet from quilt0 to 10.42.2.0/24 goes through underlay, expected through " +
      "vxlan100",
  );
});

Deno.test("ruleChecks name a destination once, whatever the bridges that packets come from", () => {
  const other = { ...lookup(SECOND, ELSEWHERE), from: device("br1") };
  const facts = healthyNode({ forwarded: [lookup(SECOND, ELSEWHERE), other] });
  assert.equal(ruleChecks(facts).length, 1);
});

Deno.test("ruleChecks have an address of a peer deleted that this node has", () => {
  const facts = astray([], { kind: "local" }, {
    addresses: [...ADDRESSES, addressOn(LO, "10.42.2.1", 32)],
  });
  assert.deepEqual(findings(facts), [{
    key: "forwarded-elsewhere 10.42.2.0/24",
    severity: "critical",
    remedy: ["ip address del 10.42.2.1/32 dev lo"],
  }]);
});

Deno.test("ruleChecks have a bridge taken out of a VRF, and blame none of its rules", () => {
  const vrf = device("vrf1");
  const links = linksWith(
    link(vrf, { type: { kind: "other", name: "vrf" } }),
    bridgeLink({ master: vrf }),
  );
  const rules = [rule(1_000, undefined, { isNarrower: true })];
  assert.deepEqual(findings(astray(rules, REFUSED, { links })), [{
    key: "forwarded-elsewhere quilt0",
    severity: "critical",
    remedy: ["ip link set dev quilt0 nomaster"],
  }]);
});

const SHADOW = found(cidr("10.42.2.0/25"), { device: UNDERLAY, protocol: 3 });
for (
  const [what, result, change] of [
    ["forwarding is off", REFUSED, {
      netconf: netconfWith([BRIDGE, { forwarding: false }]),
    }],
    ["a more specific route shadows it", ELSEWHERE, {
      routes: [...healthyNode().routes, SHADOW],
    }],
    ["its route has just gone", REFUSED, { routes: [] }],
    ["its route is not installed", REFUSED, {
      wanted: [{ destination: SECOND, device: VXLAN, installed: false }],
    }],
    ["its device is down", REFUSED, {
      links: linksWith(vxlanLink({}, { up: false, carrier: false })),
    }],
    ["its device is missing", REFUSED, { links: linksWithout(VXLAN) }],
    ["nobody wants it", REFUSED, { wanted: [] }],
  ] as const
) {
  Deno.test(`ruleChecks say nothing of a look-up that goes astray because ${what}`, () => {
    assert.deepEqual(findings(astray([rule(5_270, 52)], result, change)), []);
  });
}
