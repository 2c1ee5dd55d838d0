/** Which part a device plays in the data path, and which settings hold for it. */
import type { Link, Netconf } from "../dataplane/data_path.ts";
import { hostPrefix } from "../ipam/cidr.ts";
import { contains } from "../ipam/cidr.ts";
import type { InterfaceName } from "../routing/interface_name.ts";
import type { Facts } from "./facts.ts";

/** The names of the devices that wanted routes go through. */
export function overlayNames({ wanted }: Facts): ReadonlySet<InterfaceName> {
  return new Set(wanted.map(({ device }) => device));
}

/**
 * The overlay's devices that exist and route packets. A port of a bridge does not: its
 * bridge takes every packet away from it.
 */
export function routedOverlays(facts: Facts): readonly Link[] {
  return [...overlayNames(facts)].flatMap((name) => {
    const link = facts.links.get(name);
    return link === undefined || isBridgePort(facts, link) ? [] : [link];
  });
}

/** True for a port of a bridge; a bond or a VRF carries packets well. */
export function isBridgePort({ links }: Facts, { master }: Link): boolean {
  return master !== undefined && links.get(master)?.type.kind === "bridge";
}

/** The bridges of the containers: those with an address inside the cluster CIDR. */
export function containerBridges(facts: Facts): readonly Link[] {
  const { clusterCidr } = facts.policy;
  const names = new Set(
    facts.addresses.filter(({ address }) => contains(clusterCidr, hostPrefix(address)))
      .map(({ device }) => device),
  );
  return [...facts.links.values()].filter(({ name, type }) =>
    type.kind === "bridge" && names.has(name)
  );
}

/** True if a device resolves its neighbours by ARP, as those with a MAC address do. */
export function usesArp({ mac }: Link): boolean {
  // Of a tunnel without Ethernet `ip` shows an IPv4 address in its place.
  return /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/.test(mac);
}

/** The IPv4 settings of a device; those of all devices for undefined. */
export function settingsOf(
  { netconf }: Facts,
  device: InterfaceName | undefined,
): Netconf | undefined {
  return netconf.find((settings) => settings.device === device);
}
