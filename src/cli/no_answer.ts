/** Why a sidecar did not answer, and what to do: in the same words in every command. */
import { identifyListener } from "./listener.ts";
import type { Target } from "./target.ts";

/** Why a sidecar did not answer. */
export type NoAnswer =
  /** Nothing listens there. */
  | { readonly kind: "absent" }
  /** The operating system does not let this user connect. */
  | { readonly kind: "not-permitted" }
  /** The sidecar serves TLS, and was asked without. */
  | { readonly kind: "serves-tls" }
  /** The sidecar serves without TLS, and was asked with it. */
  | { readonly kind: "serves-plain" }
  /** Both speak TLS, and one of them does not believe the other. */
  | { readonly kind: "tls-refused"; readonly reason: string }
  /** It does not know the call. */
  | { readonly kind: "old" }
  /** `reason` is a part of a sentence. */
  | { readonly kind: "other"; readonly reason: string };

/** A sentence without its end, and what to do. */
export interface Explanation {
  /** Such as `The sidecar on 127.0.0.1:50051 does not answer: nothing listens there`. */
  readonly sentence: string;
  readonly remedy: string;
}

/** Says why, and what to do. */
export function explainNoAnswer(authority: string, why: NoAnswer): Explanation {
  const [reason, remedy] = words(why);
  return {
    sentence: `The sidecar on ${authority} does not answer: ${reason}`,
    remedy,
  };
}

/** The whole of {@linkcode explainNoAnswer} as one sentence. */
export function describeNoAnswer(authority: string, why: NoAnswer): string {
  const { remedy, sentence } = explainNoAnswer(authority, why);
  return `${sentence}; ${remedy}`;
}

function words(why: NoAnswer): readonly [reason: string, remedy: string] {
  switch (why.kind) {
    case "absent":
      return [
        "nothing listens there",
        "start the sidecar, or give its address with --grpc-addr",
      ];
    case "not-permitted":
      return [
        "this user may not connect",
        "run this command as root or as the user of the sidecar",
      ];
    case "serves-tls":
      return [
        "it requires TLS",
        "give --tls-ca, and also --tls-cert and --tls-key if it requires a client " +
        "certificate",
      ];
    case "serves-plain":
      return ["it does not use TLS", "leave out the --tls options"];
    case "tls-refused":
      return [
        why.reason,
        "check that --tls-ca is the CA of its certificate, and whether it requires a " +
        "client certificate (--tls-cert and --tls-key)",
      ];
    case "old":
      return ["it does not know this call", "upgrade the sidecar"];
    case "other":
      return [why.reason, "check whether the sidecar runs, and read its log"];
    default:
      return why satisfies never;
  }
}

/**
 * Finds out why a connection failed, by one more: what the failed one says is often only
 * that it has ended. Never rejects.
 *
 * @param reason what is printed if nothing better is found, a part of a sentence
 * @param deadlineMs milliseconds
 */
export async function findReason(
  { address, tls }: Pick<Target, "address" | "tls">,
  reason: string,
  deadlineMs: number,
): Promise<NoAnswer> {
  const listener = await identifyListener(address, deadlineMs);
  switch (listener) {
    case "none":
      return { kind: "absent" };
    case "not-permitted":
      return { kind: "not-permitted" };
    case "tls":
      return tls === undefined
        ? { kind: "serves-tls" }
        : { kind: "tls-refused", reason };
    case "sidecar":
      return tls === undefined ? { kind: "other", reason } : { kind: "serves-plain" };
    case "silent":
    case "other":
      return { kind: "other", reason };
    default:
      return listener satisfies never;
  }
}
