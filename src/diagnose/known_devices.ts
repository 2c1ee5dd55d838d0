import { FLOOD_MAC } from "../dataplane/data_path.ts";
import type { InterfaceName } from "../routing/interface_name.ts";
import type { Facts, KnownDevice } from "./facts.ts";
import { peersOf } from "./facts/overlay.ts";
import { isProxying } from "./facts/settings.ts";

/**
 * The known state of the overlay's devices after these facts. A device that was created
 * again has no peers, and only this process knows which it had: the agent does not fill the
 * FDB again.
 */
export function learnDevices(
  facts: Omit<Facts, "remembered">,
  before: ReadonlyMap<InterfaceName, KnownDevice>,
): ReadonlyMap<InterfaceName, KnownDevice> {
  const routes = Map.groupBy(facts.wanted, ({ device }) => device);
  // Also before the first route: the agent enters its peers first.
  const floods = facts.forwarding.filter(({ mac }) => mac === FLOOD_MAC)
    .map(({ device }) => device);
  const remembered = new Map<InterfaceName, KnownDevice>();
  for (const device of new Set([...routes.keys(), ...floods])) {
    const known = before.get(device);
    const link = facts.links.get(device);
    if (link === undefined) {
      if (known !== undefined) remembered.set(device, known);
      continue;
    }
    const peers = peersOf(facts, device);
    // With a peer for each route nothing is lost; a missing peer has left the cluster.
    const isComplete = peers.length >= (routes.get(device)?.length ?? 0);
    remembered.set(device, {
      link,
      peers: new Set(isComplete ? peers : [...known?.peers ?? [], ...peers]),
      proxyArp: (known?.proxyArp ?? false) || isProxying(facts, device),
    });
  }
  return remembered;
}
