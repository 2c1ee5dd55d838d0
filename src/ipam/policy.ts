import { err, ok, type Result } from "../shared/result.ts";
import {
  type CidrFault,
  contains,
  type Ipv4Cidr,
  parseCidr,
  prefixLength,
} from "./cidr.ts";
import { quote } from "../shared/quote.ts";

/** Which subnets a node of this cluster may have. */
export interface ClusterPolicy {
  /** Every node subnet lies within it. */
  readonly clusterCidr: Ipv4Cidr;
  /** The prefix length of every node subnet, from the cluster's own to 30. */
  readonly nodePrefix: number;
}

/** The longest prefix that leaves a node two addresses to give to containers. */
const LONGEST_NODE_PREFIX = 30;

/**
 * Checks the two options of `serve` that make the policy.
 *
 * @param clusterCidr the cluster's CIDR, e.g. `10.42.0.0/16`, without host bits
 * @param nodePrefix a whole number, at least the cluster's prefix length, at most 30
 * @returns the policy, or one sentence that says what is wrong and what to do
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
  // A node subnet of /0 would let a peer's route take the place of the default route.
  const shortest = Math.max(1, prefixLength(cluster.value));
  if (shortest > LONGEST_NODE_PREFIX) {
    return err(
      `Cluster CIDR ${cluster.value} is too small for a node subnet; ` +
        `use a --cluster-cidr of /${LONGEST_NODE_PREFIX} or shorter`,
    );
  }
  const inRange = nodePrefix >= shortest && nodePrefix <= LONGEST_NODE_PREFIX;
  if (!Number.isInteger(nodePrefix) || !inRange) {
    return err(
      `Invalid node prefix ${nodePrefix}; within cluster CIDR ${cluster.value} ` +
        `use a --node-prefix from ${shortest} to ${LONGEST_NODE_PREFIX}`,
    );
  }
  return ok({ clusterCidr: cluster.value, nodePrefix });
}

/**
 * Checks where in a node's subnet its gateway is to be.
 *
 * @param index counted from the network address, which is 0
 * @param nodePrefix the prefix length of every node subnet, at most 30
 * @returns the index, or one sentence that says what is wrong and what to do
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
 * Checks a node's subnet, this node's or a peer's, against the cluster's policy.
 *
 * Of several faults the first in this order is told: malformed, wrong prefix length,
 * host bits, outside the cluster.
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

/** True if a prefix is one that a node of this cluster may have. */
export function isNodeCidr(
  cidr: Ipv4Cidr,
  { clusterCidr, nodePrefix }: ClusterPolicy,
): boolean {
  return prefixLength(cidr) === nodePrefix && contains(clusterCidr, cidr);
}

/** The sentence for a fault, as a caller finds it in `error`. */
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
