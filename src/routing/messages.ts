import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { PendingReason } from "./route.ts";
import type { KernelRoute } from "./kernel_route.ts";
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

function oneLine(message: string): string {
  return message.replace(/\s*\n\s*/g, "; ");
}
