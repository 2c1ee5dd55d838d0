/** The options of the overlay's VXLAN devices, and the way that their packets take. */
import { LEAST_MTU, type Link, type LookedUp } from "../../dataplane/data_path.ts";
import type { Ipv4Address } from "../../ipam/address.ts";
import { commonPrefix, hostPrefix, prefixLength } from "../../ipam/cidr.ts";
import type { InterfaceName } from "../../routing/interface_name.ts";
import { countOf, listFew } from "../../shared/quote.ts";
import type { Facts } from "../facts.ts";
import { isOnLink } from "../facts/addresses.ts";
import { explainNoCarrier } from "../facts/carrier.ts";
import {
  NAMED,
  nodesBehind,
  type OverlayDevice,
  overlayDevices,
  peersOf,
  vniOfName,
  VXLAN_PORT,
  vxlanOf,
} from "../facts/overlay.ts";
import {
  brokenLowerDevices,
  lacksLocal,
  lowerDevices,
  roomFor,
  underlayDevice,
  VXLAN_OVERHEAD,
  type VxlanLink,
} from "../facts/underlay.ts";
import type { Finding } from "../finding.ts";
import { deleteAddress } from "../remedies/lines.ts";
import { asItWas, remake } from "../remedies/vxlan_device.ts";

/** A VXLAN device that desired routes lead through. */
interface VxlanOverlay extends OverlayDevice, VxlanLink {
  readonly link: Link;
}

/** Finds what is wrong with the overlay's VXLAN devices and with what is below them. */
export function vxlanChecks(facts: Facts): readonly Finding[] {
  return overlayDevices(facts).flatMap((overlay) => {
    const { link } = overlay;
    const vxlan = link === undefined ? undefined : vxlanOf(link);
    if (link === undefined || vxlan === undefined) return [];
    const device = { ...overlay, link, vxlan };
    return [vni, port, local, lowerDown, noRoute, mtu].flatMap((check) =>
      check(facts, device) ?? []
    );
  });
}

type DeviceCheck = (facts: Facts, device: VxlanOverlay) => Finding | undefined;

function finding(
  { device }: VxlanOverlay,
  rest: Omit<Finding, "severity" | "subject"> & Partial<Pick<Finding, "severity">>,
): Finding {
  return { severity: "critical", subject: { kind: "device", device }, ...rest };
}

const vni: DeviceCheck = (facts, overlay) => {
  const { device, vxlan } = overlay;
  const expected = vniOfName(device);
  if (expected === undefined || vxlan.vni === expected) return undefined;
  return finding(overlay, {
    id: "vxlan-vni",
    found:
      `${device} has VNI ${vxlan.vni}, expected ${expected}, because the mesh agent ` +
      "names its device after its VNI",
    meaning:
      `${device} and its peers drop each other's packets, so no packet reaches ` +
      nodesBehind(overlay),
    remedy: remakeCorrected(facts, overlay),
  });
};

const port: DeviceCheck = (facts, overlay) => {
  const { device, vxlan } = overlay;
  if (vxlan.port === VXLAN_PORT) return undefined;
  return finding(overlay, {
    id: "vxlan-port",
    found: `${device} uses UDP port ${vxlan.port}, expected ${VXLAN_PORT}, the port ` +
      "of the mesh agent",
    meaning: `The peers do not listen on port ${vxlan.port}, so no packet ` +
      `reaches ${nodesBehind(overlay)}`,
    remedy: remakeCorrected(facts, overlay),
  });
};

/** With the right VNI and port, so that the remedy of either finding ends both. */
function remakeCorrected(
  facts: Facts,
  { device, link, vxlan }: VxlanOverlay,
): readonly string[] {
  const vni = vniOfName(device) ?? vxlan.vni;
  return remake(asItWas(facts, link, { ...vxlan, vni, port: VXLAN_PORT }));
}

const local: DeviceCheck = (facts, overlay) => {
  const { device, vxlan } = overlay;
  if (vxlan.local === undefined || !lacksLocal(facts, vxlan)) return undefined;
  const underlay = underlayDevice(facts, overlay);
  const length = localPrefixLength(facts, overlay, vxlan.local, underlay);
  return finding(overlay, {
    id: "vxlan-local",
    found: `${device} sends from ${vxlan.local}, but no device of this node has that ` +
      `address`,
    meaning:
      `The kernel drops the packets that ${device} sends and those that arrive for ` +
      `it, so no packet reaches ${nodesBehind(overlay)}`,
    remedy: [`ip address add ${vxlan.local}/${length} dev ${underlay ?? "DEVICE"}`],
  });
};

/** A subnet of hosts is seldom smaller than this, and seldom larger than the other. */
const [LONGEST_SUBNET, SHORTEST_SUBNET] = [24, 16];

/** The prefix length that the lost address probably had. */
function localPrefixLength(
  facts: Facts,
  { device }: VxlanOverlay,
  local: Ipv4Address,
  underlay: InterfaceName | undefined,
): number {
  const beside = facts.addresses.find((each) =>
    each.device === underlay && each.prefixLength < 32 && isOnLink(each, local)
  );
  if (beside !== undefined) return beside.prefixLength;
  const peers = peersOf(facts, device);
  const areReached = peers.every((host) => {
    const way = facts.underlay.get(host);
    return way?.kind === "through" && way.device === underlay;
  });
  // Only the source address is missing, not the subnet's route.
  if (areReached) return 32;
  const common = prefixLength(commonPrefix([local, ...peers].map(hostPrefix)));
  return common < SHORTEST_SUBNET ? LONGEST_SUBNET : Math.min(common, LONGEST_SUBNET);
}

