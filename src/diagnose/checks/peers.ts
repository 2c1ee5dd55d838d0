import type { Facts } from "../facts.ts";
import type { Finding } from "../finding.ts";
import type { ProbeResult, ProbeState } from "../ports.ts";

/** What a probe says of the peers. Their faults are mended on their own nodes. */
export function peerChecks({ probed }: Facts): readonly Finding[] {
  return probed.flatMap((result): readonly Finding[] => {
    const { destination, device, gateway, proxied } = result;
    const subject = { kind: "destination", destination } as const;
    if (isSilent(gateway.state) && isSilent(proxied.state)) {
      return [{
        id: "peer-unreachable",
        severity: "critical",
        subject,
        found: `The node of ${destination} answers no ARP request through ${device}, ` +
          `neither for ${gateway.address} nor for ${proxied.address}`,
        meaning: `No packet gets through to ${destination}, or none comes back; ` +
          "run there: deno task doctor",
        remedy: [],
      }];
    }
    return isThere(gateway.state) && isSilent(proxied.state) ? [proxyOff(result)] : [];
  });
}

function proxyOff({ destination, device, gateway, proxied }: ProbeResult): Finding {
  return {
    id: "peer-proxy-arp",
    severity: "critical",
    subject: { kind: "destination", destination },
    found: `The node of ${destination} answers for its gateway ${gateway.address}, ` +
      `but not for ${proxied.address}: proxy_arp is off there`,
    meaning: `This node cannot reach the containers of ${destination}; run on that ` +
      `node: sysctl -w net.ipv4.conf.${device}.proxy_arp=1`,
    remedy: [],
  };
}

function isSilent({ kind }: ProbeState): boolean {
  return kind === "silent";
}

function isThere({ kind }: ProbeState): boolean {
  return kind === "answered" || kind === "known";
}
