/** The part of docs/troubleshooting.md that is made from the checks. */
import { CHECKS } from "../../src/diagnose/checks.ts";
import type { Facts } from "../../src/diagnose/facts.ts";
import {
  type Finding,
  FINDING_IDS,
  type FindingId,
} from "../../src/diagnose/finding.ts";
import type { InterfaceName } from "../../src/routing/interface_name.ts";
import { DEFAULT_TARGET, grpcurlCommand } from "../../src/shared/grpcurl.ts";
import {
  ADDRESSES,
  addressOn,
  BRIDGE,
  DEFAULT_RULES,
  entry,
  flood,
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
  SECOND_HOST,
  SECOND_MAC,
  THIRD_HOST,
  THIRD_MAC,
  UNDERLAY,
  VXLAN,
  vxlanLink,
  wantedTo,
} from "../unit/diagnose/healthy_node.ts";
import { address, cidr, found } from "./fixtures.ts";
import { type GeneratedPart, replacePart, table } from "./generated_part.ts";
import { repository } from "./serve_task.ts";

/** The page that has it. */
export const FINDINGS_PAGE = `${repository}/docs/troubleshooting.md`;

const PART: GeneratedPart = {
  begin: "<!-- Made by deno task generate from src/diagnose/checks/: -->",
  end: "<!-- End of what deno task generate makes. -->",
};

const PEERS = flood([SECOND_HOST, THIRD_HOST]);
const [LOCAL_RULE, ...OTHER_RULES] = DEFAULT_RULES;
const NEW_MAC = "02:00:00:00:00:0a";

/** A peer that was asked through the overlay. */
function probed(gateway: "answered" | "silent"): Facts["probed"] {
  const state = gateway === "silent"
    ? { kind: "silent" } as const
    : { kind: "answered", afterMs: 1 } as const;
  return [{
    destination: SECOND,
    device: VXLAN,
    gateway: { address: address("10.42.2.1"), state },
    proxied: { address: address("10.42.2.254"), state: { kind: "silent" } },
  }];
}

/** As the sidecar itself says it, where it listens by default. */
function injectCommand(device: InterfaceName): string {
  return grpcurlCommand(DEFAULT_TARGET, "quilt.QuiltRuntime/InjectRoute", {
    destination: "SUBNET",
    via_interface: device,
  });
}

