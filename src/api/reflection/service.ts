import { type handleBidiStreamingCall, status } from "@grpc/grpc-js";
import { type Catalogue, createCatalogue } from "./reflection_index.ts";
import { type DescribedService, fullName } from "../described_service.ts";
import { stringField } from "../fields.ts";
import type { OpenStreams } from "../stream_limiter.ts";
import {
  decodeReflectionQuestion,
  REFLECTION_VERSIONS,
  type ReflectionResponse,
} from "./wire.ts";

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
  const pace = paced(PACE_MS);
  const served = REFLECTION_VERSIONS.map((version): DescribedService => ({
    get file() {
      return version.file;
    },
    definition: version.definition,
    implementation: {
      // Made when somebody asks for the first time: most lives of the sidecar end first.
      ServerReflectionInfo: answerOn(streams, () => catalogue ??= describeAll(), pace),
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

/**
 * Questions on one stream. Deno 2.9.3 takes every answer off a stream, whether or not its
 * client reads, and holds it in memory. grpcurl asks 6 to describe everything.
 */
const MOST_QUESTIONS = 64;
/** UTF-16 units of one, in JSON: it comes back with its answer. */
const MOST_UNITS = 1_024;

const TOO_MUCH = {
  code: status.RESOURCE_EXHAUSTED,
  details: `One stream may ask ${MOST_QUESTIONS} questions of at most ${MOST_UNITS} ` +
    "characters; ask the others on another stream",
};

/** Milliseconds from one answer to the next, on whatever stream: a tenth of one core. */
const PACE_MS = 1;

function answerOn(
  streams: OpenStreams,
  catalogue: () => Catalogue,
  pace: (run: () => void) => void,
): handleBidiStreamingCall<unknown, ReflectionResponse> {
  return (stream) => {
    if (!streams.admit(stream)) return;
    let asked = 0;
    const hear = (request: unknown): void => {
      asked += 1;
      if (asked > MOST_QUESTIONS || JSON.stringify(request).length > MOST_UNITS) {
        stream.off("data", hear);
        stream.emit("error", TOO_MUCH);
        return;
      }
      stream.pause();
      pace(() => {
        if (!stream.writable) return;
        const response = respond(catalogue(), request);
        // Who asks and does not read is not asked on.
        if (stream.write(response)) stream.resume();
        else stream.once("drain", () => stream.resume());
      });
    };
    stream.on("data", hear);
    stream.on("end", () => stream.end());
  };
}

/** Runs one after another: the first at once, each next one so much later. */
function paced(ms: number): (run: () => void) => void {
  let next = 0;
  return (run) => {
    const now = performance.now();
    if (next <= now) run();
    else setTimeout(run, next - now);
    next = Math.max(next, now) + ms;
  };
}

function respond(catalogue: Catalogue, request: unknown): ReflectionResponse {
  return {
    valid_host: stringField(request, "host"),
    original_request: request,
    ...catalogue(decodeReflectionQuestion(request)),
  };
}
