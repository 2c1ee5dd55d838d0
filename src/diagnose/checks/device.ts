/** The devices that desired routes lead through: there, up, with IPv4, and no port. */
import { LEAST_MTU, type Link } from "../../dataplane/data_path.ts";
import type { InterfaceName } from "../../routing/interface_name.ts";
import type { Facts } from "../facts.ts";
import { isInCluster } from "../facts/addresses.ts";
import { explainNoCarrier } from "../facts/carrier.ts";
import {
  bridgeOver,
  nodesBehind,
  type OverlayDevice,
  overlayDevices,
  overlayNames,
  vniOfName,
  VXLAN_PORT,
  vxlanOf,
  wantedThroughIt,
} from "../facts/overlay.ts";
import { brokenLowerDevices, roomFor } from "../facts/underlay.ts";
import type { Finding, FindingId } from "../finding.ts";
import { setSysctl } from "../remedies/lines.ts";
import { asItWas, make } from "../remedies/vxlan_device.ts";

/** The MTU of a VXLAN device over Ethernet's 1500. */
const USUAL_MTU = 1450;

/** Finds what is wrong with the devices themselves. */
export function deviceChecks(facts: Facts): readonly Finding[] {
  return overlayDevices(facts).flatMap((overlay) => {
    const { link } = overlay;
    return link === undefined
      ? [missing(facts, overlay)]
      : [...unusable(facts, overlay, link), ...bridgePort(facts, overlay, link)];
  });
}

function finding(
  id: FindingId,
  overlay: OverlayDevice,
  rest: Pick<Finding, "found" | "remedy"> & Partial<Pick<Finding, "meaning">>,
): Finding {
  return {
    id,
    severity: "critical",
    subject: { kind: "device", device: overlay.device },
    meaning: `No packet reaches ${nodesBehind(overlay)}`,
    ...rest,
  };
}

/** The first of these that is so; each of them hides the ones behind it. */
function unusable(
  facts: Facts,
  overlay: OverlayDevice,
  link: Link,
): readonly Finding[] {
  const { device } = overlay;
  if (!link.up) {
    return [finding("device-down", overlay, {
      found: `${device} is down, but ${wantedThroughIt(overlay)}`,
      remedy: [`ip link set dev ${device} up`],
    })];
  }
  if (link.mtu < LEAST_MTU) return [withoutIpv4(facts, overlay, link)];
  return link.carrier ? [] : noCarrier(facts, overlay, link);
}

function withoutIpv4(facts: Facts, overlay: OverlayDevice, link: Link): Finding {
  const { device } = overlay;
  const vxlan = vxlanOf(link);
  const room = vxlan === undefined ? undefined : roomFor(facts, { link, vxlan });
  const mtu = room === undefined || room < LEAST_MTU
    ? USUAL_MTU
    : Math.min(USUAL_MTU, room);
  // With IPv4 the kernel takes all of its settings away.
  const proxied = facts.remembered.get(device)?.proxyArp === true;
  return finding("device-without-ipv4", overlay, {
    found: `${device} has no IPv4, because its MTU is ${link.mtu}, and IPv4 needs ` +
      `at least ${LEAST_MTU}`,
    meaning: "The kernel refuses every route through it, so no packet reaches " +
      nodesBehind(overlay),
    remedy: [
      `ip link set dev ${device} mtu ${mtu}`,
      ...proxied ? [setSysctl(device, "proxy_arp", 1)] : [],
    ],
  });
}

function noCarrier(
  facts: Facts,
  overlay: OverlayDevice,
  link: Link,
): readonly Finding[] {
  const vxlan = vxlanOf(link);
  // The check of the underlay names the cause.
  if (vxlan !== undefined && brokenLowerDevices(facts, { link, vxlan }).length > 0) {
    return [];
  }
  const { found, remedy } = explainNoCarrier(facts.links, link);
  return [finding("device-no-carrier", overlay, {
    found: `${overlay.device} is up but has ${found}`,
    remedy,
  })];
}

