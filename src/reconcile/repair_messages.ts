import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { LogFields, LogLine } from "../observability/logger.ts";
import type { InterfaceName } from "../routing/interface_name.ts";
import {
  describePending,
  describeReplacedAlike,
  describeWaiting,
  describeWithdrawn,
} from "../routing/messages.ts";
import type { PendingReason } from "../routing/route.ts";
import { countOf, listFew } from "../shared/quote.ts";
import type { DesiredRoute } from "./desired_state.ts";
import {
  type AbsentOutcome,
  describeFailure,
  type PresentOutcome,
  type RouteStatus,
  statusOf,
  type WriteOutcome,
} from "./outcome.ts";

/** What became of a key that was repaired. */
export type Repair = RouteRepair | DeletionRepair | RecordRepair;

/** A desired route. */
export interface RouteRepair {
  readonly kind: "route";
  readonly prefix: Ipv4Cidr;
  readonly before: DesiredRoute;
  readonly outcome: PresentOutcome;
}

/** A destination that is no longer desired. */
export interface DeletionRepair {
  readonly kind: "deletion";
  readonly prefix: Ipv4Cidr;
  readonly outcome: AbsentOutcome;
}

/** A record that was missing from the store, of no route. */
export interface RecordRepair {
  readonly kind: "record";
  readonly prefix: Ipv4Cidr;
  readonly outcome: WriteOutcome;
}

interface Message {
  readonly level: "info" | "warn";
  /** The sentence about so many routes; routes with the same sentence share a line. */
  describe(count: number): string;
}

/** What happened to a route. */
interface RouteMessages {
  readonly prefix: Ipv4Cidr;
  /** The device of the route, if one is desired. */
  readonly device: InterfaceName | undefined;
  readonly messages: readonly Message[];
}

/** The routes that share a line. */
interface Group {
  readonly message: Message;
  readonly prefixes: Ipv4Cidr[];
  readonly devices: Set<InterfaceName | undefined>;
}

/** One sentence for each kind of thing that happened, however many routes it concerns. */
export function repairMessages(repairs: readonly Repair[]): readonly LogLine[] {
  return inGroups(repairs.map((repair) => {
    const outcome = messageOf(repair);
    const messages = [...replacements(repair), ...outcome ? [outcome] : []];
    const device = repair.kind === "route" ? repair.before.route.device : undefined;
    return { prefix: repair.prefix, device, messages };
  }));
}

/** The same of the status of routes: back, or still waiting for their device. */
export function statusMessages(routes: readonly DesiredRoute[]): readonly LogLine[] {
  return inGroups(routes.map(({ route: { destination: prefix, device }, status }) => {
    switch (status.kind) {
      case "installed":
        return { prefix, device, messages: [addedMessage("waiting", device)] };
      case "waiting":
        return { prefix, device, messages: [waitingMessage(status.reason, device)] };
      // Logged when it came to that, flapping or not.
      case "unverified":
      case "error":
        return { prefix, device, messages: [] };
      default:
        return status satisfies never;
    }
  }));
}

function inGroups(all: readonly RouteMessages[]): readonly LogLine[] {
  const groups = new Map<string, Group>();
  for (const { device, messages, prefix } of all) {
    for (const message of messages) {
      const key = message.describe(1);
      const group = groups.get(key) ?? { message, prefixes: [], devices: new Set() };
      group.prefixes.push(prefix);
      group.devices.add(device);
      groups.set(key, group);
    }
  }
  return [...groups.values()].map((group) => {
    const { message: { describe, level }, prefixes } = group;
    return {
      level,
      message: `${describe(prefixes.length)}: ${listFew(prefixes)}`,
      fields: fieldsOf(group),
    };
  });
}

/** The destination and the device, if the line is about one alone. */
function fieldsOf({ devices, prefixes }: Group): LogFields {
  const [destination, ...others] = prefixes;
  const [device, ...otherDevices] = devices;
  return {
    destination: others.length === 0 ? destination : undefined,
    device: otherDevices.length === 0 ? device : undefined,
  };
}

