/** What a command says about a call that failed. */
import { status } from "@grpc/grpc-js";
import { type CallFault, reasonOf } from "./grpc_client.ts";
import { escapeInvisible } from "../shared/quote.ts";
import { describeNoAnswer, findReason, type NoAnswer } from "./no_answer.ts";
import type { Target } from "./target.ts";

/** Milliseconds to find out who listens. */
const LISTENER_MS = 1_000;

/**
 * One sentence that a terminal may be sent: a refusal in the sidecar's own words, or why
 * nobody answers, each with the remedy.
 *
 * @param deadlineMs milliseconds that the call had
 */
export async function explainFault(
  target: Target,
  fault: CallFault,
  deadlineMs: number,
): Promise<string> {
  // The words may be those of any server that happens to listen there.
  return escapeInvisible(await explain(target, fault, deadlineMs));
}

async function explain(
  target: Target,
  fault: CallFault,
  deadlineMs: number,
): Promise<string> {
  const { authority } = target;
  if (!fault.isAnswer || fault.code === status.UNIMPLEMENTED) {
    return describeNoAnswer(authority, await findCause(target, fault, deadlineMs));
  }
  return fault.details === ""
    ? `The sidecar on ${authority} answers ${status[fault.code]}; ` +
      "read its log for the reason"
    : fault.details;
}

/** Why a call has no answer; it connects once more if the call did not connect. */
export async function findCause(
  target: Pick<Target, "address" | "tls">,
  fault: CallFault,
  deadlineMs: number,
): Promise<NoAnswer> {
  if (fault.code === status.UNIMPLEMENTED) return { kind: "old" };
  const reason = reasonOf(fault, deadlineMs);
  return fault.code === status.UNAVAILABLE
    ? await findReason(target, reason, LISTENER_MS)
    : { kind: "other", reason };
}
