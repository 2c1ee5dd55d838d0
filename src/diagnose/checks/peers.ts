import type { Facts } from "../facts.ts";
import type { Finding } from "../finding.ts";
import type { ProbeResult, ProbeState } from "../ports.ts";
import { setSysctl } from "../remedies/lines.ts";

/** The results of a probe. A fault of a peer is repaired on its own node. */
export function peerChecks({ probed }: Pick<Facts, "probed">): readonly Finding[] {
  return probed.flatMap((result): readonly Finding[] => {
    const { destination, gateway, proxied } = result;
    const subject = { kind: "destination", destination } as const;
    if (isSilent(gateway.state) && isSilent(proxied.state)) {
      return [{
        id: "peer-unreachable",
        severity: "critical",
        subject,
        ...describeUnreachable(result, [gateway.address, proxied.address]),
        remedy: [],
      }];
    }
    return isThere(gateway.state) && isSilent(proxied.state) ? [proxyOff(result)] : [];
  });
}

function proxyOff(result: ProbeResult): Finding {
  const { destination, gateway, proxied } = result;
  return {
    id: "peer-proxy-arp",
    severity: "critical",
    subject: { kind: "destination", destination },
    ...describeProxyOff(result, gateway.address, proxied.address),
    remedy: [],
  };
}

/** A peer as it was asked: the destination is its subnet. */
export interface AskedPeer {
  readonly destination: string;
  readonly device: string;
}

/**
 * A peer that answers for no address.
 *
 * @param silent the addresses, one or two
 */
export function describeUnreachable(
  { destination, device }: AskedPeer,
  [one = "", other]: readonly string[],
): Pick<Finding, "found" | "meaning"> {
  const asked = other === undefined
    ? ` for ${one}`
    : `, neither for ${one} nor for ${other}`;
  return {
    found:
      `The node of ${destination} answers no ARP request through ${device}${asked}`,
    meaning: `No packet reaches ${destination}, or no answer comes back; ` +
      "run on that node: quilt-sidecar doctor",
  };
}

/** A peer that answers for its gateway, but not for an address behind it. */
export function describeProxyOff(
  { destination, device }: AskedPeer,
  gateway: string,
  proxied: string,
): Pick<Finding, "found" | "meaning"> {
  return {
    found: `The node of ${destination} answers for its gateway ${gateway}, ` +
      `but not for ${proxied}: proxy_arp is off there`,
    meaning: `This node cannot reach the containers of ${destination}; run on that ` +
      `node: ${setSysctl(device, "proxy_arp", 1)}`,
  };
}

function isSilent({ kind }: ProbeState): boolean {
  return kind === "silent";
}

function isThere({ kind }: ProbeState): boolean {
  return kind === "answered" || kind === "known";
}
