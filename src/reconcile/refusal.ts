import type { Refusal } from "./node_service.ts";
import type { Failure } from "../dataplane/dataplane.ts";
import {
  describeLost,
  describeRefused,
  PERMISSION_DENIED,
} from "../routing/messages.ts";

/** A refusal with a sentence for the caller. */
export function refuse(sentence: string): Refusal {
  return { kind: "refused", sentence };
}

/** What the kernel, or the loss of `ip`, means for the caller. */
export function describeTrouble(
  subject: string,
  reached:
    | { readonly kind: "failed"; readonly failure: Failure }
    | { readonly kind: "lost"; readonly why: string },
): string {
  if (reached.kind === "lost") return describeLost(subject, reached.why);
  return reached.failure.kind === "not-permitted"
    ? PERMISSION_DENIED
    : describeRefused(subject, reached.failure.words);
}
