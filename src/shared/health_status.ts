/** Whether the sidecar as a whole serves, as a probe needs to know it. */
export type HealthStatus = "SERVING" | "NOT_SERVING";

/** Whether traffic can flow through the node, as a probe needs to know it. */
export interface Readiness {
  readonly status: HealthStatus;
  /** Why not, worst first: words of letters and hyphens. Empty if it is SERVING. */
  readonly reasons: readonly string[];
}
