import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { PendingReason } from "../routes/decide.ts";
import {
  describeGivenWay,
  describePending,
  describeReplacedAlike,
} from "../routes/sentences.ts";
import type { InterfaceName } from "../routes/interface_name.ts";
import type { Standing, Wish } from "./ledger.ts";
import { describeTrouble } from "./refusal.ts";
import type { LeavingRenewal, Renewal, SubnetRenewal, WishRenewal } from "./renew.ts";
import { standingOf } from "./standing.ts";

interface News {
  readonly level: "info" | "warn";
  readonly what: string;
}

/** A line of the log. */
interface Line {
  readonly level: "info" | "warn";
  readonly message: string;
}

/** One sentence for each kind of thing that happened, however many routes it concerns. */
export function describeRenewals(renewals: readonly Renewal[]): readonly Line[] {
  return inGroups(renewals.map((renewal) => {
    const outcome = newsOf(renewal);
    const all = [...replacements(renewal), ...outcome ? [outcome] : []];
    return { destination: renewal.destination, all };
  }));
}

/** The same of where routes stand: back, or still waiting for their device. */
export function describeStatus(desired: readonly Wish[]): readonly Line[] {
  return inGroups(
    desired.map(({ route: { destination, device }, standing: status }) => {
      switch (status.kind) {
        case "installed":
          return { destination, all: [addedNews("waiting", device)] };
        case "waiting":
          return { destination, all: [waitingLine(status.reason, device)] };
        // Said when it came to that, flap or not.
        case "adopted":
        case "troubled":
          return { destination, all: [] };
        default:
          return status satisfies never;
      }
    }),
  );
}

function inGroups(
  routes: readonly { readonly destination: Ipv4Cidr; readonly all: readonly News[] }[],
): readonly Line[] {
  const groups = new Map<string, { level: "info" | "warn"; routes: string[] }>();
  for (const { all, destination } of routes) {
    for (const { level, what } of all) {
      const group = groups.get(what) ?? { level, routes: [] };
      group.routes.push(destination);
      groups.set(what, group);
    }
  }
  return [...groups].map(([what, { level, routes }]) => ({
    level,
    message: `${what}: ${list(routes)}`,
  }));
}

/** The device, if it is worth a line because of what became of that. */
export function deviceInNews(renewal: Renewal): InterfaceName | undefined {
  if (renewal.kind !== "wish") return undefined;
  const { before, reached } = renewal;
  const isThere = reached.kind === "added" || reached.kind === "unchanged";
  const came = isThere && before.standing.kind === "waiting";
  const went = reached.kind === "pending" && newsOf(renewal) !== undefined;
  return came || went ? before.route.device : undefined;
}

/** The routes that gave way to ours, each kind of them once. */
function replacements(renewal: Renewal): readonly News[] {
  if (renewal.kind !== "wish" || renewal.reached.kind !== "added") return [];
  const { device } = renewal.before.route;
  const sentences = renewal.reached.over.map((route) =>
    describeReplacedAlike(route, device)
  );
  return [...new Set(sentences)].map((what) => ({ level: "warn", what }));
}

function newsOf(renewal: Renewal): News | undefined {
  switch (renewal.kind) {
    case "wish":
      return newsOfWish(renewal);
    case "leaving":
      return newsOfLeaving(renewal);
    case "subnet":
      return newsOfSubnet(renewal);
  }
}

const REMEMBERED: News = {
  level: "warn",
  what: "Remembered again, gone from table 142",
};

function newsOfWish({ before, reached }: WishRenewal): News | undefined {
  const { device } = before.route;
  switch (reached.kind) {
    case "unchanged":
      // Written by an exchange whose answer was lost, or by another process.
      if (before.standing.kind === "troubled" || before.standing.kind === "waiting") {
        return addedNews(before.standing.kind, device);
      }
      return before.standing.kind === "installed" && !before.remembered
        ? REMEMBERED
        : undefined;
    case "added": {
      const { kind } = before.standing;
      // Ours was not gone but had another one beside it or in its place, which was named.
      const isNamed = reached.over.length > 0 &&
        (kind === "installed" || kind === "adopted");
      return isNamed ? undefined : addedNews(kind, device);
    }
    case "pending": {
      const same = before.standing.kind === "waiting" &&
        before.standing.reason === reached.reason;
      return same ? undefined : waitingLine(reached.reason, device);
    }
    case "connected":
    case "failed":
    case "lost": {
      if (reached.kind === "connected" && reached.wrote) {
        return { level: "warn", what: describeGivenWay(reached.device) };
      }
      const standing = standingOf(before.route, reached);
      if (standing.kind !== "troubled") return undefined;
      const same = before.standing.kind === "troubled" &&
        before.standing.sentence === standing.sentence;
      return same ? undefined : { level: "warn", what: standing.sentence };
    }
  }
}

function waitingLine(reason: PendingReason, device: InterfaceName): News {
  return { level: "warn", what: `${describePending(reason, device)}, waiting for it` };
}

function newsOfLeaving({ destination, reached }: LeavingRenewal): News | undefined {
  switch (reached.kind) {
    case "removed":
      return { level: "info", what: "Removed, as was asked for" };
    case "failed":
      return { level: "warn", what: describeTrouble(destination, reached) };
    case "absent":
    case "lost":
      return undefined;
  }
}

function newsOfSubnet({ destination, reached }: SubnetRenewal): News | undefined {
  switch (reached.kind) {
    case "remembered":
      return REMEMBERED;
    case "failed":
    case "lost":
      return { level: "warn", what: describeTrouble(destination, reached) };
  }
}

function addedNews(before: Standing["kind"], device: InterfaceName): News {
  switch (before) {
    case "installed":
      return { level: "warn", what: "Repaired, gone or changed by someone else" };
    case "adopted":
      return { level: "info", what: "Restored, gone while nobody watched" };
    case "waiting":
    case "troubled":
      return { level: "info", what: `Installed through ${device}, as was asked for` };
  }
}

const LISTED = 3;

/** `10.42.2.0/24, 10.42.3.0/24, 10.42.4.0/24 and 251 more`. */
export function list(routes: readonly string[]): string {
  const named = routes.slice(0, LISTED).join(", ");
  return routes.length <= LISTED
    ? named
    : `${named} and ${routes.length - LISTED} more`;
}
