/** What a VXLAN device's packets leave through, and come in by. */
import type { Link, Vxlan } from "../../dataplane/data_path.ts";
import type { InterfaceName } from "../../routing/interface_name.ts";
import type { Facts } from "../facts.ts";
import { isOnLink } from "./addresses.ts";
import { peersOf } from "./overlay.ts";

/** The bytes that VXLAN adds: IPv4 20, UDP 8, VXLAN 8 and Ethernet 14 (RFC 7348). */
export const VXLAN_OVERHEAD = 50;

/** A VXLAN device with its options. */
export interface VxlanLink {
  readonly link: Link;
  readonly vxlan: Vxlan;
}

/**
 * The devices that the packets leave through. Where the peers' hosts are looked up, that
 * tells: the option `dev` plays no part in the way to a host of the FDB.
 */
export function lowerDevices(facts: Facts, device: VxlanLink): readonly Link[] {
  const through = waysToPeers(facts, device);
  if (through.length > 0) return linksOf(facts, through);
  const option = linksOf(facts, [device.vxlan.underlay]);
  return option.length > 0 ? option : linksOf(facts, holdersOf(facts, device.vxlan));
}

/**
 * Those below a VXLAN device that stop its packets: what leaves needs a device that is up
 * and has carrier, and what comes in one that is up and has the `local` address.
 */
export function brokenLowerDevices(facts: Facts, device: VxlanLink): readonly Link[] {
  const holders = linksOf(facts, holdersOf(facts, device.vxlan));
  return [
    ...new Set([
      ...lowerDevices(facts, device).filter(({ carrier, up }) => !up || !carrier),
      ...holders.every(({ up }) => !up) ? holders : [],
    ]),
  ];
}

/** True if no device of this node has the `local` address. */
export function lacksLocal({ addresses }: Facts, { local }: Vxlan): boolean {
  return local !== undefined && !addresses.some(({ address }) => address === local);
}

/** The device that the node reaches its peers' hosts by; undefined if it is unknown. */
export function underlayDevice(
  facts: Facts,
  device: VxlanLink,
): InterfaceName | undefined {
  const { links } = facts;
  const never: readonly string[] = ["lo", device.link.name];
  const isLikely = (name: InterfaceName | undefined): boolean =>
    name !== undefined && !never.includes(name) && links.has(name);
  return [
    device.vxlan.underlay,
    ...holdersOf(facts, device.vxlan),
    ...waysToPeers(facts, device),
  ].find(isLikely) ?? besidePeers(facts, device).find(isLikely);
}

/** The devices with an address whose network a peer's host is in. */
function besidePeers(facts: Facts, { link }: VxlanLink): readonly InterfaceName[] {
  const peers = peersOf(facts, link.name);
  return facts.addresses
    .filter((address) => peers.some((peer) => isOnLink(address, peer)))
    .map(({ device }) => device);
}

/** The largest MTU that the packets have room for; undefined if it is unknown. */
export function roomFor(facts: Facts, device: VxlanLink): number | undefined {
  const lower = lowerDevices(facts, device).map(({ mtu }) => mtu);
  return lower.length === 0 ? undefined : Math.min(...lower) - VXLAN_OVERHEAD;
}

/** The devices that look-ups of the peers' hosts lead through, but for the device. */
function waysToPeers(
  facts: Facts,
  { link }: VxlanLink,
): readonly InterfaceName[] {
  return peersOf(facts, link.name).flatMap((host) => {
    const way = facts.underlay.get(host);
    return way?.kind === "through" && way.device !== link.name ? way.device : [];
  });
}

function holdersOf(
  { addresses }: Facts,
  { local }: Vxlan,
): readonly InterfaceName[] {
  return addresses.filter(({ address }) => address === local)
    .map(({ device }) => device);
}

function linksOf(
  { links }: Facts,
  names: readonly (InterfaceName | undefined)[],
): readonly Link[] {
  return [...new Set(names)].flatMap((name) =>
    name === undefined ? [] : links.get(name) ?? []
  );
}
