/**
 * The peers in the FDB of the overlay's devices, compared with the desired routes. The
 * agent enters each peer once and then requests its route. It repeats neither, so a lost
 * entry or call stays lost.
 */
import { addressToNumber, type Ipv4Address } from "../../ipam/address.ts";
import type { InterfaceName } from "../../routing/interface_name.ts";
import { countOf, listFew } from "../../shared/quote.ts";
import type { Facts, WantedRoute } from "../facts.ts";
import {
  hostsInFdb,
  inOrder,
  NAMED,
  nodesBehind,
  overlayDevices,
  peersOf,
  vxlanOf,
  wantedThroughIt,
} from "../facts/overlay.ts";
import type { Finding } from "../finding.ts";
import { floodTo } from "../remedies/lines.ts";

/** A VXLAN device that is up, with its desired routes and its peers. */
interface Forwarder {
  readonly device: InterfaceName;
  /** None if no route at all is desired: then any VXLAN device may be the agent's. */
  readonly routes: readonly WantedRoute[];
  readonly peers: readonly Ipv4Address[];
}

/** Finds peers without a route, and routes without a peer. */
export function forwardingDatabaseChecks(facts: Facts): readonly Finding[] {
  return forwardersOf(facts).flatMap((forwarder) => {
    // One entry of a multicast group stands for all peers.
    if (forwarder.peers.some(isMulticast)) return [];
    return forwarder.peers.length > forwarder.routes.length
      ? [missingRoutes(facts, forwarder)]
      : missingPeers(facts, forwarder);
  });
}

function forwardersOf(facts: Facts): readonly Forwarder[] {
  const devices = facts.wanted.length > 0
    ? overlayDevices(facts)
    : [...facts.links.values()].map((link) => ({
      device: link.name,
      routes: [],
      link,
    }));
  return devices.flatMap(({ device, link, routes }) => {
    const isForwarding = link?.up === true && vxlanOf(link) !== undefined;
    return isForwarding ? { device, routes, peers: peersOf(facts, device) } : [];
  });
}

function isMulticast(address: Ipv4Address): boolean {
  return addressToNumber(address) >= 0xe0000000;
}

function missingRoutes(facts: Facts, forwarder: Forwarder): Finding {
  const { device, peers, routes } = forwarder;
  const { clusterCidr, nodePrefix } = facts.policy;
  const destinations = routes.map(({ destination }) => destination);
  const wanted = routes.length === 0
    ? "no desired route leads through it"
    : `only ${wantedThroughIt(forwarder)} (${listFew(destinations, NAMED)})`;
  const missing = peers.length - routes.length;
  const calls = missing === 1 ? "its InjectRoute was" : "their InjectRoutes were";
  return {
    id: "missing-routes",
    severity: "warning",
    subject: { kind: "device", device },
    found: `${device} forwards to ${countOf(peers.length, "peer")} but ${wanted}`,
    meaning: `No packet reaches ${countOf(missing, "node")}, because ${calls} lost, ` +
      "and the mesh agent does not repeat a call; do not stop the agent, because it " +
      "would remove the routes that work; find the node without a route, and replace " +
      `SUBNET with its subnet, a /${nodePrefix} of ${clusterCidr}`,
    remedy: [facts.injectCommand(device)],
  };
}

function missingPeers(facts: Facts, forwarder: Forwarder): readonly Finding[] {
  const { device, peers, routes } = forwarder;
  if (peers.length >= routes.length) return [];
  const before = facts.remembered.get(device)?.peers ?? new Set();
  const lost = inOrder(before.difference(new Set(peers)));
  const isExplained = peers.length + lost.length >= routes.length;
  const found = lost.length > 0 ? [lostPeers(forwarder, lost)] : [];
  if (isExplained) return found;
  return [...found, tooFewPeers(facts, forwarder, lost)];
}

function lostPeers(forwarder: Forwarder, lost: readonly Ipv4Address[]): Finding {
  const { device, peers } = forwarder;
  const hosts = listFew(lost, NAMED);
  const all = peers.length + lost.length;
  const there = lost.length === 1 ? "this host" : "these hosts";
  return {
    id: "fdb-lost",
    severity: "critical",
    subject: { kind: "device", device },
    found: peers.length === 0
      ? `The FDB of ${device} has no peer left; it had ${hosts}`
      : `The FDB of ${device} has lost ${lost.length} of ${all} peers: ${hosts}`,
    meaning:
      `${device} does not send packets for unknown addresses to ${there}, so no ` +
      "packet reaches the nodes there, and the mesh agent does not repeat FDB entries",
    remedy: lost.map((host) => floodTo(device, host)),
  };
}

/** It is unknown which peers are missing: only the learned hosts are known. */
function tooFewPeers(
  facts: Facts,
  forwarder: Forwarder,
  lost: readonly Ipv4Address[],
): Finding {
  const { device, peers, routes } = forwarder;
  const known = new Set([...peers, ...lost]);
  const learned = hostsInFdb(facts, device).filter((host) => !known.has(host));
  const hosts = learned.length > 0 ? learned : ["HOST"];
  const hint = learned.length > 0
    ? ""
    : "; replace HOST with the address of a missing peer's host, which the control plane " +
      "knows";
  const subject = { kind: "device", device } as const;
  const remedy = hosts.map((host) => floodTo(device, host));
  if (peers.length === 0 && lost.length === 0) {
    return {
      id: "fdb-empty",
      severity: "critical",
      subject,
      found: `The FDB of ${device} has no peer, but ${wantedThroughIt(forwarder)}`,
      meaning: `${device} drops every packet for an address that it has not learned, ` +
        `so no packet reaches ${nodesBehind(forwarder)}${hint}`,
      remedy,
    };
  }
  const missing = routes.length - peers.length - lost.length;
  return {
    id: "fdb-fewer",
    severity: "warning",
    subject,
    found: `${device} forwards to ${countOf(peers.length, "peer")}, but ` +
      wantedThroughIt(forwarder),
    meaning: `Packets for addresses that ${device} has not learned do not reach ` +
      `${countOf(missing, "node")} behind it, unless nodes share a host${hint}`,
    remedy,
  };
}
