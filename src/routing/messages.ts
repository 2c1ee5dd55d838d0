import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { PendingReason } from "./route.ts";
import { type KernelRoute, OUR_PROTOCOL } from "./kernel_route.ts";
import type { InterfaceName } from "./interface_name.ts";

/** A route that waits for its device. */
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

/** A destination that has a connected route, which the kernel adds for an own address. */
export function describeConnected(
  destination: Ipv4Cidr,
  device: InterfaceName | undefined,
): string {
  return `${destination} is directly connected on ${device ?? "this node"}; ` +
    "refusing to replace it";
}

/** Our route was removed, because the kernel has added a connected route. */
export function describeWithdrawn(device: InterfaceName | undefined): string {
  return `Withdrawn, because directly connected on ${device ?? "this node"}`;
}

/** InjectRoute for the node's own subnet. */
export function describeOwnSubnet(destination: Ipv4Cidr): string {
  return `Destination ${destination} is this node's own subnet`;
}

/** SyncRoutes for a destination that a newer call has changed. */
export function describeOvertaken(destination: Ipv4Cidr): string {
  return `Another call asked otherwise about ${destination} meanwhile; that stands`;
}

/** The answer of every RPC that writes, without CAP_NET_ADMIN. */
export const PERMISSION_DENIED =
  "Permission denied: changing routes needs CAP_NET_ADMIN; " +
  "start the sidecar with that capability (README, Privileges)";

/** Any other refusal of the kernel, with its message. */
export function describeRefused(subject: string, message: string): string {
  return `The kernel refused ${subject}: ${oneLine(message)}`;
}

/** `ip` kept failing, so that the state of the kernel is unknown. */
export function describeLost(subject: string, why: string): string {
  return `No answer from the kernel about ${subject}: ${oneLine(why)}; ` +
    "the state is unconfirmed, ask again";
}

/** A route of another owner that ours replaced, for the log. */
export function describeReplaced(over: KernelRoute, device: InterfaceName): string {
  return `Replaced route ${over.destination}${attributes(over)} by ours dev ${device}`;
}

/** The same for several routes, whose destinations the log line lists. */
export function describeReplacedAlike(
  over: KernelRoute,
  device: InterfaceName,
): string {
  return `Replaced route${attributes(over)} by ours dev ${device}`;
}

/** The attributes that show the owner of a route, and distinguish it from others. */
function attributes({ device, metric, protocol, tos }: KernelRoute): string {
  const through = device === undefined ? "" : ` dev ${device}`;
  const service = tos === 0 ? "" : ` tos 0x${tos.toString(16)}`;
  return `${through} proto ${protocol} metric ${metric}${service}`;
}

/** A device that carries no packets, because its bridge takes the ARP answers. */
export function describeBridgePort(
  device: InterfaceName,
  bridge: InterfaceName,
): string {
  return `${device} is a port of bridge ${bridge}: the kernel accepts routes through ` +
    `it but no packet gets through; run: ip link set dev ${device} nomaster && ` +
    `sysctl -w net.ipv4.conf.${device}.proxy_arp=1`;
}

/** Another process wrote an entry of table 142 with our protocol number. */
export function describeOtherWriter(prefix: Ipv4Cidr): string {
  return `Another process has written ${prefix} into table ${OUR_PROTOCOL}, as a second ` +
    "sidecar in this network namespace does: each of two removes what the other was " +
    "asked for, so end one of them; find both with: pgrep -af 'main.ts serve'";
}

/** A device with more peers in its FDB than routes. */
export interface MissingRoutes {
  readonly device: InterfaceName;
  /** To how many peers the device forwards packets. */
  readonly peers: number;
  /** The destinations of the desired routes through it, in ascending order. */
  readonly routes: readonly Ipv4Cidr[];
  readonly clusterCidr: Ipv4Cidr;
  readonly nodePrefix: number;
  /** The command that injects a route to SUBNET. */
  readonly command: string;
}

/** How many destinations the sentence names. */
const NAMED = 32;

/** A peer has no route. Only the operator can find out which one. */
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

function oneLine(message: string): string {
  return message.replace(/\s*\n\s*/g, "; ");
}
