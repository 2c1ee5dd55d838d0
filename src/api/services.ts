import type { ServedService } from "../shared/served_service.ts";
import { REPORT_MS } from "./call_log.ts";
import type { Health } from "./health/service.ts";
import { serviceName } from "./proto_registry.ts";
import { createReflection } from "./reflection/service.ts";
import type { StreamLimiter } from "./stream_limiter.ts";

/** Adds the services that every gRPC tool looks for, health and reflection, to ours. */
export function composeServices(
  own: readonly ServedService[],
  health: Health,
  streams: StreamLimiter,
): readonly ServedService[] {
  const services = [...own, health.createService(namesOf(own))];
  return [...services, ...createReflection(namesOf(services), streams)];
}

/**
 * Logs the counts of refused calls each minute, as long as there are any.
 *
 * @returns logs what is left, and ends it
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
