import { prefixLength } from "../ipam/cidr.ts";
import type { ClusterPolicy } from "../ipam/policy.ts";

/** Without SyncRoutes the longest request would have some 160 bytes. */
const LEAST_REQUEST_BYTES = 16 * 1024;

/** What grpc clients take for an answer, and more than anybody sends in good faith. */
const MOST_REQUEST_BYTES = 4 * 1024 * 1024;

/** An entry of a SyncRoutes takes at most 39 bytes. */
const ROUTE_BYTES = 64;

/**
 * The bytes that a request may have: as many as a SyncRoutes of every node subnet that
 * the policy leaves room for. 16 KiB for the 256 of a /16, at most 4 MiB.
 */
export function requestLimit({ clusterCidr, nodePrefix }: ClusterPolicy): number {
  const subnets = 2 ** (nodePrefix - prefixLength(clusterCidr));
  const bytes = Math.max(subnets * ROUTE_BYTES, LEAST_REQUEST_BYTES);
  return Math.min(bytes, MOST_REQUEST_BYTES);
}
