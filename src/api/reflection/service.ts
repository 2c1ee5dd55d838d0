import { status } from "@grpc/grpc-js";
import type { ServedService } from "../../shared/served_service.ts";
import type { ServerReflectionHandlers } from "../gen/grpc/reflection/v1/ServerReflection.ts";
import type { ServerReflectionRequest } from "../gen/grpc/reflection/v1/ServerReflectionRequest.ts";
import type { ServerReflectionResponse } from "../gen/grpc/reflection/v1/ServerReflectionResponse.ts";
import { REFLECTION, serviceName } from "../proto_registry.ts";
import type { StreamLimiter } from "../stream_limiter.ts";
import { createReflectionIndex, type ReflectionIndex } from "./reflection_index.ts";
// A file that is imported as text needs no grant to read it.
import descriptorSet from "../gen/descriptor_set.txt" with { type: "text" };

/**
 * gRPC server reflection, v1 and v1alpha, for clients that have no .proto file. Both
 * versions have the same messages.
 *
 * @param serviceNames the full names of the services to list; reflection adds itself
 */
export function createReflection(
  serviceNames: readonly string[],
  streams: StreamLimiter,
): readonly ServedService[] {
  const names = [...serviceNames, ...REFLECTION.map(serviceName)];
  let index: ReflectionIndex | undefined;
  // Made when a client first asks, because most processes are never asked.
  const getIndex = (): ReflectionIndex =>
    index ??= createReflectionIndex(descriptorSet, names);
  const implementation: ServerReflectionHandlers = {
    ServerReflectionInfo: answerRequests(streams, getIndex, spacedBy(INTERVAL_MS)),
  };
  return REFLECTION.map((definition) => ({ definition, implementation }));
}

/**
 * Requests on one stream. Deno 2.9.3 takes every response off a stream, even if the client
 * does not read, and keeps it in memory. grpcurl makes 6 to describe everything.
 */
const MAX_REQUESTS = 64;
/** UTF-16 units of one request in JSON, because its response contains it. */
const MAX_REQUEST_LENGTH = 1_024;

const LIMIT_EXCEEDED = {
  code: status.RESOURCE_EXHAUSTED,
  details: `One stream may ask ${MAX_REQUESTS} questions of at most ` +
    `${MAX_REQUEST_LENGTH} characters; ask the others on another stream`,
};

/** Milliseconds between two responses, over all streams: it costs a tenth of one core. */
const INTERVAL_MS = 1;

type Schedule = (run: () => void) => void;

function answerRequests(
  streams: StreamLimiter,
  getIndex: () => ReflectionIndex,
  schedule: Schedule,
): ServerReflectionHandlers["ServerReflectionInfo"] {
  return (stream) => {
    if (!streams.admit(stream)) return;
    let requests = 0;
    const onRequest = (request: ServerReflectionRequest): void => {
      requests += 1;
      const { length } = JSON.stringify(request);
      if (requests > MAX_REQUESTS || length > MAX_REQUEST_LENGTH) {
        stream.off("data", onRequest);
        stream.emit("error", LIMIT_EXCEEDED);
        return;
      }
      stream.pause();
      schedule(() => {
        if (!stream.writable) return;
        // While the client does not read, no more requests are read either.
        if (stream.write(respond(getIndex(), request))) stream.resume();
        else stream.once("drain", () => stream.resume());
      });
    };
    stream.on("data", onRequest);
    stream.on("end", () => stream.end());
  };
}

/** Runs functions in order: the first at once, each other one an interval later. */
function spacedBy(intervalMs: number): Schedule {
  let nextMs = 0;
  return (run) => {
    const nowMs = performance.now();
    if (nextMs <= nowMs) run();
    else setTimeout(run, nextMs - nowMs);
    nextMs = Math.max(nextMs, nowMs) + intervalMs;
  };
}

function respond(
  index: ReflectionIndex,
  request: ServerReflectionRequest,
): ServerReflectionResponse {
  return { valid_host: request.host, original_request: request, ...index(request) };
}