function bridgePort(
  facts: Facts,
  overlay: OverlayDevice,
  link: Link,
): readonly Finding[] {
  const bridge = bridgeOver(facts, link);
  if (bridge === undefined) return [];
  const { device } = overlay;
  return [finding("bridge-port", overlay, {
    found: `${device} is a port of bridge ${bridge}, but ${wantedThroughIt(overlay)}`,
    meaning: "The bridge takes the ARP replies that arrive at its port, so no packet " +
      `reaches ${nodesBehind(overlay)}`,
    remedy: [
      `ip link set dev ${device} nomaster`,
      setSysctl(device, "proxy_arp", 1),
    ],
  })];
}

function missing(facts: Facts, overlay: OverlayDevice): Finding {
  const { device } = overlay;
  const before = facts.remembered.get(device)?.link;
  const now = renamedTo(facts, device, before);
  if (now !== undefined) {
    return finding("device-missing", overlay, {
      found: `${device} does not exist, because it was renamed to ${now}, but ` +
        wantedThroughIt(overlay),
      // Only newer kernels rename a device that is up.
      remedy: [
        `ip link set dev ${now} down`,
        `ip link set dev ${now} name ${device}`,
        `ip link set dev ${device} up`,
      ],
    });
  }
  if (before === undefined) return missingUnknown(facts, overlay);
  const lower = vxlanOf(before)?.underlay;
  const without = lower === undefined || facts.links.has(lower)
    ? ""
    : ` because ${lower}, which it sent through, does not exist either`;
  return finding("device-missing", overlay, {
    found: `${device} does not exist${without}, but ${wantedThroughIt(overlay)}`,
    remedy: makeAgain(facts, before),
  });
}

/** The name that a device has now: its own index and address, or its VNI and port. */
function renamedTo(
  facts: Facts,
  device: InterfaceName,
  before: Link | undefined,
): InterfaceName | undefined {
  const used = overlayNames(facts);
  const sought = before === undefined
    ? { vni: vniOfName(device), port: VXLAN_PORT }
    : vxlanOf(before);
  return [...facts.links.values()].find((link) => {
    if (used.has(link.name)) return false;
    if (before?.ifindex === link.ifindex && before.mac === link.mac) return true;
    const vxlan = vxlanOf(link);
    // The kernel makes no second one with the same VNI and port.
    return vxlan !== undefined && vxlan.vni === sought?.vni &&
      vxlan.port === sought.port;
  })?.name;
}

function makeAgain(facts: Facts, link: Link): readonly string[] {
  const { name, type } = link;
  const up = `ip link set dev ${name} up`;
  switch (type.kind) {
    case "vxlan":
      return make(asItWas(facts, link, type.vxlan));
    case "bridge":
      return [`ip link add ${name} type bridge`, up];
    case "other":
      // No command makes a physical device.
      return KIND.test(type.name) ? [`ip link add ${name} type ${type.name}`, up] : [];
    default:
      return type satisfies never;
  }
}

/** What a kernel's name of a kind of device looks like. */
const KIND = /^[a-z0-9_-]+$/i;

/** Only the name of the device is known: the mesh agent makes it a VXLAN device. */
function missingUnknown(facts: Facts, overlay: OverlayDevice): Finding {
  const { device } = overlay;
  const vni = vniOfName(device) ?? "VNI";
  const own = ownHost(facts);
  const hint = own === undefined
    ? "; replace HOST with the address of this node to which its peers forward"
    : "";
  return finding("device-missing", overlay, {
    found: `${device} does not exist, but ${wantedThroughIt(overlay)}`,
    meaning: `No packet reaches ${nodesBehind(overlay)}${hint}`,
    remedy: [
      `ip link add ${device} type vxlan id ${vni} dstport ${VXLAN_PORT} ` +
      `local ${own ?? "HOST"}`,
      `ip link set dev ${device} up`,
    ],
  });
}

/** This node's address outside of the cluster; undefined if it has several. */
function ownHost(facts: Facts): string | undefined {
  const [only, ...others] = facts.addresses.filter(({ address }) =>
    !address.startsWith("127.") && !isInCluster(facts, address)
  );
  if (only === undefined || others.length > 0) return undefined;
  // With the device below, the kernel chooses an MTU that leaves room for the headers.
  return only.device === "lo" ? only.address : `${only.address} dev ${only.device}`;
}
