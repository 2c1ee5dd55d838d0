/** What the API and the command line need of the diagnosis. */
import type { Ipv4Address } from "../ipam/address.ts";
import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { Call, NotExecuted } from "../reconcile/ports.ts";
import type { InterfaceName } from "../routing/interface_name.ts";
import type { Finding } from "./finding.ts";

/** A finding, and since when it is there. */
export interface CurrentFinding extends Finding {
  /** Milliseconds since 1970, UTC. */
  readonly sinceMs: number;
}

/** What a diagnosis found, and when it was made. */
export interface Diagnosis {
  /** Worst first. */
  readonly findings: readonly CurrentFinding[];
  /** Milliseconds since 1970, UTC. */
  readonly atMs: number;
  /** Why the kernel could not be read this time; the findings are those of before. */
  readonly fault: string | undefined;
}

/** How a probed address answered. */
export type ProbeState =
  /** The peer answered the kernel's ARP request. */
  | { readonly kind: "answered"; readonly afterMs: number }
  /** It did not, within the time that the kernel asks. */
  | { readonly kind: "silent" }
  /** The kernel has an entry for the address: that is never touched. */
  | { readonly kind: "known" }
  /** The kernel refused to ask; a sentence. */
  | { readonly kind: "failed"; readonly why: string };

/** What a probe of one destination found. */
export interface ProbeResult {
  readonly destination: Ipv4Cidr;
  readonly device: InterfaceName;
  /** The address that answers without proxy_arp. */
  readonly gateway: { readonly address: Ipv4Address; readonly state: ProbeState };
  /** An address that no container has: only proxy_arp of the peer's device answers it. */
  readonly proxied: { readonly address: Ipv4Address; readonly state: ProbeState };
}

/** The outcome of a probe. */
export type ProbeOutcome =
  /** In ascending order of destination. */
  | { readonly kind: "probed"; readonly results: readonly ProbeResult[] }
  /** Another probe runs. */
  | { readonly kind: "busy" }
  | NotExecuted;

/** Whether traffic flows. */
export interface DataPathService {
  /** The newest diagnosis; the first call waits for the first one. */
  latest(): Promise<Diagnosis>;
  /**
   * Calls the listener with the newest diagnosis, at once if there is one, and with each
   * that differs.
   *
   * @returns ends the watch
   */
  watch(listener: (diagnosis: Diagnosis) => void): () => void;
  /** Asks each desired destination's gateway, and one address behind it. */
  probe(call: Call): Promise<ProbeOutcome>;
}
