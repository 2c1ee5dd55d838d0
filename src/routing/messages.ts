import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { PendingReason } from "./route.ts";
import type { KernelRoute } from "./kernel_route.ts";
import type { InterfaceName } from "./interface_name.ts";
import { countOf } from "../shared/quote.ts";

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

/** Several routes that wait for the same reason, for a log line that lists them. */
export function describeWaiting(reason: string, count: number): string {
  return `${countOf(count, "route")} ${count === 1 ? "is" : "are"} pending (${reason})`;
}

/** A destination that has a connected route, which the kernel adds for an own address. */
export function describeConnected(
  destination: Ipv4Cidr,
  device: InterfaceName | undefined,
): string {
  return `${destination} is directly connected on ${device ?? "this node"}; ` +
    "refusing to replace it";
}

/** Our routes were removed, because the kernel has added connected routes. */
export function describeWithdrawn(
  device: InterfaceName | undefined,
  count: number,
): string {
  const they = count === 1 ? "it is" : "they are";
  return `Withdrew ${countOf(count, "route")}, because ${they} directly connected on ` +
    (device ?? "this node");
}

/** InjectRoute for the node's own subnet. */
export function describeOwnSubnet(destination: Ipv4Cidr): string {
  return `Destination ${destination} is this node's own subnet`;
}

/** SyncRoutes for a destination that a newer call has changed. */
export function describeOvertaken(destination: Ipv4Cidr): string {
  return `A newer call has changed ${destination} in the meantime, and takes precedence`;
}

/** The answer of every RPC that writes, without CAP_NET_ADMIN. */
export const PERMISSION_DENIED =
  "Permission denied: changing routes needs CAP_NET_ADMIN; " +
  "start the sidecar with that capability (docs/security.md, Privileges)";

/** Any other refusal of the kernel, with its message. */
export function describeRefused(subject: string, message: string): string {
  return `The kernel refused ${subject}: ${oneLine(message)}`;
}

/** `ip` kept failing, so that the state of the kernel is unknown. */
export function describeLost(subject: string, why: string): string {
  return `No answer from the kernel about ${subject}: ${oneLine(why)}; ` +
    "the state is unknown, call again";
}

/** A route of another owner that ours replaced, for the log. */
export function describeReplaced(over: KernelRoute, device: InterfaceName): string {
  return `Replaced route ${over.destination}${
    attributes(over)
  } with ours dev ${device}`;
}

/** The same for several routes, whose destinations the log line lists. */
export function describeReplacedAlike(
  over: KernelRoute,
  device: InterfaceName,
  count: number,
): string {
  const routes = countOf(count, "route");
  return `Replaced ${routes}${attributes(over)} with ours dev ${device}`;
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
