import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { InterfaceName } from "./interface_name.ts";

/** A route to another node's subnet, whether or not it can be installed now. */
export interface Route {
  readonly destination: Ipv4Cidr;
  readonly device: InterfaceName;
}

/** Why a route cannot be installed yet. */
export type PendingReason = "missing" | "down" | "no-ipv4";
