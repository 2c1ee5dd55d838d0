import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { Owners } from "./decide.ts";
import type { Route } from "../routing/route.ts";
import { describeConnected, describePending } from "../routing/messages.ts";
import type { AbsentReached, PresentReached } from "./goal.ts";
import { INSTALLED, type Standing } from "./desired_state.ts";
import { describeTrouble } from "./refusal.ts";
import type { RouteParts } from "./route_parts.ts";

/** Where a wanted route stands after what was reached. */
export function standingOf(
  { destination }: Route,
  reached: PresentReached,
): Standing {
  switch (reached.kind) {
    case "added":
    case "unchanged":
      return INSTALLED;
    case "pending":
      return { kind: "waiting", reason: reached.reason };
    case "connected": {
      const sentence = describeConnected(destination, reached.device);
      return { kind: "troubled", sentence };
    }
    case "failed":
    case "lost":
      return { kind: "troubled", sentence: describeTrouble(destination, reached) };
  }
}

/** Why a route is not installed; empty if it is. */
export function describeStanding({ device }: Route, standing: Standing): string {
  switch (standing.kind) {
    case "installed":
      return "";
    case "adopted":
      return "It was read back from table 142 and is not looked at yet";
    case "waiting":
      return describePending(standing.reason, device);
    case "troubled":
      return standing.sentence;
  }
}

/** Keeps what became of a route that was asked for: of refusals only what may pass. */
export function keepAsked(
  { ledger, touch }: Pick<RouteParts, "ledger" | "touch">,
  route: Route,
  reached: PresentReached,
): void {
  const standing = standingOf(route, reached);
  switch (reached.kind) {
    case "added":
    case "unchanged":
    case "pending":
      ledger.put({ route, remembered: true, standing });
      ledger.laterWords?.add(route.destination);
      break;
    case "lost":
      // The agent never asks twice: what may be half done is finished by the repair.
      ledger.put({ route, remembered: false, standing });
      ledger.laterWords?.add(route.destination);
      touch([route.destination]);
      break;
    case "connected":
    case "failed":
      break;
    default:
      reached satisfies never;
  }
  ledger.confirm(route.destination);
}

/** Keeps what became of a destination where nobody wants routes of these owners. */
export function keepUnwanted(
  { ledger, touch }: Pick<RouteParts, "ledger" | "touch">,
  destination: Ipv4Cidr,
  owners: Owners,
  reached: AbsentReached,
): void {
  switch (reached.kind) {
    case "removed":
    case "absent":
      ledger.remove(destination);
      ledger.laterWords?.add(destination);
      break;
    case "lost":
      ledger.leave(destination, owners);
      ledger.laterWords?.add(destination);
      touch([destination]);
      break;
    case "failed":
      break;
    default:
      reached satisfies never;
  }
}
