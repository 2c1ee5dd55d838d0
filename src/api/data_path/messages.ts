import { status } from "@grpc/grpc-js";
import type {
  CurrentFinding,
  Diagnosis,
  ProbeOutcome,
  ProbeResult,
  ProbeState,
} from "../../diagnose/ports.ts";
import type { Severity, Subject } from "../../diagnose/finding.ts";
import type { Ipv4Address } from "../../ipam/address.ts";
import type { Finding } from "../gen/quilt/sidecar/v1/Finding.ts";
import type { FindingSeverity } from "../gen/quilt/sidecar/v1/FindingSeverity.ts";
import type { ListFindingsResponse } from "../gen/quilt/sidecar/v1/ListFindingsResponse.ts";
import type { ProbePeersResponse } from "../gen/quilt/sidecar/v1/ProbePeersResponse.ts";
import type { ProbedAddress } from "../gen/quilt/sidecar/v1/ProbedAddress.ts";
import type { ProbedPeer } from "../gen/quilt/sidecar/v1/ProbedPeer.ts";
import type { WatchFindingsResponse } from "../gen/quilt/sidecar/v1/WatchFindingsResponse.ts";
import { toDuration, toTimestamp } from "../times.ts";
import { notExecutedReply, type Reply, statusReply } from "../unary_handler.ts";

/** The answer to a ListFindings. */
export function toListReply(diagnosis: Diagnosis): Reply<ListFindingsResponse> {
  return { kind: "message", message: toDiagnosisMessage(diagnosis) };
}

/** The answer to a ListFindings, and a message of WatchFindings. */
export function toDiagnosisMessage(
  { atMs, fault, findings }: Diagnosis,
): ListFindingsResponse & WatchFindingsResponse {
  return {
    findings: findings.map(toFindingMessage),
    diagnosed_at: toTimestamp(atMs),
    fault: fault ?? "",
  };
}

/** A finding as a message. */
export function toFindingMessage(
  { found, id, meaning, remedy, severity, sinceMs, subject }: CurrentFinding,
): Finding {
  return {
    id,
    severity: SEVERITIES[severity],
    ...toSubjectFields(subject),
    found,
    meaning,
    remedy: [...remedy],
    since: toTimestamp(sinceMs),
  };
}

const SEVERITIES: Readonly<Record<Severity, FindingSeverity>> = {
  critical: "FINDING_SEVERITY_CRITICAL",
  warning: "FINDING_SEVERITY_WARNING",
};

function toSubjectFields(subject: Subject): Pick<Finding, "destination" | "device"> {
  switch (subject.kind) {
    case "node":
      return { device: "", destination: "" };
    case "device":
      return { device: subject.device, destination: "" };
    case "destination":
      return { device: "", destination: subject.destination };
    default:
      return subject satisfies never;
  }
}

/** Why a ProbePeers was not executed: another one runs. */
export const PROBE_BUSY = "Another probe runs; call again when it is over";

/** The answer to a ProbePeers. */
export function toProbeReply(outcome: ProbeOutcome): Reply<ProbePeersResponse> {
  switch (outcome.kind) {
    case "probed":
      return {
        kind: "message",
        message: { peers: outcome.results.map(toPeerMessage) },
      };
    case "busy":
      return statusReply(status.RESOURCE_EXHAUSTED, PROBE_BUSY);
    default:
      return notExecutedReply(outcome);
  }
}

function toPeerMessage(
  { destination, device, gateway, proxied }: ProbeResult,
): ProbedPeer {
  return {
    destination,
    device,
    gateway: toAddressMessage(gateway),
    proxied: toAddressMessage(proxied),
  };
}

function toAddressMessage(
  { address, state }: { readonly address: Ipv4Address; readonly state: ProbeState },
): ProbedAddress {
  const unanswered = { address, answered_after: null, reason: "" };
  switch (state.kind) {
    case "answered": {
      const answered_after = toDuration(state.afterMs);
      return { ...unanswered, state: "PROBE_STATE_ANSWERED", answered_after };
    }
    case "silent":
      return { ...unanswered, state: "PROBE_STATE_SILENT" };
    case "known":
      return { ...unanswered, state: "PROBE_STATE_KNOWN" };
    case "failed":
      return { ...unanswered, state: "PROBE_STATE_FAILED", reason: state.why };
    default:
      return state satisfies never;
  }
}
