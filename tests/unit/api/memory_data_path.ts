import type {
  CurrentFinding,
  DataPathService,
  Diagnosis,
  ProbeOutcome,
} from "../../../src/diagnose/ports.ts";
import type { FindingId, Severity, Subject } from "../../../src/diagnose/finding.ts";
import type { Timestamp } from "../../../src/api/gen/google/protobuf/Timestamp.ts";
import type { Finding } from "../../../src/api/gen/quilt/sidecar/v1/Finding.ts";
import { cidr, device } from "./outcomes.ts";

/** 2023-11-14T22:13:20.123Z */
export const AT_MS = 1_700_000_000_123;

/** A device or a destination; neither: the node. */
export interface About {
  readonly device?: string;
  readonly destination?: string;
}

/** A finding with words of its own. */
export function finding(
  id: FindingId,
  severity: Severity,
  about: About = {},
): CurrentFinding {
  return {
    id,
    severity,
    subject: subjectOf(about),
    found: `Found ${id}`,
    meaning: `It means ${severity}`,
    remedy: [`end ${id}`, "and that is all"],
    sinceMs: AT_MS,
  };
}

function subjectOf(about: About): Subject {
  if (about.device !== undefined) {
    return { kind: "device", device: device(about.device) };
  }
  return about.destination === undefined
    ? { kind: "node" }
    : { kind: "destination", destination: cidr(about.destination) };
}

/** A finding of {@linkcode finding} as a message. */
export function findingMessage(
  id: FindingId,
  severity: Severity,
  { destination = "", device = "" }: About = {},
): Finding {
  return {
    id,
    severity: severity === "critical"
      ? "FINDING_SEVERITY_CRITICAL"
      : "FINDING_SEVERITY_WARNING",
    device,
    destination,
    found: `Found ${id}`,
    meaning: `It means ${severity}`,
    remedy: [`end ${id}`, "and that is all"],
    since: TIMESTAMP,
  };
}

/** {@linkcode AT_MS} as a message. */
export const TIMESTAMP: Timestamp = { seconds: 1_700_000_000, nanos: 123_000_000 };

/** The data path's port in memory: it knows what a test publishes. */
export class MemoryDataPath implements DataPathService {
  readonly listeners = new Set<(diagnosis: Diagnosis) => void>();
  readonly #first = Promise.withResolvers<void>();
  #diagnosis: Diagnosis | undefined;
  /** How the next probe ends. */
  outcome: ProbeOutcome = { kind: "probed", results: [] };
  /** The calls that probed. */
  readonly probed: string[] = [];

  publish(findings: readonly CurrentFinding[], fault?: string): void {
    const diagnosis = { findings, atMs: AT_MS, fault };
    this.#diagnosis = diagnosis;
    this.#first.resolve();
    for (const listener of this.listeners) listener(diagnosis);
  }

  async latest(): Promise<Diagnosis> {
    await this.#first.promise;
    return this.#diagnosis ?? { findings: [], atMs: AT_MS, fault: undefined };
  }

  watch(listener: (diagnosis: Diagnosis) => void): () => void {
    this.listeners.add(listener);
    if (this.#diagnosis !== undefined) listener(this.#diagnosis);
    return () => void this.listeners.delete(listener);
  }

  probe({ rpc }: { readonly rpc: string }): Promise<ProbeOutcome> {
    this.probed.push(rpc);
    return Promise.resolve(this.outcome);
  }
}
