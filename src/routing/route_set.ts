import { err, ok, type Result } from "../shared/result.ts";
import type { Ipv4Cidr } from "../ipam/cidr.ts";
import {
  checkNodeCidr,
  type ClusterPolicy,
  describeCidrFault,
} from "../ipam/policy.ts";
import { describeInterfaceNameFault, parseInterfaceName } from "./interface_name.ts";
import type { Route } from "./route.ts";

/** A wanted route as a client states it. */
export interface StatedRoute {
  readonly destination: string;
  readonly device: string;
}

/**
 * Checks a set of routes that a client states as a whole.
 *
 * @returns all of them, or one sentence about the first that is not valid, with its
 * position from 0: `routes[2]: Destination must be /24, got /16`
 */
export function checkRouteSet(
  stated: readonly StatedRoute[],
  policy: ClusterPolicy,
): Result<readonly Route[], string> {
  const positions = new Map<Ipv4Cidr, number>();
  const wanted: Route[] = [];
  for (const [position, route] of stated.entries()) {
    const checked = checkRoute(route, policy);
    if (!checked.ok) return err(`routes[${position}]: ${checked.fault}`);
    const { destination } = checked.value;
    const first = positions.get(destination);
    if (first !== undefined) {
      return err(
        `routes[${position}]: Destination ${destination} is stated twice, ` +
          `first in routes[${first}]; state each destination once`,
      );
    }
    positions.set(destination, position);
    wanted.push(checked.value);
  }
  return ok(wanted);
}

function checkRoute(
  stated: StatedRoute,
  policy: ClusterPolicy,
): Result<Route, string> {
  const destination = checkNodeCidr(stated.destination, policy);
  if (!destination.ok) return err(describeCidrFault(destination.fault, "Destination"));
  const device = parseInterfaceName(stated.device);
  if (!device.ok) return err(describeInterfaceNameFault(device.fault));
  return ok({ destination: destination.value, device: device.value });
}
