/** Follows a sidecar by its watches, over its restarts. */
import { type Client, type ServiceDefinition, status } from "@grpc/grpc-js";
import type { WatchFindingsResponse } from "../api/gen/quilt/sidecar/v1/WatchFindingsResponse.ts";
import type { WatchNodeNetworkResponse } from "../api/gen/quilt/sidecar/v1/WatchNodeNetworkResponse.ts";
import type { WatchRoutesResponse } from "../api/gen/quilt/sidecar/v1/WatchRoutesResponse.ts";
import {
  DATA_PATH_SERVICE,
  NODE_NETWORK_SERVICE,
  ROUTE_SERVICE,
} from "../api/proto_registry.ts";
import { type CallFault, createClient, startWatch } from "./grpc_client.ts";
import type { Target } from "./target.ts";

/** Milliseconds from the loss of a sidecar to the next try to connect. */
const PAUSE_MS = 500;

/** A message of one of the watches, or their end. */
export type SidecarUpdate =
  | { readonly kind: "routes"; readonly message: WatchRoutesResponse }
  | { readonly kind: "findings"; readonly message: WatchFindingsResponse }
  | { readonly kind: "network"; readonly message: WatchNodeNetworkResponse }
  /** Its watches have ended; they begin anew. */
  | { readonly kind: "lost"; readonly fault: CallFault };

/** Options of {@linkcode followSidecar}. */
export interface FollowOptions {
  /** Called in the order of what happens. */
  readonly onUpdate: (update: SidecarUpdate) => void;
  /** Ends it. */
  readonly over: Promise<void>;
  /** Milliseconds for the first answer; otherwise the sidecar counts as lost. */
  readonly deadlineMs: number;
}

/** Follows a sidecar, and connects again when it is lost, until `over` resolves. */
export async function followSidecar(
  target: Target,
  { deadlineMs, onUpdate, over }: FollowOptions,
): Promise<void> {
  let isOver = false;
  const ended = over.then(() => {
    isOver = true;
  });
  while (!isOver) {
    // A new client: the old one waits longer and longer before it connects again.
    const client = createClient(target);
    const fault = await Promise.race([watchAll(client, onUpdate, deadlineMs), ended]);
    client.close();
    if (fault === undefined) return;
    onUpdate({ kind: "lost", fault });
    await pause(PAUSE_MS, ended);
  }
}

/** Resolves when one of the watches has ended, or when none has answered in time. */
async function watchAll(
  client: Client,
  onUpdate: (update: SidecarUpdate) => void,
  deadlineMs: number,
): Promise<CallFault> {
  const { promise, resolve } = Promise.withResolvers<CallFault>();
  const silence = setTimeout(
    () => resolve({ code: status.DEADLINE_EXCEEDED, details: "", isAnswer: false }),
    deadlineMs,
  );
  const watch = <Message>(
    service: ServiceDefinition,
    rpc: string,
    wrap: (message: Message) => SidecarUpdate,
    onEnd: (fault: CallFault) => void = resolve,
  ) =>
    startWatch<Message>(client, service, rpc, {
      onMessage: (message) => {
        clearTimeout(silence);
        onUpdate(wrap(message));
      },
      onEnd,
    });
  const ends = [
    watch<WatchNodeNetworkResponse>(
      NODE_NETWORK_SERVICE,
      "WatchNodeNetwork",
      (message) => ({ kind: "network", message }),
    ),
    watch<WatchRoutesResponse>(
      ROUTE_SERVICE,
      "WatchRoutes",
      (message) => ({ kind: "routes", message }),
    ),
    watch<WatchFindingsResponse>(
      DATA_PATH_SERVICE,
      "WatchFindings",
      (message) => ({ kind: "findings", message }),
      // A sidecar that is too old to report findings still sends the rest.
      (fault) => fault.code === status.UNIMPLEMENTED ? undefined : resolve(fault),
    ),
  ];
  const fault = await promise;
  clearTimeout(silence);
  for (const end of ends) end();
  return fault;
}

async function pause(ms: number, ended: Promise<void>): Promise<void> {
  const elapsed = Promise.withResolvers<void>();
  const timer = setTimeout(elapsed.resolve, ms);
  await Promise.race([elapsed.promise, ended]);
  clearTimeout(timer);
}
