import type { HealthStatus, Readiness } from "../../shared/health_status.ts";
import type { CurrentFindings } from "./current_findings.ts";

/**
 * Whether the sidecar serves and nothing stops traffic, and if not, why: the ids of the
 * findings, or a word that is no id.
 *
 * @param sidecar the health of the server as a whole
 */
export function readinessOf(
  sidecar: HealthStatus,
  findings: Pick<CurrentFindings, "critical" | "isKnown">,
): Readiness {
  const reasons = [
    ...(sidecar === "SERVING" ? [] : ["sidecar-not-serving"]),
    ...(findings.isKnown ? findings.critical : ["not-diagnosed"]),
  ];
  return { status: reasons.length === 0 ? "SERVING" : "NOT_SERVING", reasons };
}
