/** Faults of the data path, each planted on one of two hosts whose containers talk. */
import type { FindingId } from "../../src/diagnose/finding.ts";
import type { Namespace } from "../support/namespace.ts";
import type { TwoHosts } from "./two_hosts.ts";

/** A fault, and what it does. */
export interface PlantedFault {
  /** The finding that names it. */
  readonly id: FindingId;
  /** What an operator would call it; in docs/troubleshooting.md. */
  readonly title: string;
  /** Shell lines, on the first host. */
  readonly plant: readonly string[];
  /** Shell lines on the first host while no sidecar runs, so that none remembers. */
  readonly whileStopped?: readonly string[];
  /** Shell lines on the second host. */
  readonly onPeer?: readonly string[];
  /**
   * `stops`: containers no longer reach each other; `stops for a while`: the kernel mends
   * it in half a minute, because it forgets what it has learned; `risk`: containers still
   * reach each other.
   */
  readonly effect: "stops" | "stops for a while" | "risk";
  /** Replaces words of the remedy that only an operator can know. */
  readonly fill?: Readonly<Record<string, string>>;
  /** Shell lines afterwards, for what the remedy leaves: the fault's own set-up. */
  readonly clear?: readonly string[];
}

const CONF = "/proc/sys/net/ipv4/conf";

