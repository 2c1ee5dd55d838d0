import {
  checkClusterPolicy,
  checkGatewayIndex,
  type ClusterPolicy,
} from "../ipam/policy.ts";
import { quote } from "../shared/quote.ts";
import { err, ok, type Result } from "../shared/result.ts";
import type { CommandLine } from "./command_definition.ts";

/** Which subnets the nodes of the cluster have, and where their gateways are. */
export interface PolicyOptions {
  /** @default /24 subnets of 10.42.0.0/16 */
  readonly policy: ClusterPolicy;
  /** The offset of the gateway from the node's network address. @default 1 */
  readonly gatewayIndex: number;
}

/** Reads the options, or returns one sentence with the fault and the remedy. */
export function readPolicyOptions(
  options: CommandLine["options"],
): Result<PolicyOptions, string> {
  const policy = readPolicy(options);
  if (!policy.ok) return policy;
  const gatewayIndex = readGatewayIndex(options.get("gateway-index"), policy.value);
  if (!gatewayIndex.ok) return gatewayIndex;
  return ok({ policy: policy.value, gatewayIndex: gatewayIndex.value });
}

function readPolicy(options: CommandLine["options"]): Result<ClusterPolicy, string> {
  const prefix = options.get("node-prefix") ?? "24";
  if (!/^(0|[1-9][0-9]{0,2})$/.test(prefix)) {
    return err(
      `Invalid --node-prefix ${quote(prefix)}; use a whole number such as 24`,
    );
  }
  return checkClusterPolicy(
    options.get("cluster-cidr") ?? "10.42.0.0/16",
    Number(prefix),
  );
}

function readGatewayIndex(
  text = "1",
  { nodePrefix }: ClusterPolicy,
): Result<number, string> {
  return /^(0|[1-9][0-9]{0,9})$/.test(text)
    ? checkGatewayIndex(Number(text), nodePrefix)
    : err(`Invalid --gateway-index ${quote(text)}; use a whole number such as 1`);
}
