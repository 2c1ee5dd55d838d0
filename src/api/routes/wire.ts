import type { StatedRoute } from "../../routing/route_set.ts";
import { fieldOf, numberField, stringField } from "../fields.ts";

/** `google.protobuf.Timestamp` */
export interface TimestampMessage {
  /** Since 1970, UTC. */
  readonly seconds: number;
  /** 0 to 999,999,999. */
  readonly nanos: number;
}

/** `quilt.sidecar.v1.RouteState` */
export type RouteStateName = "ROUTE_STATE_INSTALLED" | "ROUTE_STATE_PENDING";

/** `quilt.sidecar.v1.Route` */
export interface RouteMessage {
  readonly destination: string;
  readonly device: string;
  readonly state: RouteStateName;
  /** Empty if it is installed. */
  readonly reason: string;
  readonly since: TimestampMessage;
  readonly confirmed: boolean;
}

/** `quilt.sidecar.v1.ListRoutesResponse` */
export interface ListRoutesResponse {
  readonly routes: readonly RouteMessage[];
}

/** `quilt.sidecar.v1.WatchRoutesResponse` */
export interface WatchRoutesResponse {
  readonly complete: boolean;
  readonly routes: readonly RouteMessage[];
  readonly removed: readonly string[];
}

/** `quilt.sidecar.v1.SyncRoutesRequest` */
export interface SyncRoutesRequest {
  readonly routes: readonly StatedRoute[];
  readonly dry_run: boolean;
}

/** `quilt.sidecar.v1.RouteOutcomeKind` */
export type OutcomeKindName =
  | "ROUTE_OUTCOME_KIND_ADDED"
  | "ROUTE_OUTCOME_KIND_REMOVED"
  | "ROUTE_OUTCOME_KIND_UNCHANGED"
  | "ROUTE_OUTCOME_KIND_PENDING"
  | "ROUTE_OUTCOME_KIND_REFUSED";

/** `quilt.sidecar.v1.RouteOutcome` */
export interface RouteOutcomeMessage {
  readonly destination: string;
  readonly kind: OutcomeKindName;
  /** Empty if there is nothing to say. */
  readonly detail: string;
}

/** `quilt.sidecar.v1.SyncRoutesResponse` */
export interface SyncRoutesResponse {
  readonly outcomes: readonly RouteOutcomeMessage[];
  readonly added: number;
  readonly removed: number;
  readonly unchanged: number;
  readonly pending: number;
  readonly refused: number;
}

/** @throws {TypeError} if the .proto and this file have drifted apart */
export function decodeSyncRoutesRequest(message: unknown): SyncRoutesRequest {
  return {
    routes: listField(message, "routes", (route) => ({
      destination: stringField(route, "destination"),
      device: stringField(route, "device"),
    })),
    dry_run: booleanField(message, "dry_run"),
  };
}

/** @throws {TypeError} if the .proto and this file have drifted apart */
export function decodeListRoutesResponse(message: unknown): ListRoutesResponse {
  return { routes: listField(message, "routes", decodeRoute) };
}

function decodeRoute(message: unknown): RouteMessage {
  const since = fieldOf(message, "since");
  return {
    destination: stringField(message, "destination"),
    device: stringField(message, "device"),
    state: stateField(message),
    reason: stringField(message, "reason"),
    since: {
      seconds: numberField(since, "seconds"),
      nanos: numberField(since, "nanos"),
    },
    confirmed: booleanField(message, "confirmed"),
  };
}

function stateField(message: unknown): RouteStateName {
  const state = stringField(message, "state");
  if (state === "ROUTE_STATE_INSTALLED" || state === "ROUTE_STATE_PENDING") {
    return state;
  }
  throw new TypeError(`Cannot decode state ${state}`);
}

function booleanField(message: unknown, name: string): boolean {
  const value = fieldOf(message, name);
  if (typeof value === "boolean") return value;
  throw new TypeError(`Cannot decode the message as its field ${name} is no boolean`);
}

function listField<Item>(
  message: unknown,
  name: string,
  decode: (item: unknown) => Item,
): readonly Item[] {
  const value = fieldOf(message, name);
  if (Array.isArray(value)) return value.map((item) => decode(item));
  throw new TypeError(`Cannot decode the message as its field ${name} is no list`);
}
