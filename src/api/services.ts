import type { ServedService } from "../shared/served_service.ts";
import { REPORT_MS } from "./call_log.ts";
import type { Health } from "./health/service.ts";
import { serviceName } from "./proto_registry.ts";
import { createReflection } from "./reflection/service.ts";
import type { StreamLimiter } from "./stream_limiter.ts";

/** Adds health and reflection, which gRPC tools expect, to our services. */
export function composeServices(
  own: readonly ServedService[],
  health: Health,
  streams: StreamLimiter,
): readonly ServedService[] {
  const services = [...own, health.createService(namesOf(own))];
  return [...services, ...createReflection(namesOf(services), streams)];
}

/**
 * Logs the counts of refused calls each minute, if there are any.
 *
 * @returns a function that logs the remaining counts and stops the timer
 */
export function logCountsEachMinute(services: readonly ServedService[]): () => void {
  const logCounts = () => {
    for (const service of services) service.logCounts?.();
  };
  const timer = setInterval(logCounts, REPORT_MS);
  return () => {
    clearInterval(timer);
    logCounts();
  };
}

function namesOf(services: readonly ServedService[]): readonly string[] {
  return services.map(({ definition }) => serviceName(definition));
}
