import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { PendingReason } from "../routing/route.ts";
import {
  describeGivenWay,
  describePending,
  describeReplacedAlike,
} from "../routing/messages.ts";
import type { InterfaceName } from "../routing/interface_name.ts";
import type { DesiredRoute, Standing } from "./desired_state.ts";
import { describeTrouble } from "./refusal.ts";
import type { DeletionRepair, Repair, RouteRepair, SubnetRepair } from "./renew.ts";
import { standingOf } from "./route_status.ts";

interface Message {
  readonly level: "info" | "warn";
  readonly what: string;
}

/** A line of the log. */
interface Line {
  readonly level: "info" | "warn";
  readonly message: string;
}

/** One sentence for each kind of thing that happened, however many routes it concerns. */
export function repairMessages(repairs: readonly Repair[]): readonly Line[] {
  return inGroups(repairs.map((repair) => {
    const outcome = messageOf(repair);
    const all = [...replacements(repair), ...outcome ? [outcome] : []];
    return { destination: repair.destination, all };
  }));
}

/** The same of where routes stand: back, or still waiting for their device. */
export function statusMessages(desired: readonly DesiredRoute[]): readonly Line[] {
  return inGroups(
    desired.map(({ route: { destination, device }, standing: status }) => {
      switch (status.kind) {
        case "installed":
          return { destination, all: [addedMessage("waiting", device)] };
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
  routes: readonly {
    readonly destination: Ipv4Cidr;
    readonly all: readonly Message[];
  }[],
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
export function deviceToLog(repair: Repair): InterfaceName | undefined {
  if (repair.kind !== "route") return undefined;
  const { before, reached } = repair;
  const isThere = reached.kind === "added" || reached.kind === "unchanged";
  const came = isThere && before.standing.kind === "waiting";
  const went = reached.kind === "pending" && messageOf(repair) !== undefined;
  return came || went ? before.route.device : undefined;
}

/** The routes that gave way to ours, each kind of them once. */
function replacements(repair: Repair): readonly Message[] {
  if (repair.kind !== "route" || repair.reached.kind !== "added") return [];
  const { device } = repair.before.route;
  const sentences = repair.reached.over.map((route) =>
    describeReplacedAlike(route, device)
  );
  return [...new Set(sentences)].map((what) => ({ level: "warn", what }));
}

function messageOf(repair: Repair): Message | undefined {
  switch (repair.kind) {
    case "route":
      return messageOfRoute(repair);
    case "leaving":
      return messageOfDeletion(repair);
    case "subnet":
      return messageOfSubnet(repair);
  }
}

const REMEMBERED: Message = {
  level: "warn",
  what: "Remembered again, gone from table 142",
};

function messageOfRoute({ before, reached }: RouteRepair): Message | undefined {
  const { device } = before.route;
  switch (reached.kind) {
    case "unchanged":
      // Written by an exchange whose answer was lost, or by another process.
      if (before.standing.kind === "troubled" || before.standing.kind === "waiting") {
        return addedMessage(before.standing.kind, device);
      }
      return before.standing.kind === "installed" && !before.remembered
        ? REMEMBERED
        : undefined;
    case "added": {
      const { kind } = before.standing;
      // Ours was not gone but had another one beside it or in its place, which was named.
      const isNamed = reached.over.length > 0 &&
        (kind === "installed" || kind === "adopted");
      return isNamed ? undefined : addedMessage(kind, device);
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

function waitingLine(reason: PendingReason, device: InterfaceName): Message {
  return { level: "warn", what: `${describePending(reason, device)}, waiting for it` };
}

function messageOfDeletion(
  { destination, reached }: DeletionRepair,
): Message | undefined {
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

function messageOfSubnet({ destination, reached }: SubnetRepair): Message | undefined {
  switch (reached.kind) {
    case "remembered":
      return REMEMBERED;
    case "failed":
    case "lost":
      return { level: "warn", what: describeTrouble(destination, reached) };
  }
}

function addedMessage(before: Standing["kind"], device: InterfaceName): Message {
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
