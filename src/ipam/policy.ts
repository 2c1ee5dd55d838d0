import { err, ok, type Result } from "../shared/result.ts";
import {
  type CidrFault,
  contains,
  type Ipv4Cidr,
  parseCidr,
  prefixLength,
} from "./cidr.ts";
import { quote } from "../shared/quote.ts";

/** The rules for the subnets of the nodes of a cluster. */
export interface ClusterPolicy {
  /** Every node subnet lies within it. */
  readonly clusterCidr: Ipv4Cidr;
  /** The prefix length of every node subnet, from the cluster's own to 30. */
  readonly nodePrefix: number;
}

/** The longest prefix with two host addresses. */
const MAX_NODE_PREFIX = 30;

/**
 * Checks the two options of `serve` that define the policy.
 *
 * @param clusterCidr the cluster's CIDR, e.g. `10.42.0.0/16`, without host bits
 * @param nodePrefix a whole number, at least the cluster's prefix length, at most 30
 * @returns the policy, or one sentence with the fault and the remedy
 */
export function checkClusterPolicy(
  clusterCidr: string,
  nodePrefix: number,
): Result<ClusterPolicy, string> {
  const cluster = parseCidr(clusterCidr);
  if (!cluster.ok) {
    return err(
      cluster.fault.kind === "malformed"
        ? `Invalid cluster CIDR format: ${quote(clusterCidr)}; ` +
          "use an IPv4 CIDR such as --cluster-cidr 10.42.0.0/16"
        : `Cluster CIDR ${clusterCidr} has host bits set; ` +
          `use --cluster-cidr ${cluster.fault.network}`,
    );
  }
  // If a node subnet could be /0, a peer's route could replace the default route.
  const shortest = Math.max(1, prefixLength(cluster.value));
  if (shortest > MAX_NODE_PREFIX) {
    return err(
      `Cluster CIDR ${cluster.value} is too small for a node subnet; ` +
        `use a --cluster-cidr of /${MAX_NODE_PREFIX} or shorter`,
    );
  }
  const inRange = nodePrefix >= shortest && nodePrefix <= MAX_NODE_PREFIX;
  if (!Number.isInteger(nodePrefix) || !inRange) {
    return err(
      `Invalid node prefix ${nodePrefix}; within cluster CIDR ${cluster.value} ` +
        `use a --node-prefix from ${shortest} to ${MAX_NODE_PREFIX}`,
    );
  }
  return ok({ clusterCidr: cluster.value, nodePrefix });
}

/**
 * Checks the position of the gateway in a node's subnet.
 *
 * @param index the offset from the network address
 * @param nodePrefix the prefix length of every node subnet, at most 30
 * @returns the index, or one sentence with the fault and the remedy
 */
export function checkGatewayIndex(
  index: number,
  nodePrefix: number,
): Result<number, string> {
  // The last address is the broadcast address.
  const last = 2 ** (32 - nodePrefix) - 2;
  return Number.isInteger(index) && index >= 1 && index <= last ? ok(index) : err(
    `Invalid gateway index ${index}; in a node subnet of /${nodePrefix} ` +
      `use a --gateway-index from 1 to ${last}`,
  );
}

/**
 * Checks the subnet of this node or of a peer against the cluster's policy.
 *
 * If several checks fail, the first in this order is reported: malformed, wrong prefix
 * length, host bits, outside the cluster.
 */
export function checkNodeCidr(
  text: string,
  policy: ClusterPolicy,
): Result<Ipv4Cidr, CidrFault> {
  const parsed = parseCidr(text);
  const meant = parsed.ok
    ? parsed.value
    : parsed.fault.kind === "host-bits"
    ? parsed.fault.network
    : undefined;
  if (meant === undefined) return parsed;
  const got = prefixLength(meant);
  if (got !== policy.nodePrefix) {
    return err({ kind: "prefix", got, want: policy.nodePrefix });
  }
  if (!parsed.ok) return parsed;
  return contains(policy.clusterCidr, parsed.value)
    ? parsed
    : err({ kind: "outside", cidr: parsed.value, cluster: policy.clusterCidr });
}

/** True if the policy allows this prefix as a node's subnet. */
export function isNodeCidr(
  cidr: Ipv4Cidr,
  { clusterCidr, nodePrefix }: ClusterPolicy,
): boolean {
  return prefixLength(cidr) === nodePrefix && contains(clusterCidr, cidr);
}

/** The message for a client, in the field `error`. */
export function describeCidrFault(
  fault: CidrFault,
  noun: "Subnet" | "Destination",
): string {
  switch (fault.kind) {
    case "malformed":
      return `Invalid ${noun.toLowerCase()} CIDR format: ${quote(fault.text)}`;
    case "prefix":
      return `${noun} must be /${fault.want}, got /${fault.got}`;
    case "host-bits":
      return `${noun} ${fault.text} has host bits set; did you mean ${fault.network}?`;
    case "outside":
      return `${noun} ${fault.cidr} must be within cluster CIDR ${fault.cluster}`;
    default:
      return fault satisfies never;
  }
}
