import type {
  AllocateOutcome,
  ListOutcome,
  OwnedAddress,
  ReleaseOutcome,
  ReleaseTarget,
} from "../../addresses/pod_network.ts";
import type { CallResult, LoggedCall } from "../call_log.ts";
import { done, echo, unfulfilled } from "../quilt_runtime/log_lines.ts";
import type { AllocateAddressRequest } from "./wire.ts";

/** An AllocateAddress as the log names it. */
export function allocateCall({ address, owner }: AllocateAddressRequest): LoggedCall {
  const wanted = address === "" ? "" : `, address=${echo(address)}`;
  return { kind: "other", text: `AllocateAddress(owner=${echo(owner)}${wanted})` };
}

/** What the log says of the outcome of an AllocateAddress. */
export function allocateResult(outcome: AllocateOutcome): CallResult {
  if (outcome.kind !== "allocated") return unfulfilled(outcome);
  const { allocated, changed } = outcome;
  return done(
    changed,
    `${changed ? "Allocated address" : "Address unchanged"}: ${describe(allocated)}`,
  );
}

/** A ReleaseAddress as the log names it. */
export function releaseCall(target: ReleaseTarget): LoggedCall {
  return { kind: "other", text: `ReleaseAddress(${describeTarget(target)})` };
}

/** What the log says of the outcome of a ReleaseAddress. */
export function releaseResult(
  outcome: ReleaseOutcome,
  target: ReleaseTarget,
): CallResult {
  switch (outcome.kind) {
    case "released":
      return done(true, `Released address: ${describe(outcome.released)}`);
    case "absent":
      return done(false, `No address to release: ${describeTarget(target)}`);
    default:
      return unfulfilled(outcome);
  }
}

/** What the log says of the outcome of a ListAddresses. */
export function listResult(outcome: ListOutcome): CallResult {
  return outcome.kind === "listed" ? done(false) : unfulfilled(outcome);
}

function describeTarget(target: ReleaseTarget): string {
  return target.kind === "none" ? "" : `${target.kind}=${echo(target.text)}`;
}

function describe({ address, owner }: OwnedAddress): string {
  return `${address} of ${owner === undefined ? "an unknown owner" : echo(owner)}`;
}