/** On a host with routes to 10.42.2.0/24, which answers, and to 10.42.3.0/24. */
export const PLANTED_FAULTS: readonly PlantedFault[] = [
  {
    id: "device-missing",
    title: "The overlay's device was deleted",
    plant: ["ip link del vxlan100"],
    effect: "stops",
  },
  {
    id: "device-down",
    title: "The overlay's device is down",
    plant: ["ip link set vxlan100 down"],
    effect: "stops",
  },
  {
    id: "device-no-carrier",
    title: "The overlay's device has no carrier, because protodown is on",
    plant: ["ip link set vxlan100 protodown on"],
    effect: "stops",
  },
  {
    id: "bridge-port",
    title: "The overlay's device became a port of the containers' bridge",
    plant: ["ip link set vxlan100 master quilt0"],
    effect: "stops",
  },
  {
    id: "vxlan-vni",
    title: "The overlay's device has another VNI than its peers",
    plant: [
      "ip link del vxlan100",
      "ip link add vxlan100 type vxlan id 101 dstport 4789 local 198.51.100.1 dev underlay",
      "ip link set vxlan100 up",
      "bridge fdb append 00:00:00:00:00:00 dev vxlan100 dst 198.51.100.2",
      "bridge fdb append 00:00:00:00:00:00 dev vxlan100 dst 198.51.100.3",
      `echo 1 > ${CONF}/vxlan100/proxy_arp`,
    ],
    effect: "stops",
  },
  {
    id: "vxlan-port",
    title: "The overlay's device sends to another UDP port than its peers listen on",
    plant: [
      "ip link del vxlan100",
      "ip link add vxlan100 type vxlan id 100 dstport 8472 local 198.51.100.1 dev underlay",
      "ip link set vxlan100 up",
      "bridge fdb append 00:00:00:00:00:00 dev vxlan100 dst 198.51.100.2",
      "bridge fdb append 00:00:00:00:00:00 dev vxlan100 dst 198.51.100.3",
      `echo 1 > ${CONF}/vxlan100/proxy_arp`,
    ],
    effect: "stops",
  },
  {
    id: "vxlan-local",
    title: "The host lost the address that the overlay sends from",
    plant: ["ip address del 198.51.100.1/24 dev underlay"],
    effect: "stops",
  },
  {
    id: "underlay-down",
    title: "The device below the overlay is down",
    plant: ["ip link set underlay down"],
    effect: "stops",
  },
  {
    id: "underlay-no-route",
    title: "The host has no route to a peer's host",
    plant: ["ip route add blackhole 198.51.100.2/32"],
    effect: "stops",
  },
  {
    id: "fdb-empty",
    title: "The FDB was emptied while no sidecar ran",
    whileStopped: [
      "bridge fdb del 00:00:00:00:00:00 dev vxlan100 dst 198.51.100.2",
      "bridge fdb del 00:00:00:00:00:00 dev vxlan100 dst 198.51.100.3",
    ],
    plant: [],
    effect: "stops",
    clear: ["bridge fdb append 00:00:00:00:00:00 dev vxlan100 dst 198.51.100.3"],
  },
  {
    id: "fdb-fewer",
    title: "A peer was deleted from the FDB while no sidecar ran",
    whileStopped: ["bridge fdb del 00:00:00:00:00:00 dev vxlan100 dst 198.51.100.3"],
    plant: [],
    effect: "risk",
    fill: { HOST: "198.51.100.3" },
  },
  {
    id: "fdb-lost",
    title: "The overlay's device was created again, and its FDB is empty",
    plant: [
      "ip link del vxlan100",
      "ip link add vxlan100 type vxlan id 100 dstport 4789 local 198.51.100.1 dev underlay",
      "ip link set vxlan100 up",
      `echo 1 > ${CONF}/vxlan100/proxy_arp`,
    ],
    effect: "stops",
  },
  {
    id: "fdb-lost",
    title: "One peer was deleted from the overlay's FDB",
    plant: [
      "bridge fdb del 00:00:00:00:00:00 dev vxlan100 dst 198.51.100.2",
      "ip neigh flush dev vxlan100",
    ],
    effect: "stops",
  },
  {
    id: "forwarding-off",
    title: "IPv4 forwarding is off",
    plant: ["echo 0 > /proc/sys/net/ipv4/ip_forward"],
    effect: "stops",
  },
  {
    id: "device-forwarding-off",
    title: "IPv4 forwarding is off for the containers' bridge",
    plant: [`echo 0 > ${CONF}/quilt0/forwarding`],
    effect: "stops",
  },
  {
    id: "device-forwarding-off",
    title: "IPv4 forwarding is off for the overlay's device",
    plant: [`echo 0 > ${CONF}/vxlan100/forwarding`],
    effect: "stops",
  },
  {
    id: "proxy-arp-off",
    title: "The overlay's device does not answer ARP for the containers",
    plant: [`echo 0 > ${CONF}/vxlan100/proxy_arp`],
    effect: "stops",
  },
  {
    id: "rule-bypasses-main",
    title: "A rule sends the containers' packets past the main table",
    plant: [
      "ip route add blackhole default table 77",
      "ip rule add from 10.42.1.0/24 lookup 77 priority 100",
    ],
    effect: "stops",
    clear: ["ip route del blackhole default table 77"],
  },
  {
    id: "rule-bypasses-main",
    title: "A rule prohibits packets from the containers' bridge",
    plant: ["ip rule add iif quilt0 prohibit priority 90"],
    effect: "stops",
  },
  {
    id: "rule-names-state-table",
    title: "A rule sends packets through the sidecar's own table 142",
    plant: ["ip rule add to 10.42.0.0/16 lookup 142 priority 80"],
    effect: "stops",
  },
  {
    id: "forwarded-elsewhere",
    title: "This node has the address of a peer's gateway",
    plant: ["ip address add 10.42.2.1/32 dev lo"],
    effect: "risk",
  },
  {
    id: "route-shadowed",
    title: "A more specific route leads out of the overlay",
    plant: ["ip route add 10.42.2.0/25 dev underlay"],
    effect: "stops",
  },
  {
    id: "route-shadowed",
    title: "A more specific blackhole route drops packets to a part of a peer's subnet",
    plant: ["ip route add blackhole 10.42.2.2/32 proto static"],
    effect: "stops",
  },
  {
    id: "subnet-unassigned",
    title: "No device has an address of the node's own subnet",
    plant: ["ip address del 10.42.1.1/24 dev quilt0"],
    effect: "stops",
  },
  {
    id: "gateway-missing",
    title: "The containers' bridge has another address than the gateway",
    plant: [
      // The deletion of the first address takes the others of its prefix along.
      "ip address del 10.42.1.1/24 dev quilt0",
      "ip address add 10.42.1.9/24 dev quilt0",
    ],
    effect: "stops",
  },
  {
    id: "bridge-prefix",
    title: "The containers' bridge has the whole cluster's /16 and no gateway",
    plant: [
      "ip address add 10.42.0.1/16 dev quilt0",
      "ip address del 10.42.1.1/24 dev quilt0",
    ],
    effect: "stops",
    clear: ["ip address del 10.42.0.1/16 dev quilt0"],
  },
  {
    id: "mtu-too-large",
    title: "The overlay's MTU leaves no room for the VXLAN headers",
    plant: ["ip link set underlay mtu 1400"],
    effect: "risk",
    clear: ["ip link set underlay mtu 1500", "ip link set vxlan100 mtu 1450"],
  },
  {
    id: "rp-filter",
    title: "Strict reverse path filtering drops the peers' ARP requests",
    plant: [`echo 1 > ${CONF}/all/rp_filter`],
    effect: "stops",
    clear: [`echo 0 > ${CONF}/all/rp_filter`, `echo 0 > ${CONF}/vxlan100/rp_filter`],
  },
  {
    id: "missing-routes",
    title: "The FDB has a peer, and no client requested the route to its subnet",
    plant: ["bridge fdb append 00:00:00:00:00:00 dev vxlan100 dst 198.51.100.4"],
    effect: "risk",
    fill: { SUBNET: "10.42.4.0/24" },
  },
  {
    id: "neighbour-stale",
    title: "A peer's device was created again, and this node still uses its old MAC",
    onPeer: [
      "ip link del vxlan100",
      "ip link add vxlan100 type vxlan id 100 dstport 4789 local 198.51.100.2 dev underlay",
      "ip link set vxlan100 up",
      "bridge fdb append 00:00:00:00:00:00 dev vxlan100 dst 198.51.100.1",
      `echo 1 > ${CONF}/vxlan100/proxy_arp`,
      // What any packet to a container of the other host begins with.
      "ip neigh add 10.42.1.99 dev vxlan100 use",
    ],
    plant: [],
    effect: "stops for a while",
  },
];

/** True if the remedy calls the sidecar. */
export function needsGrpcurl({ id }: PlantedFault): boolean {
  return id === "missing-routes";
}

/** Runs shell lines in a namespace. @throws {Error} if one fails */
export async function runLines(
  namespace: Namespace,
  lines: readonly string[],
  path = "$PATH",
): Promise<void> {
  for (const line of lines) {
    const { code, stderr } = await namespace.run(["sh", "-c", `PATH=${path}; ${line}`]);
    if (code !== 0) throw new Error(`${line}: ${stderr}`);
  }
}

/** Empties the neighbour tables, which hide a fault for a while. */
export async function forgetNeighbours({ one, two }: TwoHosts): Promise<void> {
  for (const { container, host } of [one, two]) {
    await host.run(["ip", "neigh", "flush", "dev", "vxlan100"]);
    await container.run(["ip", "neigh", "flush", "dev", "eth0"]);
  }
}
