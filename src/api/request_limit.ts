import { prefixLength } from "../ipam/cidr.ts";
import type { ClusterPolicy } from "../ipam/policy.ts";

/** The least limit. Apart from SyncRoutes the longest request has about 160 bytes. */
export const LEAST_REQUEST_BYTES = 16 * 1024;

/** The default limit of gRPC clients for a response; no correct client sends more. */
const MOST_REQUEST_BYTES = 4 * 1024 * 1024;

/** A route of SyncRoutes takes at most 39 bytes. */
const ROUTE_BYTES = 64;

/**
 * The maximum size of a request in bytes: enough for a SyncRoutes with every node subnet
 * of the policy. 16 KiB for the 256 subnets of a /16, at most 4 MiB.
 */
export function requestLimit({ clusterCidr, nodePrefix }: ClusterPolicy): number {
  const subnets = 2 ** (nodePrefix - prefixLength(clusterCidr));
  const bytes = Math.max(subnets * ROUTE_BYTES, LEAST_REQUEST_BYTES);
  return Math.min(bytes, MOST_REQUEST_BYTES);
}
