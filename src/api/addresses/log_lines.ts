import type {
  AllocateOutcome,
  ListOutcome,
  OwnedAddress,
  ReleaseOutcome,
  ReleaseTarget,
} from "../../addresses/ports.ts";
import type { CallResult, LoggedCall } from "../call_log.ts";
import { failed, quoteUnlessPlain, succeeded } from "../call_messages.ts";
import type { AllocateAddressRequest } from "../gen/quilt/sidecar/v1/AllocateAddressRequest.ts";

/** An AllocateAddress as the log names it. */
export function allocateCall({ address, owner }: AllocateAddressRequest): LoggedCall {
  const wanted = address === "" ? "" : `, address=${quoteUnlessPlain(address)}`;
  const text = `AllocateAddress(owner=${quoteUnlessPlain(owner)}${wanted})`;
  return { kind: "other", text };
}

/** What the log says about the outcome of an AllocateAddress. */
export function allocateResult(outcome: AllocateOutcome): CallResult {
  if (outcome.kind !== "allocated") return failed(outcome);
  const { allocated, changed } = outcome;
  return succeeded(
    changed,
    `${changed ? "Allocated address" : "Address unchanged"}: ${describe(allocated)}`,
  );
}

/** A ReleaseAddress as the log names it. */
export function releaseCall(target: ReleaseTarget): LoggedCall {
  return { kind: "other", text: `ReleaseAddress(${describeTarget(target)})` };
}

/** What the log says about the outcome of a ReleaseAddress. */
export function releaseResult(
  outcome: ReleaseOutcome,
  target: ReleaseTarget,
): CallResult {
  switch (outcome.kind) {
    case "released":
      return succeeded(true, `Released address: ${describe(outcome.released)}`);
    case "absent":
      return succeeded(false, `No address to release: ${describeTarget(target)}`);
    default:
      return failed(outcome);
  }
}

/** What the log says about the outcome of a ListAddresses. */
export function listResult(outcome: ListOutcome): CallResult {
  return outcome.kind === "listed" ? succeeded(false) : failed(outcome);
}

function describeTarget(target: ReleaseTarget): string {
  return target.kind === "none"
    ? ""
    : `${target.kind}=${quoteUnlessPlain(target.text)}`;
}

function describe({ address, owner }: OwnedAddress): string {
  const name = owner === undefined ? "an unknown owner" : quoteUnlessPlain(owner);
  return `${address} of ${name}`;
}