/** The device, if it is worth a line because of what became of that. */
export function deviceToLog(repair: Repair): InterfaceName | undefined {
  if (repair.kind !== "route") return undefined;
  const { before, outcome } = repair;
  const isThere = outcome.kind === "added" || outcome.kind === "unchanged";
  const came = isThere && before.status.kind === "waiting";
  const went = outcome.kind === "pending" && messageOf(repair) !== undefined;
  return came || went ? before.route.device : undefined;
}

/** The routes that ours replaced, each kind of them once. */
function replacements(repair: Repair): readonly Message[] {
  if (repair.kind !== "route" || repair.outcome.kind !== "added") return [];
  const { device } = repair.before.route;
  const messages = repair.outcome.replaced.map((route): Message => ({
    level: "warn",
    describe: (count) => describeReplacedAlike(route, device, count),
  }));
  return [...new Map(messages.map((each) => [each.describe(1), each])).values()];
}

function messageOf(repair: Repair): Message | undefined {
  switch (repair.kind) {
    case "route":
      return messageOfRoute(repair);
    case "deletion":
      return messageOfDeletion(repair);
    case "record":
      return messageOfRecord(repair);
    default:
      return repair satisfies never;
  }
}

const RESTORED: Message = {
  level: "warn",
  describe: (count) =>
    `Restored ${countOf(count, "record")} that ${was(count)} missing from table 142`,
};

function messageOfRoute({ before, outcome }: RouteRepair): Message | undefined {
  const { device } = before.route;
  const { kind } = before.status;
  switch (outcome.kind) {
    case "unchanged":
      // Written by a batch whose reply was lost, or by another process.
      if (kind === "error" || kind === "waiting") return addedMessage(kind, device);
      return kind === "installed" && !before.persisted ? RESTORED : undefined;
    case "added": {
      // Ours was not gone but had another one beside it or in its place, which was named.
      const isNamed = outcome.replaced.length > 0 &&
        (kind === "installed" || kind === "unverified");
      return isNamed ? undefined : addedMessage(kind, device);
    }
    case "pending": {
      const same = before.status.kind === "waiting" &&
        before.status.reason === outcome.reason;
      return same ? undefined : waitingMessage(outcome.reason, device);
    }
    case "connected":
    case "failed":
    case "lost": {
      if (outcome.kind === "connected" && outcome.withdrew) {
        const { device } = outcome;
        return { level: "warn", describe: (count) => describeWithdrawn(device, count) };
      }
      const status = statusOf(before.route, outcome);
      if (status.kind !== "error") return undefined;
      const same = before.status.kind === "error" &&
        before.status.sentence === status.sentence;
      return same ? undefined : failure(status.sentence);
    }
    default:
      return outcome satisfies never;
  }
}

function waitingMessage(reason: PendingReason, device: InterfaceName): Message {
  return {
    level: "warn",
    describe: (count) => describeWaiting(describePending(reason, device), count),
  };
}

function failure(sentence: string): Message {
  return { level: "warn", describe: () => sentence };
}

function messageOfDeletion({ outcome, prefix }: DeletionRepair): Message | undefined {
  switch (outcome.kind) {
    case "removed":
      return {
        level: "info",
        describe: (count) =>
          `Removed ${countOf(count, "route")} whose removal was pending`,
      };
    case "failed":
      return failure(describeFailure(prefix, outcome));
    case "absent":
    case "lost":
      return undefined;
    default:
      return outcome satisfies never;
  }
}

function messageOfRecord({ outcome, prefix }: RecordRepair): Message | undefined {
  switch (outcome.kind) {
    case "written":
      return RESTORED;
    case "failed":
    case "lost":
      return failure(describeFailure(prefix, outcome));
    default:
      return outcome satisfies never;
  }
}

function addedMessage(before: RouteStatus["kind"], device: InterfaceName): Message {
  switch (before) {
    case "installed":
      return {
        level: "warn",
        describe: (count) =>
          `Repaired ${countOf(count, "route")} that another process removed or changed`,
      };
    case "unverified":
      return {
        level: "info",
        describe: (count) =>
          `Restored ${countOf(count, "route")} that ${was(count)} missing at the start`,
      };
    case "waiting":
    case "error":
      return {
        level: "info",
        describe: (count) =>
          `Installed ${countOf(count, "pending route")} via ${device}`,
      };
    default:
      return before satisfies never;
  }
}

function was(count: number): string {
  return count === 1 ? "was" : "were";
}
