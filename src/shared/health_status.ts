/** Whether the sidecar as a whole serves, as a probe needs to know it. */
export type HealthStatus = "SERVING" | "NOT_SERVING";
