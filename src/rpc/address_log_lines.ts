import type {
  AllocateOutcome,
  ListOutcome,
  OwnedAddress,
  ReleaseOutcome,
  ReleaseTarget,
} from "../pod_network.ts";
import { at, echo, type LogLine, unfulfilled } from "./log_lines.ts";
import type { AllocateAddressRequest } from "./wire_addresses.ts";

/** What the log says of an AllocateAddress: info if it changed anything. */
export function allocateLines(
  { address, owner }: AllocateAddressRequest,
  outcome: AllocateOutcome,
): readonly LogLine[] {
  const wanted = address === "" ? "" : `, address=${echo(address)}`;
  const rpc = `RPC: AllocateAddress(owner=${echo(owner)}${wanted})`;
  if (outcome.kind !== "allocated") return unfulfilled(rpc, outcome);
  const { allocated, changed } = outcome;
  return changed
    ? at("info", rpc, `Allocated address: ${describe(allocated)}`)
    : at("debug", rpc, `Address is allocated already: ${describe(allocated)}`);
}

/** What the log says of a ReleaseAddress: info if it changed anything. */
export function releaseLines(
  target: ReleaseTarget,
  outcome: ReleaseOutcome,
): readonly LogLine[] {
  const what = target.kind === "none" ? "" : `${target.kind}=${echo(target.text)}`;
  const rpc = `RPC: ReleaseAddress(${what})`;
  switch (outcome.kind) {
    case "released":
      return at("info", rpc, `Released address: ${describe(outcome.released)}`);
    case "absent":
      return at("debug", rpc, `No address to release: ${what}`);
    default:
      return unfulfilled(rpc, outcome);
  }
}

/** What the log says of a ListAddresses. */
export function listLines(outcome: ListOutcome): readonly LogLine[] {
  const rpc = "RPC: ListAddresses()";
  return outcome.kind === "listed" ? at("debug", rpc) : unfulfilled(rpc, outcome);
}

function describe({ address, owner }: OwnedAddress): string {
  return `${address} of ${owner === undefined ? "an unknown owner" : echo(owner)}`;
}
