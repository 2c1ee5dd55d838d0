import type { Failure, Lost } from "../dataplane/dataplane.ts";
import type { InterfaceName } from "../routing/interface_name.ts";
import type { KernelRoute } from "../routing/kernel_route.ts";
import {
  describeConnected,
  describeLost,
  describePending,
  describeRefused,
  PERMISSION_DENIED,
} from "../routing/messages.ts";
import type { PendingReason, Route } from "../routing/route.ts";

/** The kernel refused, in its own words. */
export interface Failed {
  readonly kind: "failed";
  readonly failure: Failure;
}

/** Whether the changes of a refused call are rolled back. */
export type RollBack = "not-needed" | "done" | "unconfirmed";

/** The confirmed result of a desired route, or why it is unknown. */
export type PresentOutcome =
  | {
    readonly kind: "added";
    readonly ifindex: number;
    /** Routes that ours replaced. */
    readonly replaced: readonly KernelRoute[];
  }
  | { readonly kind: "unchanged"; readonly ifindex: number }
  | { readonly kind: "pending"; readonly reason: PendingReason }
  | {
    readonly kind: "connected";
    readonly device: InterfaceName | undefined;
    /** True if a route of ours was there, or may have been, and was withdrawn. */
    readonly withdrew: boolean;
    readonly rollBack: RollBack;
  }
  | Failed & { readonly rollBack: RollBack }
  | Lost;

/** The confirmed result of a destination without a desired route. */
export type AbsentOutcome =
  | { readonly kind: "removed" }
  | { readonly kind: "absent" }
  | Failed
  | Lost;

/** What became of records that were written or deleted. */
export type WriteOutcome = { readonly kind: "written" } | Failed | Lost;

/** How a desired route is. */
export type RouteStatus =
  /** Restored at the start, and not observed yet. */
  | { readonly kind: "unverified" }
  | { readonly kind: "installed" }
  | { readonly kind: "waiting"; readonly reason: PendingReason }
  /** The kernel refused it, or did not answer; the next resync tries again. */
  | { readonly kind: "error"; readonly sentence: string };

/** The kernel confirmed the route. */
export const INSTALLED: RouteStatus = { kind: "installed" };

/** The status of a desired route after an outcome. */
export function statusOf({ destination }: Route, outcome: PresentOutcome): RouteStatus {
  switch (outcome.kind) {
    case "added":
    case "unchanged":
      return INSTALLED;
    case "pending":
      return { kind: "waiting", reason: outcome.reason };
    case "connected": {
      const sentence = describeConnected(destination, outcome.device);
      return { kind: "error", sentence };
    }
    case "failed":
    case "lost":
      return { kind: "error", sentence: describeFailure(destination, outcome) };
    default:
      return outcome satisfies never;
  }
}

/** Why a route is not installed; empty if it is. */
export function describeStatus({ device }: Route, status: RouteStatus): string {
  switch (status.kind) {
    case "installed":
      return "";
    case "unverified":
      return "It was restored from table 142 and is not verified yet";
    case "waiting":
      return describePending(status.reason, device);
    case "error":
      return status.sentence;
    default:
      return status satisfies never;
  }
}

/** The sentence for the caller after a refusal of the kernel, or a lost batch. */
export function describeFailure(subject: string, outcome: Failed | Lost): string {
  if (outcome.kind === "lost") return describeLost(subject, outcome.why);
  return outcome.failure.kind === "not-permitted"
    ? PERMISSION_DENIED
    : describeRefused(subject, outcome.failure.message);
}

/** True for an outcome after which the destination has no route of these owners. */
export function isGone(
  outcome: AbsentOutcome,
): outcome is Extract<AbsentOutcome, { readonly kind: "removed" | "absent" }> {
  return outcome.kind === "removed" || outcome.kind === "absent";
}
