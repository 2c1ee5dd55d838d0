import type { ServiceDefinition } from "@grpc/grpc-js";
// Imported as text the file is part of the module graph: no read permission is needed.
import healthProto from "../../../proto/grpc/health/v1/health.proto" with {
  type: "text",
};
import { stringField } from "../fields.ts";
import { loadProtoFile, type ProtoFile, serviceOf } from "../proto_registry.ts";

/** `grpc.health.v1.HealthCheckRequest` */
export interface HealthCheckRequest {
  /** A service's full name; empty: the server as a whole. */
  readonly service: string;
}

/** `grpc.health.v1.HealthCheckResponse` */
export interface HealthCheckResponse {
  readonly status: ServingStatus;
}

/** `grpc.health.v1.HealthListResponse` */
export interface HealthListResponse {
  /** By the service's full name; "" is the server as a whole. */
  readonly statuses: Readonly<Record<string, HealthCheckResponse>>;
}

/** `grpc.health.v1.HealthCheckResponse.ServingStatus`, as far as we answer it. */
export type ServingStatus = "SERVING" | "NOT_SERVING" | "SERVICE_UNKNOWN";

/** `proto/grpc/health/v1/health.proto` */
export const HEALTH_FILE: ProtoFile = loadProtoFile(
  "grpc/health/v1/health.proto",
  healthProto,
);

/** `grpc.health.v1.Health` */
export const HEALTH: ServiceDefinition = serviceOf(
  HEALTH_FILE.definition,
  "grpc.health.v1.Health",
);

/** @throws {TypeError} if the .proto and this file have drifted apart */
export function decodeHealthCheckRequest(message: unknown): HealthCheckRequest {
  return { service: stringField(message, "service") };
}
