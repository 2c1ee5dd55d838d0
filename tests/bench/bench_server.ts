import type { sendUnaryData } from "@grpc/grpc-js";
import { parseCommandLine } from "../../src/cli/command_line.ts";
import { COMMANDS } from "../../src/cli/commands.ts";
import { readServeOptions } from "../../src/cli/serve_options.ts";
import type { Instruments } from "../../src/observability/instruments.ts";
import { instrumentService } from "../../src/api/instrumented_service.ts";
import { createBufferedLineWriter } from "../../src/observability/buffered_line_writer.ts";
import { createLogger } from "../../src/observability/logger.ts";
import { openNode } from "../../src/node.ts";
import { createQuiltRuntime } from "../../src/api/quilt_runtime/service.ts";
import type { ServedService } from "../../src/shared/served_service.ts";
import { startServer } from "../../src/transport/server.ts";
import { warmUp } from "../../src/warm_up.ts";
import type { InjectRouteResponse } from "../../src/api/gen/quilt/InjectRouteResponse.ts";
import { bareExchange } from "./bare_exchange.ts";
import { NOOP_SERVICE } from "./noop.ts";

const noop: ServedService = {
  definition: NOOP_SERVICE,
  implementation: {
    InjectRoute: (_call: unknown, callback: sendUnaryData<InjectRouteResponse>) =>
      callback(null, { success: true, error: "" }),
  },
};

/**
 * Serves, as the words of this process say.
 *
 * @param instruments where calls and batches are counted; undefined: nowhere
 */
export async function serveForBench(instruments?: Instruments): Promise<void> {
  const request = parseCommandLine(COMMANDS, Deno.args);
  const read = request.kind === "run"
    ? readServeOptions(request.line.options)
    : undefined;
  if (!read?.ok) throw new Error(`Cannot serve with ${Deno.args.join(" ")}`);
  const { logLevel: level, logFormat: format, listen, ...options } = read.value;
  const backlog = { bytes: 1024 * 1024 };
  const logger = createLogger({
    level,
    format,
    sink: createBufferedLineWriter(Deno.stderr, backlog),
  });
  const auditSink = createBufferedLineWriter(Deno.stdout, backlog);
  const counted = instruments === undefined ? {} : { instruments };
  const node = openNode({ ...options, ...counted, logger, auditSink });
  const runtime = createQuiltRuntime(node, logger);
  const services = [
    instruments === undefined ? runtime : instrumentService(runtime, instruments),
    noop,
    bareExchange(),
  ];
  const server = await startServer(listen, services);
  if (!server.ok) throw new Error(server.fault.kind);
  const started = await node.start(server.value.listening);
  if (!started.ok) throw new Error(started.fault);
  await warmUp(server.value, format);
  logger.log("info", "Starting gRPC server on 127.0.0.1:50051");
}
