import type { HealthStatus, Readiness } from "../../shared/health_status.ts";
import type { CurrentFindings } from "./current_findings.ts";

/**
 * SERVING if the sidecar serves and nothing stops traffic. Otherwise the reasons: the ids
 * of the critical findings, `sidecar-not-serving` or `not-diagnosed`.
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
