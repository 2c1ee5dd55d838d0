/**
 * The shell lines that make a VXLAN device. The kernel changes neither its VNI nor its
 * port in place, so a device with a wrong one is made again; the sidecar itself brings the
 * routes back.
 */
import {
  FLOOD_MAC,
  type InterfaceAddress,
  LEAST_MTU,
  type Link,
  type Vxlan,
} from "../../dataplane/data_path.ts";
import type { Ipv4Address } from "../../ipam/address.ts";
import type { InterfaceName } from "../../routing/interface_name.ts";
import type { Facts } from "../facts.ts";
import { inOrder, peersOf, usesArp } from "../facts/overlay.ts";
import { settingsOf } from "../facts/settings.ts";
import { roomFor } from "../facts/underlay.ts";
import { floodTo, setSysctl } from "./lines.ts";

/** A VXLAN device as it should be. */
export interface VxlanDevice {
  readonly name: InterfaceName;
  /**
   * The link-layer address; empty: the kernel chooses one. With another one than before,
   * the peers' neighbour entries are wrong for up to a minute.
   */
  readonly mac: string;
  /** In bytes. The kernel takes none under 68. */
  readonly mtu: number;
  readonly vxlan: Vxlan;
  readonly addresses: readonly Pick<InterfaceAddress, "address" | "prefixLength">[];
  /** The hosts to which it should forward packets for unknown addresses. */
  readonly peers: readonly Ipv4Address[];
  readonly proxyArp: boolean;
}

/** The lines that delete a device and make it again. */
export function remake(device: VxlanDevice): readonly string[] {
  return [`ip link del dev ${device.name}`, ...make(device)];
}

/** The lines that make a device which is not there. */
export function make(device: VxlanDevice): readonly string[] {
  const { addresses, mac, mtu, name, peers, proxyArp, vxlan } = device;
  const { local, port, underlay, vni } = vxlan;
  const words = [
    `ip link add ${name}`,
    // The kernel refuses the one of zeros.
    ...usesArp(device) && mac !== FLOOD_MAC ? [`address ${mac}`] : [],
    `type vxlan id ${vni} dstport ${port}`,
    ...local === undefined ? [] : [`local ${local}`],
    ...underlay === undefined ? [] : [`dev ${underlay}`],
  ];
  return [
    words.join(" "),
    `ip link set dev ${name} mtu ${mtu}`,
    `ip link set dev ${name} up`,
    ...addresses.map(({ address, prefixLength }) =>
      `ip address add ${address}/${prefixLength} dev ${name}`
    ),
    ...peers.map((peer) => floodTo(name, peer)),
    ...proxyArp ? [setSysctl(name, "proxy_arp", 1)] : [],
  ];
}

/**
 * A device as it is or as it was when it was last seen, with the peers that it has had
 * besides, and without what the kernel would refuse to make.
 */
export function asItWas(facts: Facts, link: Link, vxlan: Vxlan): VxlanDevice {
  const { addresses, links, remembered } = facts;
  const { mac, name } = link;
  const before = remembered.get(name);
  const room = roomFor(facts, { link, vxlan }) ?? link.mtu;
  const { underlay } = vxlan;
  return {
    name,
    mac,
    mtu: Math.max(Math.min(link.mtu, room), LEAST_MTU),
    vxlan: {
      ...vxlan,
      underlay: underlay !== undefined && links.has(underlay) ? underlay : undefined,
    },
    addresses: addresses.filter(({ device }) => device === name),
    peers: inOrder([...before?.peers ?? [], ...peersOf(facts, name)]),
    proxyArp: before?.proxyArp === true || settingsOf(facts, name)?.proxyArp === true,
  };
}
