/** A fault of the data path: what was found, what it means, and the remedy. */
import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { InterfaceName } from "../routing/interface_name.ts";

/** `critical` stops traffic now; `warning` stops some of it, or will. */
export type Severity = "critical" | "warning";

/** What a finding is about. */
export type Subject =
  | { readonly kind: "node" }
  | { readonly kind: "device"; readonly device: InterfaceName }
  | { readonly kind: "destination"; readonly destination: Ipv4Cidr };

/** One thing that is wrong. */
export interface Finding {
  /** Stable: scripts and dashboards may rely on it. */
  readonly id: FindingId;
  readonly severity: Severity;
  readonly subject: Subject;
  /** What was found, one sentence without a full stop: names, numbers, what was expected. */
  readonly found: string;
  /** What it means for traffic, one sentence without a full stop. */
  readonly meaning: string;
  /** Shell commands, one a line, to paste on the node. They end the finding. */
  readonly remedy: readonly string[];
}

/** Every id, worst first: the order in which findings are shown. */
export const FINDING_IDS = [
  "no-permission",
  "other-sidecar",
  "device-missing",
  "device-down",
  "device-without-ipv4",
  "device-no-carrier",
  "bridge-port",
  "vxlan-vni",
  "vxlan-port",
  "vxlan-local",
  "underlay-down",
  "underlay-no-route",
  "fdb-empty",
  "fdb-lost",
  "fdb-fewer",
  "forwarding-off",
  "device-forwarding-off",
  "proxy-arp-off",
  "rule-bypasses-main",
  "rule-names-state-table",
  "forwarded-elsewhere",
  "route-shadowed",
  "route-contended",
  "subnet-unassigned",
  "gateway-missing",
  "bridge-prefix",
  "neighbour-stale",
  "peer-unreachable",
  "peer-proxy-arp",
  "mtu-too-large",
  "rp-filter",
  "missing-routes",
] as const;

/** What kind of finding it is. */
export type FindingId = typeof FINDING_IDS[number];

/** Two findings with the same key are the same, even if their texts differ. */
export function keyOf({ id, subject }: Finding): string {
  return `${id} ${nameOf(subject)}`;
}

/** A subject as people read it. */
export function nameOf(subject: Subject): string {
  switch (subject.kind) {
    case "node":
      return "this node";
    case "device":
      return subject.device;
    case "destination":
      return subject.destination;
    default:
      return subject satisfies never;
  }
}

/** Worst first: by severity, then by id, then by subject. */
export function compareFindings(one: Finding, other: Finding): number {
  return rank(one) - rank(other) ||
    FINDING_IDS.indexOf(one.id) - FINDING_IDS.indexOf(other.id) ||
    nameOf(one.subject).localeCompare(nameOf(other.subject), "en", { numeric: true });
}

function rank({ severity }: Finding): number {
  return severity === "critical" ? 0 : 1;
}
