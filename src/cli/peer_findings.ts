/** What a probe of the peers says. */
import type { Duration } from "../api/gen/google/protobuf/Duration.ts";
import type { ProbedAddress } from "../api/gen/quilt/sidecar/v1/ProbedAddress.ts";
import type { ProbedPeer } from "../api/gen/quilt/sidecar/v1/ProbedPeer.ts";
import { describeProxyOff, describeUnreachable } from "../diagnose/checks/peers.ts";
import type { ShownFinding } from "./finding_report.ts";
import { required } from "./required.ts";

/** An address that was asked, and how it answered. */
export interface ShownAddress {
  readonly address: string;
  readonly state: "answered" | "silent" | "known" | "failed";
  /** Milliseconds until the answer; null if there was none. */
  readonly answered_after_ms: number | null;
  /** Why the kernel refused to ask; otherwise empty. */
  readonly reason: string;
}

/** A peer, with the fields of its JSON. */
export interface ShownPeer {
  readonly destination: string;
  readonly device: string;
  readonly gateway: ShownAddress;
  readonly proxied: ShownAddress;
}

/** A peer that a sidecar has asked. */
export function toShownPeer(
  { destination, device, gateway, proxied }: ProbedPeer,
): ShownPeer {
  return {
    destination,
    device,
    gateway: toShownAddress(required(gateway, "gateway")),
    proxied: toShownAddress(required(proxied, "proxied")),
  };
}

function toShownAddress(
  { address, answered_after: after, reason, state }: ProbedAddress,
): ShownAddress {
  const answered_after_ms = after === null ? null : toMs(after);
  return { address, state: stateOf(state), answered_after_ms, reason };
}

/** To a tenth: an answer takes half a millisecond or more. */
function toMs({ nanos, seconds }: Duration): number {
  return Math.round(seconds * 10_000 + nanos / 1e5) / 10;
}

function stateOf(state: ProbedAddress["state"]): ShownAddress["state"] {
  switch (state) {
    case "PROBE_STATE_ANSWERED":
      return "answered";
    case "PROBE_STATE_SILENT":
      return "silent";
    case "PROBE_STATE_KNOWN":
      return "known";
    case "PROBE_STATE_FAILED":
      return "failed";
    default:
      // Unspecified, which is never sent, or a state of a newer sidecar.
      throw new TypeError(`Cannot show probe state ${state}`);
  }
}

/** What is wrong with the peers. */
export function peerFindings(peers: readonly ShownPeer[]): readonly ShownFinding[] {
  return peers.flatMap((peer) => findingOf(peer) ?? []);
}

/** An address that the kernel knows was not asked: it tells nothing against its peer. */
function findingOf(peer: ShownPeer): ShownFinding | undefined {
  const { destination, device, gateway, proxied } = peer;
  const about = { destination, device: "", remedy: [], since: "" };
  const failed = [gateway, proxied].find(({ state }) => state === "failed");
  if (failed !== undefined) {
    return {
      ...about,
      id: "peer-not-asked",
      severity: "warning",
      found: `The kernel refused to probe ${failed.address} through ${device}: ` +
        failed.reason,
      meaning: `It is not known whether the node of ${destination} answers`,
    };
  }
  const silent = [gateway, proxied].filter(({ state }) => state === "silent")
    .map(({ address }) => address);
  const isThere = [gateway, proxied].some(({ state }) => state === "answered");
  if (gateway.state === "silent" && !isThere) {
    return {
      ...about,
      id: "peer-unreachable",
      severity: "critical",
      ...describeUnreachable(peer, silent),
    };
  }
  if (proxied.state !== "silent") return undefined;
  return {
    ...about,
    id: "peer-proxy-arp",
    severity: "critical",
    ...describeProxyOff(peer, gateway.address, proxied.address),
  };
}