const lowerDown: DeviceCheck = (facts, overlay) => {
  const broken = brokenLowerDevices(facts, overlay);
  if (broken.length === 0) return undefined;
  const losses = broken.map((link) => {
    const { name, up } = link;
    if (!up) {
      return { what: `${name}, which is down`, lines: [`ip link set dev ${name} up`] };
    }
    const { found, remedy } = explainNoCarrier(facts.links, link);
    return { what: `${name}, which has ${found}`, lines: remedy };
  });
  return finding(overlay, {
    id: "underlay-down",
    found: `${overlay.device} sends through ` +
      losses.map(({ what }) => what).join(", and through "),
    meaning: `No packet reaches ${nodesBehind(overlay)}`,
    remedy: losses.flatMap(({ lines }) => lines),
  });
};

const noRoute: DeviceCheck = (facts, overlay) => {
  const { device, vxlan } = overlay;
  // Either alone takes the routes to the hosts away.
  const isExplained = lacksLocal(facts, vxlan) ||
    brokenLowerDevices(facts, overlay).length > 0;
  const peers = peersOf(facts, device);
  const hosts = peers.flatMap((host) => {
    const result = facts.underlay.get(host);
    const why = result === undefined
      ? undefined
      : whyUnreachable(facts, device, { host, result });
    if (result?.kind === "refused" && isExplained) return [];
    return why === undefined ? [] : { host, why };
  });
  if (hosts.length === 0) return undefined;
  const wayBack = waysBack(facts, overlay);
  const named = hosts.map(({ host, why }) => `${host} (${why})`);
  return finding(overlay, {
    id: "underlay-no-route",
    found: `${device} cannot reach ${hosts.length} of ` +
      `${countOf(peers.length, "peer")}: ` +
      listFew(named, NAMED),
    meaning: hosts.length === 1
      ? "No packet reaches the node on that host"
      : "No packet reaches the nodes on these hosts",
    remedy: hosts.flatMap(({ host }) => wayBack(host)),
  });
};

/** Undefined for a way that can carry packets. */
function whyUnreachable(
  { addresses }: Facts,
  device: InterfaceName,
  { host, result }: { readonly host: Ipv4Address; readonly result: LookedUp },
): string | undefined {
  const ownDevices = addresses.filter(({ address }) => address === host)
    .map(({ device }) => device);
  switch (result.kind) {
    case "through":
      return result.device === device
        ? `the route leads through ${device} itself`
        : undefined;
    case "local":
      return ownDevices.length === 0
        ? "the route leads to this node itself"
        : `${ownDevices.join(", ")} of this node has that address`;
    case "refused":
      // The answer of the kernel for a blackhole route does not name it.
      return result.why === "Invalid argument"
        ? "Invalid argument: a blackhole route"
        : result.why;
    default:
      return result satisfies never;
  }
}

/** Returns the lines that restore the route to a host, for all hosts of a device. */
function waysBack(
  facts: Facts,
  overlay: VxlanOverlay,
): (host: Ipv4Address) => readonly string[] {
  const underlay = underlayDevice(facts, overlay);
  const gateway = gatewayOf(facts, underlay) ?? "GATEWAY";
  const onUnderlay = facts.addresses.filter(({ device }) => device === underlay);
  return (host) => {
    if (facts.underlay.get(host)?.kind === "local") {
      const own = facts.addresses.filter(({ address }) => address === host);
      return own.length === 0
        ? [`ip route del table local ${host}`]
        : own.map(deleteAddress);
    }
    const isNear = onUnderlay.some((address) => isOnLink(address, host));
    const via = isNear ? "" : ` via ${gateway}`;
    return [`ip route replace ${host}/32${via} dev ${underlay ?? "DEVICE"}`];
  };
}

/** The gateway by which other hosts are reached through a device. */
function gatewayOf(
  { underlay }: Facts,
  through: string | undefined,
): Ipv4Address | undefined {
  for (const way of underlay.values()) {
    const isSo = way.kind === "through" && way.device === through;
    if (isSo && way.gateway !== undefined) return way.gateway;
  }
  return undefined;
}

const mtu: DeviceCheck = (facts, overlay) => {
  const { device, link } = overlay;
  const room = roomFor(facts, overlay);
  if (room === undefined || link.mtu <= room) return undefined;
  const below = lowerDevices(facts, overlay)
    .filter(({ mtu }) => mtu - VXLAN_OVERHEAD === room);
  const names = below.map(({ name }) => name).join(", ");
  return finding(overlay, {
    id: "mtu-too-large",
    severity: "warning",
    found: `${device} has MTU ${link.mtu}, but its headers take ${VXLAN_OVERHEAD} of ` +
      `the ${room + VXLAN_OVERHEAD} bytes that ${names} carries, which leaves ${room}`,
    meaning:
      `Packets over ${room} bytes to ${nodesBehind(overlay)} are dropped until ` +
      "their sender learns the path MTU: large transfers stall, or hang if a firewall " +
      "drops ICMP, although small pings succeed",
    // Without the room for IPv4 itself, the fault is below.
    remedy: room < LEAST_MTU
      ? below.map(({ name }) =>
        `ip link set dev ${name} mtu ${link.mtu + VXLAN_OVERHEAD}`
      )
      : [`ip link set dev ${device} mtu ${room}`],
  });
};
