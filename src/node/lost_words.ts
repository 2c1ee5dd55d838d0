import type { Door } from "../kernel/door.ts";
import { answerOf } from "../kernel/session.ts";
import type { Logger } from "../log.ts";
import type { InterfaceName } from "../routes/interface_name.ts";
import type { Ledger } from "./ledger.ts";

/**
 * The agent enters each peer into the overlay device's FDB and then asks for its route;
 * a call that finds nobody listening is forgotten. So more peers than routes after a
 * start mean that a word was lost, which nobody but its sender can repeat.
 */
export async function reportLostWords(
  door: Door,
  ledger: Ledger,
  logger: Logger,
): Promise<void> {
  const exchange = await door.survey([{ kind: "forwarding-entries" }], "bridge");
  const result = exchange.kind === "answered" ? exchange.results[0] : undefined;
  const answer = answerOf(result, "peers");
  if (answer === undefined) return;
  const routes = routesByDevice(ledger);
  for (const [device, peers] of answer.peers) {
    // Without any route nobody knows which of several devices is the agent's.
    const known = routes.get(device) ?? (routes.size === 0 ? 0 : peers);
    if (peers > known) logger.log("warn", describeLostWords(device, peers, known));
  }
}

function routesByDevice(ledger: Ledger): ReadonlyMap<InterfaceName, number> {
  const routes = new Map<InterfaceName, number>();
  for (const { route: { device } } of ledger.wishes()) {
    routes.set(device, (routes.get(device) ?? 0) + 1);
  }
  return routes;
}

function describeLostWords(device: string, peers: number, routes: number): string {
  return `${device} forwards to ${peers} ${peers === 1 ? "peer" : "peers"} but only ` +
    `${routes} ${routes === 1 ? "route is" : "routes are"} wanted through it: an ` +
    "InjectRoute was lost while nobody listened; restart the mesh agent, which then " +
    "asks for all of them again";
}
