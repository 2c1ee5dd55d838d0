/** What happened, from what a sidecar's watches tell: the difference of two states. */
import type { Finding } from "../api/gen/quilt/sidecar/v1/Finding.ts";
import type { NodeNetwork } from "../api/gen/quilt/sidecar/v1/NodeNetwork.ts";
import type { Route } from "../api/gen/quilt/sidecar/v1/Route.ts";
import type { WatchFindingsResponse } from "../api/gen/quilt/sidecar/v1/WatchFindingsResponse.ts";
import type { WatchRoutesResponse } from "../api/gen/quilt/sidecar/v1/WatchRoutesResponse.ts";
import { escapeInvisible } from "../shared/quote.ts";
import { type ShownFinding, toIso, toShown } from "./finding_report.ts";
import type { SidecarUpdate } from "./follow_sidecar.ts";
import type { CallFault } from "./grpc_client.ts";
import { required } from "./required.ts";
import { type ShownState, stateOf } from "./route_table.ts";
import { styled, type Tone } from "./style.ts";
import type { Terminal } from "./terminal.ts";

/** A route came, went, changed its state or device, or was lost and is back. */
export interface RouteEvent {
  readonly kind: "route";
  /** Such as `10.42.2.0/24`. */
  readonly destination: string;
  readonly device: string;
  /** `repaired`: the kernel had lost it, and has it again; `gone`: nobody wants it. */
  readonly state: ShownState | "repaired" | "gone";
  /** Why it is pending, a sentence; otherwise empty. */
  readonly reason: string;
}

/** A finding began or ended. */
export interface FindingEvent extends Omit<ShownFinding, "since"> {
  readonly kind: "finding";
  readonly state: "begun" | "ended";
}

/** The node has another subnet. */
export interface NetworkEvent {
  readonly kind: "network";
  /** Empty if none is configured. */
  readonly subnet: string;
  /** Empty as long as `subnet` is. */
  readonly gateway: string;
}

/** The sidecar answers for the first time, is lost, or answers again. */
export interface SidecarEvent {
  readonly kind: "sidecar";
  readonly state: "answers" | "lost";
  /** Why it is lost, a part of a sentence; otherwise empty. */
  readonly reason: string;
}

/** Something that happened. */
export type StateEvent = RouteEvent | FindingEvent | NetworkEvent | SidecarEvent;

/**
 * Keeps the latest state, and returns what each update changes in it. What there is at the
 * beginning has not happened; what has changed while the sidecar was lost has.
 */
export class StateEvents {
  readonly #reasonOf: (fault: CallFault) => string;
  #answers = false;
  #hasAnswered = false;
  #routes: Map<string, Route> | undefined;
  #findings: ReadonlyMap<string, ShownFinding> | undefined;
  #subnet: string | undefined;

  /** @param reasonOf says why a sidecar is lost, a part of a sentence */
  constructor(reasonOf: (fault: CallFault) => string) {
    this.#reasonOf = reasonOf;
  }

  /** Whether the sidecar has ever answered. */
  get hasAnswered(): boolean {
    return this.#hasAnswered;
  }

  /** The events of one update. */
  take(update: SidecarUpdate): readonly StateEvent[] {
    if (update.kind === "lost") return this.#takeLoss(update.fault);
    const changes = this.#takeState(update);
    // Before both are known a change would be missed: it would be part of what there is.
    const isKnown = this.#routes !== undefined && this.#subnet !== undefined;
    if (this.#answers || !isKnown) return changes;
    this.#answers = true;
    this.#hasAnswered = true;
    return [{ kind: "sidecar", state: "answers", reason: "" }, ...changes];
  }

  #takeLoss(fault: CallFault): readonly StateEvent[] {
    if (!this.#answers) return [];
    this.#answers = false;
    return [{ kind: "sidecar", state: "lost", reason: this.#reasonOf(fault) }];
  }

  #takeState(
    update: Exclude<SidecarUpdate, { readonly kind: "lost" }>,
  ): readonly StateEvent[] {
    switch (update.kind) {
      case "routes":
        return this.#takeRoutes(update.message);
      case "findings":
        return this.#takeFindings(update.message);
      case "network":
        return this.#takeNetwork(required(update.message.node_network, "node_network"));
      default:
        return update satisfies never;
    }
  }

  #takeRoutes(
    { complete, removed, routes }: WatchRoutesResponse,
  ): readonly StateEvent[] {
    const known = this.#routes;
    if (known === undefined) {
      this.#routes = new Map(routes.map((route) => [route.destination, route]));
      return [];
    }
    const stated = new Set(routes.map(({ destination }) => destination));
    const gone = complete
      ? [...known.keys()].filter((destination) => !stated.has(destination))
      : removed;
    return [
      ...gone.flatMap((destination) => takeGone(known, destination)),
      ...routes.flatMap((route) => takeRoute(known, route, complete)),
    ];
  }

  /** Each message has all of them. */
  #takeFindings({ findings }: WatchFindingsResponse): readonly StateEvent[] {
    const before = this.#findings;
    const now = new Map(findings.map((finding) => [keyOf(finding), toShown(finding)]));
    this.#findings = now;
    if (before === undefined) return [];
    return [
      ...[...before].filter(([key]) => !now.has(key))
        .map(([, finding]) => findingEvent("ended", finding)),
      ...[...now].filter(([key]) => !before.has(key))
        .map(([, finding]) => findingEvent("begun", finding)),
    ];
  }

