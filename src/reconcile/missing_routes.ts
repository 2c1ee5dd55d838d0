import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { ClusterPolicy } from "../ipam/policy.ts";
import { FLOOD_MAC } from "../dataplane/data_path.ts";
import { answerOf, type Dataplane } from "../dataplane/dataplane.ts";
import type { Logger } from "../observability/logger.ts";
import type { InterfaceName } from "../routing/interface_name.ts";
import { ascending } from "../routing/difference.ts";
import { describeMissingRoutes } from "../routing/messages.ts";
import { type CallTarget, grpcurlCommand } from "../shared/grpcurl.ts";
import type { DesiredState } from "./desired_state.ts";

/** What a look for missing routes works with. */
export interface MissingRoutesParts {
  readonly dataplane: Dataplane;
  readonly desired: DesiredState;
  readonly policy: ClusterPolicy;
  readonly logger: Logger;
  /** How the operator can ask for a missing route. */
  readonly target: CallTarget;
}

/**
 * The agent enters each peer into the overlay device's FDB and then asks for its route;
 * a call that finds no listener is forgotten. So more peers than routes after a
 * start mean that an InjectRoute was lost. Only the control plane and the operator know
 * which: a restart of the agent is no remedy, because its stop removes every route that
 * works, and the control plane may refuse it afterwards.
 */
export async function reportMissingRoutes(
  { dataplane, desired, logger, policy, target }: MissingRoutesParts,
): Promise<void> {
  const exchange = await dataplane.dump([{ kind: "forwarding-table" }]);
  const result = exchange.kind === "answered" ? exchange.results[0] : undefined;
  const answer = answerOf(result, "forwarding-table");
  if (answer === undefined) return;
  const routes = routesByDevice(desired);
  const floods = answer.entries.filter(({ mac }) => mac === FLOOD_MAC);
  for (const [device, { length: peers }] of Map.groupBy(floods, (one) => one.device)) {
    const known = routes.get(device) ?? [];
    // Without any route it is unknown which of several devices is the agent's.
    if (peers <= known.length || (known.length === 0 && routes.size > 0)) continue;
    const request = { destination: "SUBNET", via_interface: device };
    const method = "quilt.QuiltRuntime/InjectRoute";
    const command = grpcurlCommand(target, method, request);
    logger.log(
      "warn",
      describeMissingRoutes({ ...policy, device, peers, routes: known, command }),
    );
  }
}

function routesByDevice(
  desired: DesiredState,
): ReadonlyMap<InterfaceName, readonly Ipv4Cidr[]> {
  const all = ascending(desired.routes(), ({ route }) => route.destination);
  const byDevice = Map.groupBy(all, ({ route }) => route.device);
  return new Map(
    [...byDevice].map(([device, routes]) => [
      device,
      routes.map(({ route }) => route.destination),
    ]),
  );
}
