import { type DescribedService, fullName } from "./described_service.ts";
import type { Health } from "./health/service.ts";
import type { OpenStreams } from "./stream_limiter.ts";
import { createReflection } from "./reflection/service.ts";
import type { ServedService } from "../shared/served_service.ts";

/** Adds to services of ours what every gRPC tool looks for: health and reflection. */
export function composeServices(
  own: readonly DescribedService[],
  health: Health,
  streams: OpenStreams,
): readonly ServedService[] {
  const described = [...own, health.createService(own.map(fullName))];
  return [...described, ...createReflection(described, streams)];
}
