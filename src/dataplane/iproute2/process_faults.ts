/** Why an `ip` cannot be started, or is not the `ip` of iproute2, with the remedy. */
import { quote } from "../../shared/quote.ts";
import { isError } from "./errors.ts";

/** True once an `ip` could be started in this process. */
let wasStarted = false;

/** An `ip` has been started. */
export function noteStarted(): void {
  wasStarted = true;
}

/**
 * Why `ip` could not be started, and what to do about it.
 *
 * @param task the task of deno.json that grants to start it
 */
export function describeStartFault(
  error: unknown,
  task: "serve" | "doctor" | "bundle" = "serve",
): string {
  if (!(error instanceof Error)) return "ip cannot be started";
  if (error instanceof Deno.errors.NotCapable) {
    // Deno resolves the program to one file when the process starts, and grants that file.
    return wasStarted
      ? "the ip that the sidecar started with is gone or cannot be executed, and the " +
        "sandbox does not let the sidecar start another one; put the ip of iproute2 " +
        "(package iproute2) back in its place, or restart the sidecar"
      : `the sandbox does not grant --allow-run=ip; use deno task ${task} (see docs/security.md)`;
  }
  switch ("code" in error ? error.code : undefined) {
    case "ENOENT":
      return "the command ip was not found; install the package iproute2";
    case "EMFILE":
      return "ip cannot be started: too many open files; raise the limit (ulimit -n)";
    default:
      return `ip cannot be started (${error.message})`;
  }
}

const REMEDY = "the sidecar needs the ip of iproute2: install the package iproute2, " +
  "and put its ip before any other (BusyBox) in PATH";

/** How an `ip` failed that never answered. */
export type NeverAnswered =
  | { readonly kind: "exited"; readonly code: number }
  /** It violated the protocol; `why` is the reason. */
  | { readonly kind: "violation"; readonly why: string };

/**
 * Why an `ip` that never answered cannot be used. Its first line identifies the program
 * best: BusyBox, and an iproute2 that is too old, print their usage.
 *
 * @param firstLine the first line that it wrote; undefined if it wrote none
 * @param anyAnswered another `ip` has answered before
 */
export function describeNeverAnswered(
  fault: NeverAnswered,
  firstLine: string | undefined,
  anyAnswered: boolean,
): string {
  const what = fault.kind === "exited"
    ? `ip ended before it answered (exit code ${fault.code})`
    : fault.why;
  const wrote = firstLine === undefined
    ? "wrote nothing"
    : `wrote first: ${quote(firstLine)}`;
  // An error message of iproute2 such as `Cannot open netlink socket` shows that this is
  // the right program. If it wrote nothing, an earlier answer shows that.
  const isRight = firstLine === undefined ? anyAnswered : isError(firstLine);
  return `${what}, and ${wrote}${isRight ? "" : `; ${REMEDY}`}`;
}