  #takeNetwork({ gateway, subnet }: NodeNetwork): readonly StateEvent[] {
    const before = this.#subnet;
    this.#subnet = subnet;
    if (before === undefined || before === subnet) return [];
    return [{ kind: "network", subnet, gateway }];
  }
}

function takeRoute(
  known: Map<string, Route>,
  route: Route,
  isComplete: boolean,
): readonly RouteEvent[] {
  const { destination, device, reason } = route;
  const before = known.get(destination);
  known.set(destination, route);
  const isSame = before !== undefined && before.device === device &&
    before.state === route.state && before.reason === reason;
  if (!isSame) {
    return [{ kind: "route", destination, device, state: stateOf(route), reason }];
  }
  // Another process reports all of them, and has seen each for the first time.
  const isBack = !isComplete && toIso(before.since) !== toIso(route.since);
  return isBack
    ? [{ kind: "route", destination, device, state: "repaired", reason }]
    : [];
}

function takeGone(
  known: Map<string, Route>,
  destination: string,
): readonly RouteEvent[] {
  const before = known.get(destination);
  if (before === undefined) return [];
  known.delete(destination);
  const { device } = before;
  return [{ kind: "route", destination, device, state: "gone", reason: "" }];
}

function keyOf({ destination, device, id }: Finding): string {
  return [id, device, destination].join(" ");
}

function findingEvent(
  state: "begun" | "ended",
  { since: _, ...finding }: ShownFinding,
): FindingEvent {
  return { kind: "finding", state, ...finding };
}

const STATE_TONES: Readonly<Record<RouteEvent["state"], Tone>> = {
  installed: "good",
  repaired: "good",
  pending: "waiting",
  gone: "faint",
};

/** One line for people. */
export function describeEvent(
  event: StateEvent,
  time: Date,
  terminal: Terminal,
): string {
  const kind = event.kind.padEnd("network".length);
  return `${styled(terminal, "faint", time.toISOString())} ${kind}  ` +
    describe(event, terminal);
}

function describe(event: StateEvent, terminal: Terminal): string {
  const tell = (before: string, tone: Tone, word: string, after = ""): string =>
    escapeInvisible(before) + styled(terminal, tone, word) + escapeInvisible(after);
  switch (event.kind) {
    case "route": {
      const { destination, device, reason, state } = event;
      const why = reason === "" ? "" : `: ${reason}`;
      return tell(`${destination} dev ${device} `, STATE_TONES[state], state, why);
    }
    case "finding": {
      const { destination, device, found, id, severity, state } = event;
      const about = device || destination || "this node";
      if (state === "ended") return tell("", "good", "ENDED", ` ${about}: ${id}`);
      const tone = severity === "critical" ? "bad" : "waiting";
      return tell("", tone, severity.toUpperCase(), ` ${about}: ${found} (${id})`);
    }
    case "network": {
      const { gateway, subnet } = event;
      return escapeInvisible(
        subnet === "" ? "no subnet is configured" : `${subnet}, gateway ${gateway}`,
      );
    }
    case "sidecar":
      return event.state === "lost"
        ? tell("", "bad", "does not answer", `: ${event.reason}`)
        : tell("", "good", "answers");
    default:
      return event satisfies never;
  }
}

/** The version of the JSON: a field may be added, and none changes its meaning. */
const JSON_VERSION = 1;

/** What `events --json` prints: one such object on each line. */
export type EventJson = {
  /** Of this shape: a field may be added to it, and none changes its meaning. */
  readonly version: typeof JSON_VERSION;
  /** When this command received it: RFC 3339 in UTC. */
  readonly time: string;
} & StateEvent;

/** Formats an event as one JSON object, an {@linkcode EventJson}. */
export function eventJson(event: StateEvent, time: Date): string {
  const document: EventJson = {
    version: JSON_VERSION,
    time: time.toISOString(),
    ...event,
  };
  return escapeInvisible(JSON.stringify(document));
}
