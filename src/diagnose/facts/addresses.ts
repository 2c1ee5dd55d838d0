/** What the addresses of this node say about its devices and about other hosts. */
import type { InterfaceAddress } from "../../dataplane/data_path.ts";
import { enclosing, type Ipv4Address } from "../../ipam/address.ts";
import { contains, hostPrefix } from "../../ipam/cidr.ts";
import type { InterfaceName } from "../../routing/interface_name.ts";
import type { Facts } from "../facts.ts";

/** True for an address of the cluster, as containers and gateways have, and no host. */
export function isInCluster(
  { policy }: Pick<Facts, "policy">,
  address: Ipv4Address,
): boolean {
  return contains(policy.clusterCidr, hostPrefix(address));
}

/** True if a host is in the network that an address of this node makes. */
export function isOnLink(
  { address, prefixLength }: InterfaceAddress,
  host: Ipv4Address,
): boolean {
  return contains(enclosing(address, prefixLength), hostPrefix(host));
}

/** The devices that have an IPv4 address. */
export function addressedDevices(
  { addresses }: Pick<Facts, "addresses">,
): ReadonlySet<InterfaceName> {
  return new Set(addresses.map(({ device }) => device));
}
