import type { ServedService } from "../shared/served_service.ts";
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

function namesOf(services: readonly ServedService[]): readonly string[] {
  return services.map(({ definition }) => serviceName(definition));
}
