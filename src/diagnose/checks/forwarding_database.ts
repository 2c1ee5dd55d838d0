/**
 * The peers in the FDB of the overlay's devices, compared with the desired routes. The
 * agent enters each peer once and then asks for its route; it repeats neither, so what is
 * lost of either stays lost.
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

/** A VXLAN device that is up, with what shall go through it and where it forwards to. */
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
    ? "no route is wanted through it"
    : `only ${wantedThroughIt(forwarder)} (${listFew(destinations, NAMED)})`;
  const missing = peers.length - routes.length;
  return {
    id: "missing-routes",
    severity: "warning",
    subject: { kind: "device", device },
    found: `${device} forwards to ${countOf(peers.length, "peer")} but ${wanted}`,
    meaning: `No packet leaves for ${countOf(missing, "node")} whose InjectRoute was ` +
      "lost, and the mesh agent does not repeat it; do not stop the agent, because it " +
      "would remove the routes that work; find the node without a route, and put its " +
      `subnet, a /${nodePrefix} of ${clusterCidr}, in the place of SUBNET`,
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
  return {
    id: "fdb-lost",
    severity: "critical",
    subject: { kind: "device", device },
    found: peers.length === 0
      ? `No peer is left in the FDB of ${device}, which had ${hosts}`
      : `${lost.length} of ${all} peers ${
        lost.length === 1 ? "is" : "are"
      } gone from the FDB of ${device}, ${hosts}`,
    meaning: `${device} sends nobody there the packets for addresses that it has not ` +
      "learned, so the nodes on these hosts cannot be reached, and the mesh agent does " +
      "not repeat the entries",
    remedy: lost.map((host) => floodTo(device, host)),
  };
}

/** Nothing tells which peers are missing: only the hosts that were learned are known. */
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
    : "; HOST is the address of each missing peer's host, which nobody here knows";
  const subject = { kind: "device", device } as const;
  const remedy = hosts.map((host) => floodTo(device, host));
  if (peers.length === 0 && lost.length === 0) {
    return {
      id: "fdb-empty",
      severity: "critical",
      subject,
      found: `No peer is in the FDB of ${device}, but ${wantedThroughIt(forwarder)}`,
      meaning: `${device} drops every packet for an address that it has not learned, ` +
        `so ${nodesBehind(forwarder)} cannot be reached${hint}`,
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
    meaning: `No packet for an address that ${device} has not learned reaches ` +
      `${countOf(missing, "node")} behind it, unless nodes share a host${hint}`,
    remedy,
  };
}
