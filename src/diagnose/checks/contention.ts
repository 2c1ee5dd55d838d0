import { OUR_PROTOCOL } from "../../routing/kernel_route.ts";
import { countOf } from "../../shared/quote.ts";
import type { Contention, Facts } from "../facts.ts";
import type { Finding } from "../finding.ts";

/** Destinations whose route another process changes again and again. */
export function contentionChecks(facts: Facts): readonly Finding[] {
  return facts.contended.filter((each) => !isOfOtherSidecar(facts, each))
    .map(contended);
}

/** A second sidecar is a finding of its own: it deletes, or writes with our protocol. */
function isOfOtherSidecar({ otherSidecar }: Facts, { protocol }: Contention): boolean {
  return otherSidecar !== undefined &&
    (protocol === undefined || protocol === OUR_PROTOCOL);
}

function contended({ destination, everyMs, protocol, repairs }: Contention): Finding {
  const does = protocol === undefined
    ? `deletes the route to ${destination}`
    : `writes a route to ${destination} with proto ${protocol}`;
  const pace = everyMs === undefined ? "" : ` every ${duration(everyMs)}`;
  return {
    id: "route-contended",
    severity: "warning",
    subject: { kind: "destination", destination },
    found: `Another process ${does}${pace}; the sidecar has ` +
      `repaired it ${countOf(repairs, "time")}`,
    meaning: "Packets are lost between each change and its repair; " +
      (protocol === undefined ? DELETED_BY : writtenBy(protocol)),
    // Only the other process can stop, and which one it is cannot be known from here.
    remedy: [],
  };
}

/** Milliseconds as people read them. */
function duration(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${Math.round(ms / 100) / 10} s`;
}

/** systemd-networkd(8) is the one known program that only deletes. */
const DELETED_BY = "systemd-networkd deletes routes that it does not know, unless " +
  "networkd.conf(5) has ManageForeignRoutes=no; if systemd-networkd does not run, look " +
  "for a script that deletes routes";

/** The programs that use a protocol number, by rtnetlink(7) and rt_protos of iproute2. */
const WRITERS: ReadonlyMap<number, string> = new Map([
  [2, "the kernel writes it when a process adds an address of this subnet"],
  [3, "proto boot is an operator, a script or a container runtime"],
  [
    4,
    "proto static is an administrator, systemd-networkd or NetworkManager",
  ],
  [11, "proto zebra is FRR or Quagga"],
  [12, "proto bird is BIRD, which Calico uses"],
  [16, "proto dhcp is a DHCP client, systemd-networkd or NetworkManager"],
  [18, "proto keepalived is keepalived"],
  [42, "proto babel is babeld or FRR"],
  [99, "proto openr is Open/R"],
  [OUR_PROTOCOL, "proto 142 is a sidecar: a second one runs here"],
  [186, "proto bgp is a BGP daemon, such as FRR"],
  [187, "proto isis is an IS-IS daemon, such as FRR"],
  [188, "proto ospf is an OSPF daemon, such as FRR"],
  [189, "proto rip is a RIP daemon, such as FRR"],
  [192, "proto eigrp is an EIGRP daemon, such as FRR"],
]);

function writtenBy(protocol: number): string {
  const writer = WRITERS.get(protocol);
  return writer === undefined
    ? `look for the program that uses proto ${protocol}`
    : `${writer}; configure it not to change routes to this destination`;
}
