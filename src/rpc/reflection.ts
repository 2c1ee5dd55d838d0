import type { handleBidiStreamingCall } from "@grpc/grpc-js";
import { type Catalogue, createCatalogue } from "./catalogue.ts";
import { type DescribedService, fullName } from "./described_service.ts";
import { stringField } from "./fields.ts";
import type { OpenStreams } from "./open_streams.ts";
import {
  decodeReflectionQuestion,
  REFLECTION_VERSIONS,
  type ReflectionResponse,
} from "./reflection_wire.ts";

/**
 * gRPC server reflection, v1 and v1alpha: what a client that has no .proto asks.
 *
 * @param others the services to show; reflection itself is shown besides
 */
export function createReflection(
  others: readonly DescribedService[],
  streams: OpenStreams,
): readonly DescribedService[] {
  let catalogue: Catalogue | undefined;
  const served = REFLECTION_VERSIONS.map((version): DescribedService => ({
    get file() {
      return version.file;
    },
    definition: version.definition,
    implementation: {
      // Made when somebody asks for the first time: most lives of the sidecar end first.
      ServerReflectionInfo: answerOn(streams, () => catalogue ??= describeAll()),
    },
  }));
  const describeAll = (): Catalogue => {
    const all = [...others, ...served];
    return createCatalogue(
      [...new Set(all.map(({ file }) => file))],
      all.map(fullName),
    );
  };
  return served;
}

function answerOn(
  streams: OpenStreams,
  catalogue: () => Catalogue,
): handleBidiStreamingCall<unknown, ReflectionResponse> {
  return (stream) => {
    if (!streams.admit(stream)) return;
    stream.on("data", (request: unknown) => {
      const response = respond(catalogue(), request);
      if (stream.write(response)) return;
      // Who asks and does not read is not asked on.
      stream.pause();
      stream.once("drain", () => stream.resume());
    });
    stream.on("end", () => stream.end());
  };
}

function respond(catalogue: Catalogue, request: unknown): ReflectionResponse {
  return {
    valid_host: stringField(request, "host"),
    original_request: request,
    ...catalogue(decodeReflectionQuestion(request)),
  };
}
