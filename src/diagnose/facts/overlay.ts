/** The devices that desired routes lead through, and the peers behind them. */
import {
  FLOOD_MAC,
  type ForwardingEntry,
  type Link,
  type Vxlan,
} from "../../dataplane/data_path.ts";
import { addressToNumber, type Ipv4Address } from "../../ipam/address.ts";
import type { InterfaceName } from "../../routing/interface_name.ts";
import { countOf } from "../../shared/quote.ts";
import type { Facts, WantedRoute } from "../facts.ts";

/** The UDP port that IANA assigned to VXLAN (RFC 7348): the mesh agent's. */
export const VXLAN_PORT = 4789;

/** How many peers or destinations one sentence names. */
export const NAMED = 8;

/** A device that desired routes lead through. */
export interface OverlayDevice {
  readonly device: InterfaceName;
  /** At least one, in ascending order of destination. */
  readonly routes: readonly WantedRoute[];
  /** Undefined if there is no such device. */
  readonly link: Link | undefined;
}

/** Each device that desired routes lead through. */
export function overlayDevices(
  { links, wanted }: Pick<Facts, "links" | "wanted">,
): readonly OverlayDevice[] {
  const byDevice = Map.groupBy(wanted, ({ device }) => device);
  return [...byDevice].map(([device, routes]) => ({
    device,
    routes,
    link: links.get(device),
  }));
}

/** Their names. */
export function overlayNames(
  { wanted }: Pick<Facts, "wanted">,
): ReadonlySet<InterfaceName> {
  return new Set(wanted.map(({ device }) => device));
}

/**
 * Those that exist and route packets. A port of a bridge does not: its bridge takes every
 * packet away from it.
 */
export function routedOverlays(facts: Facts): readonly Link[] {
  return overlayDevices(facts).flatMap(({ link }) =>
    link === undefined || bridgeOver(facts, link) !== undefined ? [] : [link]
  );
}

/** The bridge that a device is a port of; a bond or a VRF carries packets well. */
export function bridgeOver(
  { links }: Pick<Facts, "links">,
  { master }: Link,
): InterfaceName | undefined {
  const isPort = master !== undefined && links.get(master)?.type.kind === "bridge";
  return isPort ? master : undefined;
}

/**
 * True for a device with a MAC address, which resolves its neighbours by ARP. Of a tunnel
 * without Ethernet `ip` shows an IPv4 address in its place.
 */
export function usesArp({ mac }: Pick<Link, "mac">): boolean {
  return /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/.test(mac);
}

/** Its options, if the device is a VXLAN device. */
export function vxlanOf({ type }: Link): Vxlan | undefined {
  return type.kind === "vxlan" ? type.vxlan : undefined;
}

/**
 * The VNI that the mesh agent means by a device's name: `vxlan100` has VNI 100. Undefined
 * for a name of another kind, and for `vxlan0`, whose number only counts devices.
 */
export function vniOfName(device: InterfaceName): number | undefined {
  const [, digits] = /^vxlan[._-]?([0-9]{1,8})$/.exec(device) ?? [];
  const vni = Number(digits ?? 0);
  return vni > 0 && vni < 2 ** 24 ? vni : undefined;
}

/** The hosts that a device forwards packets for unknown addresses to. */
export function peersOf(
  facts: Pick<Facts, "forwarding" | "links">,
  device: InterfaceName,
): readonly Ipv4Address[] {
  return hostsOf(facts, device, ({ mac }) => mac === FLOOD_MAC);
}

/** Every host in the FDB of a device: its peers, and those that it has learned. */
export function hostsInFdb(
  facts: Pick<Facts, "forwarding" | "links">,
  device: InterfaceName,
): readonly Ipv4Address[] {
  return hostsOf(facts, device, () => true);
}

/**
 * In ascending order. The device's own `local` address is none of them: what it sends
 * there it takes itself.
 */
function hostsOf(
  { forwarding, links }: Pick<Facts, "forwarding" | "links">,
  device: InterfaceName,
  isSought: (entry: ForwardingEntry) => boolean,
): readonly Ipv4Address[] {
  const link = links.get(device);
  const local = link === undefined ? undefined : vxlanOf(link)?.local;
  const hosts = forwarding
    .filter((entry) => entry.device === device && isSought(entry))
    .flatMap(({ host }) => host === undefined || host === local ? [] : [host]);
  return inOrder(hosts);
}

/** Each address once, in ascending order: the order of the FDB means nothing. */
export function inOrder(addresses: Iterable<Ipv4Address>): readonly Ipv4Address[] {
  return [...new Set(addresses)].toSorted((one, other) =>
    addressToNumber(one) - addressToNumber(other)
  );
}

/** `1 desired route leads through it`. */
export function wantedThroughIt({ routes }: Pick<OverlayDevice, "routes">): string {
  const verb = routes.length === 1 ? "leads" : "lead";
  return `${countOf(routes.length, "desired route")} ${verb} through it`;
}

/** `the 2 nodes behind vxlan100`: each desired route is another node's subnet. */
export function nodesBehind(
  { device, routes }: Pick<OverlayDevice, "device" | "routes">,
): string {
  const nodes = routes.length === 1 ? "node" : `${routes.length} nodes`;
  return `the ${nodes} behind ${device}`;
}
