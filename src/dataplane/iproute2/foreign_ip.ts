import { quote } from "../../shared/quote.ts";
import { isReason } from "./stderr.ts";

const REMEDY = "the sidecar needs the ip of iproute2: install the package iproute2, " +
  "and put its ip before any other (BusyBox) in PATH";

/** How an `ip` that has never answered came to nothing. */
export type Speechless =
  | { readonly kind: "ended"; readonly code: number }
  /** It wrote what is no answer. */
  | { readonly kind: "odd"; readonly why: string };

/**
 * Why an `ip` that never answered is of no use. Which program that is shows best in what
 * it wrote first: BusyBox's, and an iproute2 that is too old, print their usage.
 *
 * @param said the first line that it wrote; undefined if it wrote none
 * @param anyAnswered another `ip` has answered before
 */
export function describeForeignIp(
  speechless: Speechless,
  said: string | undefined,
  anyAnswered: boolean,
): string {
  const what = speechless.kind === "ended"
    ? `ip ended before it answered (exit code ${speechless.code})`
    : speechless.why;
  const words = said === undefined ? "wrote nothing" : `wrote first: ${quote(said)}`;
  // In the words of iproute2 itself, such as `Cannot open netlink socket`: it is the right
  // one, and something else is wrong.
  // And without a word nothing tells it from the one that has answered before.
  const isRight = said === undefined ? anyAnswered : isReason(said);
  return `${what}, and ${words}${isRight ? "" : `; ${REMEDY}`}`;
}
