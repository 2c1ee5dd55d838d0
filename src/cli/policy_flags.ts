import {
  checkClusterPolicy,
  checkGatewayIndex,
  type ClusterPolicy,
} from "../ipam/policy.ts";
import { quote } from "../shared/quote.ts";
import { err, ok, type Result } from "../shared/result.ts";

/** Which subnets the nodes of the cluster have, and where their gateways are. */
export interface PolicyOptions {
  /** @default /24 subnets of 10.42.0.0/16 */
  readonly policy: ClusterPolicy;
  /** The offset of the gateway from the node's network address. @default 1 */
  readonly gatewayIndex: number;
}

/** The flags of {@linkcode PolicyOptions}. */
export const POLICY_FLAGS = {
  "cluster-cidr": { type: "string" },
  "node-prefix": { type: "string" },
  "gateway-index": { type: "string" },
} as const;

/** Their part of the text of `--help`. */
export const POLICY_HELP =
  `  --cluster-cidr CIDR       every node subnet lies within it (default 10.42.0.0/16)
  --node-prefix LENGTH      the prefix length of a node subnet (default 24)
  --gateway-index N         the gateway is the Nth address after the node's network
                            address and is never given to a container (default 1)`;

type ReadFlag = (name: keyof typeof POLICY_FLAGS) => string | undefined;

/** Reads the options, or returns one sentence with the fault and the remedy. */
export function readPolicyOptions(flag: ReadFlag): Result<PolicyOptions, string> {
  const policy = readPolicy(flag);
  if (!policy.ok) return policy;
  const gatewayIndex = readGatewayIndex(flag("gateway-index"), policy.value);
  if (!gatewayIndex.ok) return gatewayIndex;
  return ok({ policy: policy.value, gatewayIndex: gatewayIndex.value });
}

function readPolicy(flag: ReadFlag): Result<ClusterPolicy, string> {
  const prefix = flag("node-prefix") ?? "24";
  if (!/^(0|[1-9][0-9]{0,2})$/.test(prefix)) {
    return err(
      `Invalid --node-prefix ${quote(prefix)}; use a whole number such as 24`,
    );
  }
  return checkClusterPolicy(flag("cluster-cidr") ?? "10.42.0.0/16", Number(prefix));
}

function readGatewayIndex(
  text = "1",
  { nodePrefix }: ClusterPolicy,
): Result<number, string> {
  return /^(0|[1-9][0-9]{0,9})$/.test(text)
    ? checkGatewayIndex(Number(text), nodePrefix)
    : err(`Invalid --gateway-index ${quote(text)}; use a whole number such as 1`);
}
