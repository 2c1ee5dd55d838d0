/** Where the containers of this node are, as far as its addresses show it. */
import type { Link } from "../../dataplane/data_path.ts";
import {
  addressAfter,
  enclosing,
  firstAddress,
  type Ipv4Address,
} from "../../ipam/address.ts";
import { overlap } from "../../ipam/cidr.ts";
import type { InterfaceName } from "../../routing/interface_name.ts";
import type { Facts } from "../facts.ts";
import { isInCluster } from "./addresses.ts";

/** The bridges of the containers: those with an address inside the cluster CIDR. */
export function containerBridges(facts: Facts): readonly Link[] {
  const names = new Set(
    facts.addresses.filter(({ address }) => isInCluster(facts, address))
      .map(({ device }) => device),
  );
  return [...facts.links.values()].filter(({ name, type }) =>
    type.kind === "bridge" && names.has(name)
  );
}

/** A packet that a container of this node could send. */
export interface ContainerPacket {
  /** The bridge that it comes in through. */
  readonly device: InterfaceName;
  readonly source: Ipv4Address;
}

/** Undefined if no bridge has a network that has to do with the node's own subnet. */
export function containerPacket(
  { addresses, links, own }: Pick<Facts, "addresses" | "links" | "own">,
): ContainerPacket | undefined {
  if (own === undefined) return undefined;
  const { subnet } = own;
  const bridge = addresses.find(({ address, device, prefixLength }) =>
    links.get(device)?.type.kind === "bridge" &&
    overlap(enclosing(address, prefixLength), subnet)
  );
  // The kernel takes no packet from an address that is its own.
  const taken = new Set(addresses.map(({ address }) => address));
  const source = [1, 2, 3].map((count) => addressAfter(firstAddress(subnet), count))
    .find((address) => !taken.has(address));
  return bridge === undefined || source === undefined
    ? undefined
    : { device: bridge.device, source };
}
