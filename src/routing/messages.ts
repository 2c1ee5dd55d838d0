import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { PendingReason } from "./route.ts";
import { type KernelRoute, OUR_PROTOCOL } from "./kernel_route.ts";
import type { InterfaceName } from "./interface_name.ts";

/** A route that has to wait for its device. */
export function describePending(reason: PendingReason, device: InterfaceName): string {
  switch (reason) {
    case "missing":
      return `Interface '${device}' not found`;
    case "down":
      return `Interface '${device}' is down`;
    case "no-ipv4":
      return `The kernel refuses routes through '${device}': No such device; its MTU ` +
        `is under 68, so it has no IPv4; run: ip link set dev ${device} mtu 1450`;
  }
}

/** A destination whose route the kernel made for an address of this very host. */
export function describeConnected(
  destination: Ipv4Cidr,
  device: InterfaceName | undefined,
): string {
  return `${destination} is directly connected on ${device ?? "this node"}; ` +
    "refusing to replace it";
}

/** Ours went away for a route that the kernel made for an address of this very host. */
export function describeWithdrawn(device: InterfaceName | undefined): string {
  return `Withdrawn, because directly connected on ${device ?? "this node"}`;
}

/** InjectRoute for the subnet that this node hands out itself. */
export function describeOwnSubnet(destination: Ipv4Cidr): string {
  return `Destination ${destination} is this node's own subnet`;
}

/** SyncRoutes for a destination that another call, which came later, spoke about. */
export function describeOvertaken(destination: Ipv4Cidr): string {
  return `Another call asked otherwise about ${destination} meanwhile; that stands`;
}

/** The one refusal that concerns every RPC that writes. */
export const PERMISSION_DENIED =
  "Permission denied: changing routes needs CAP_NET_ADMIN; " +
  "start the sidecar with that capability (README, Privileges)";

/** A refusal of the kernel that no rule of ours foresaw, in its own words. */
export function describeRefused(subject: string, words: string): string {
  return `The kernel refused ${subject}: ${oneLine(words)}`;
}

/** An `ip` that was lost again and again: what is true was never learned. */
export function describeLost(subject: string, why: string): string {
  return `No answer from the kernel about ${subject}: ${oneLine(why)}; ` +
    "the state is unconfirmed, ask again";
}

/** A route that gave way, for the operator who may miss it. */
export function describeReplaced(over: KernelRoute, device: InterfaceName): string {
  return `Replaced route ${over.destination}${attributes(over)} by ours dev ${device}`;
}

/** The same of routes that differ in nothing but the destination, which stands apart. */
export function describeReplacedAlike(
  over: KernelRoute,
  device: InterfaceName,
): string {
  return `Replaced route${attributes(over)} by ours dev ${device}`;
}

/** Whose a route is, and what tells it from another one for the same destination. */
function attributes({ device, metric, protocol, tos }: KernelRoute): string {
  const through = device === undefined ? "" : ` dev ${device}`;
  const service = tos === 0 ? "" : ` tos 0x${tos.toString(16)}`;
  return `${through} proto ${protocol} metric ${metric}${service}`;
}

/** A device whose packets never come back: the bridge keeps the ARP answers. */
export function describeBridgePort(
  device: InterfaceName,
  bridge: InterfaceName,
): string {
  return `${device} is a port of bridge ${bridge}: the kernel accepts routes through ` +
    `it but no packet gets through; run: ip link set dev ${device} nomaster && ` +
    `sysctl -w net.ipv4.conf.${device}.proxy_arp=1`;
}

/** An entry of table 142 with our protocol number that this process did not write. */
export function describeOtherWriter(prefix: Ipv4Cidr): string {
  return `Another process has written ${prefix} into table ${OUR_PROTOCOL}, as a second ` +
    "sidecar in this network namespace does: each of two removes what the other was " +
    "asked for, so end one of them; find both with: pgrep -af 'main.ts serve'";
}

/** More peers in the overlay than routes through it. */
export interface MissingRoutes {
  readonly device: InterfaceName;
  /** How many peers the device forwards to. */
  readonly peers: number;
  /** The destinations that are wanted through it, ascending. */
  readonly routes: readonly Ipv4Cidr[];
  readonly clusterCidr: Ipv4Cidr;
  readonly nodePrefix: number;
  /** The call that asks for a route to SUBNET. */
  readonly command: string;
}

/** Destinations that a sentence about missing routes names. */
const NAMED = 32;

/** A peer without a route, for the operator: only he knows which one it is. */
export function describeMissingRoutes(
  { clusterCidr, command, device, nodePrefix, peers, routes }: MissingRoutes,
): string {
  const rest = routes.length - NAMED;
  const more = rest > 0 ? ` and ${rest} more, which deno task status shows` : "";
  const named = routes.length === 0
    ? "no route is wanted through it"
    : `only ${routes.length} ${
      routes.length === 1 ? "route is" : "routes are"
    } wanted ` +
      `through it (${routes.slice(0, NAMED).join(", ")}${more})`;
  return `${device} forwards to ${peers} ${
    peers === 1 ? "peer" : "peers"
  } but ${named}: ` +
    "an InjectRoute was lost while nobody listened, and the mesh agent does not repeat " +
    "it; do not stop the agent, because it would remove the routes that work; find the " +
    `node without a route, and ask for its subnet, a /${nodePrefix} of ${clusterCidr}, ` +
    `in the place of SUBNET: ${command}`;
}

function oneLine(words: string): string {
  return words.replace(/\s*\n\s*/g, "; ");
}