/** What makes the healthy node have each finding. */
const FAULTS: Readonly<Record<FindingId, Partial<Facts>>> = {
  "no-permission": { notPermitted: true },
  "other-sidecar": { otherSidecar: cidr("10.42.9.0/24") },
  "device-missing": { links: linksWithout(VXLAN) },
  "device-down": { links: linksWith(vxlanLink({}, { up: false, carrier: false })) },
  "device-without-ipv4": { links: linksWith(vxlanLink({}, { mtu: 67 })) },
  "device-no-carrier": { links: linksWith(vxlanLink({}, { carrier: false })) },
  "bridge-port": { links: linksWith(vxlanLink({}, { master: BRIDGE })) },
  "vxlan-vni": { links: linksWith(vxlanLink({ vni: 101 })) },
  "vxlan-port": { links: linksWith(vxlanLink({ port: 8472 })) },
  "vxlan-local": {
    addresses: ADDRESSES.filter(({ device }) => device !== UNDERLAY),
  },
  "underlay-down": {
    links: linksWith(link(UNDERLAY, { up: false, carrier: false })),
  },
  "underlay-no-route": {
    underlay: new Map([
      [SECOND_HOST, { kind: "refused", why: "Network is unreachable" }],
      [THIRD_HOST, onLink(UNDERLAY)],
    ]),
  },
  "fdb-empty": { forwarding: [], remembered: new Map() },
  "fdb-lost": { forwarding: flood([THIRD_HOST]) },
  "fdb-fewer": { forwarding: flood([THIRD_HOST]), remembered: new Map() },
  "forwarding-off": {
    netconf: netconfWith(
      [undefined, { forwarding: false }],
      [VXLAN, { forwarding: false }],
      [BRIDGE, { forwarding: false }],
    ),
  },
  "device-forwarding-off": { netconf: netconfWith([BRIDGE, { forwarding: false }]) },
  "proxy-arp-off": { netconf: netconfWith([VXLAN, { proxyArp: false }]) },
  "rule-bypasses-main": {
    rules: [
      LOCAL_RULE,
      rule(100, 77, { source: cidr("10.42.1.0/24") }),
      ...OTHER_RULES,
    ],
    forwarded: [lookup(SECOND, onLink(UNDERLAY))],
  },
  "rule-names-state-table": {
    rules: [
      LOCAL_RULE,
      rule(80, 142, { destination: cidr("10.42.0.0/16") }),
      ...OTHER_RULES,
    ],
  },
  "forwarded-elsewhere": {
    addresses: [...ADDRESSES, addressOn(LO, "10.42.2.1", 32)],
    forwarded: [lookup(SECOND, { kind: "local" })],
  },
  "route-shadowed": {
    routes: [
      ...healthyNode().routes,
      found(cidr("10.42.2.0/25"), { device: UNDERLAY, protocol: 3 }),
    ],
  },
  "route-contended": {
    contended: [{
      destination: SECOND,
      repairs: 12,
      protocol: undefined,
      everyMs: 5_000,
    }],
  },
  "subnet-unassigned": {
    addresses: ADDRESSES.filter(({ device }) => device !== BRIDGE),
  },
  "gateway-missing": {
    addresses: [
      ...ADDRESSES.filter(({ device }) => device !== BRIDGE),
      addressOn(BRIDGE, "10.42.1.9", 24),
    ],
  },
  "bridge-prefix": {
    addresses: [
      ...ADDRESSES.filter(({ device }) => device !== BRIDGE),
      addressOn(BRIDGE, "10.42.0.1", 16),
    ],
  },
  "neighbour-stale": {
    forwarding: [
      ...PEERS,
      entry(SECOND_MAC, SECOND_HOST, 7),
      entry(NEW_MAC, SECOND_HOST, 5),
      entry(THIRD_MAC, THIRD_HOST, 400),
    ],
  },
  "peer-unreachable": { probed: probed("silent") },
  "peer-proxy-arp": { probed: probed("answered") },
  "mtu-too-large": { links: linksWith(link(UNDERLAY, { mtu: 1400 })) },
  "rp-filter": { netconf: netconfWith([VXLAN, { rpFilter: "strict" }]) },
  "missing-routes": { wanted: wantedTo(2) },
};

/** A finding of each kind, as the checks say it. @throws {Error} if one finds nothing */
export function sampleFindings(): readonly Finding[] {
  return FINDING_IDS.map((id) => {
    const facts = healthyNode({ injectCommand, ...FAULTS[id] });
    const sample = CHECKS.flatMap((check) => check(facts))
      .find((finding) => finding.id === id);
    if (sample === undefined) {
      throw new Error(`The sample of ${id} leads to no finding`);
    }
    return sample;
  });
}

/** The page with the table of all findings made anew. @throws as `replacePart` does */
export function withFindings(page: string): Promise<string> {
  const rows = sampleFindings().map(({ found, id, meaning, remedy, severity }) => [
    id,
    severity,
    `${found}<br>${meaning}`,
    remedyCell(remedy),
  ]);
  return replacePart(
    page,
    PART,
    table(["Finding", "Severity", "Example of the message", "Commands"], rows),
  );
}

/** How many lines of a remedy a cell has. */
const LINES = 2;

function remedyCell(remedy: readonly string[]): string {
  const lines = remedy.slice(0, LINES).map((line) => `\`${line}\``);
  const more = remedy.length - LINES;
  return [...lines, ...more > 0 ? [`and ${more} more`] : []].join("<br>");
}
