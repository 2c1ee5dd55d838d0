import type { ProbeOutcome, ProbeResult, ProbeState } from "../../diagnose/ports.ts";
import { countOf } from "../../shared/quote.ts";
import type { CallResult } from "../call_log.ts";
import { failed, succeeded } from "../call_messages.ts";
import { PROBE_BUSY } from "./messages.ts";

/** What the log says about the outcome of a ProbePeers. */
export function probeResult(outcome: ProbeOutcome): CallResult {
  switch (outcome.kind) {
    case "probed":
      // The neighbour table is afterwards what it was.
      return succeeded(false, summary(outcome.results));
    case "busy":
      return { kind: "not-executed", sentence: PROBE_BUSY };
    default:
      return failed(outcome);
  }
}

const STATES: readonly ProbeState["kind"][] = ["answered", "silent", "known", "failed"];

function summary(results: readonly ProbeResult[]): string {
  const counts = (of: "gateway" | "proxied") =>
    STATES.map((kind) =>
      `${results.filter((result) => result[of].state.kind === kind).length} ${kind}`
    ).join(", ");
  const peers = countOf(results.length, "peer");
  return `Probed ${peers}; gateways: ${counts("gateway")}; ` +
    `proxied addresses: ${counts("proxied")}`;
}
