import type { ServiceDefinition } from "@grpc/grpc-js";
import { type ClientHttp2Session, connect } from "node:http2";
import { duplexPair } from "node:stream";
import { checkClusterPolicy } from "./ipam/policy.ts";
import { dropHttpSpan } from "./observability/http_span.ts";
import { createLogger, type LogFormat } from "./observability/logger.ts";
import { type NodeOptions, type OpenNode, openNode } from "./node.ts";
import { createQuiltRuntime } from "./api/quilt_runtime/service.ts";
import { Listening } from "./shared/listening.ts";
import type { ServedService } from "./shared/served_service.ts";
import type { RpcServer } from "./transport/server.ts";

/**
 * Each method twice. Measured with `deno task bench first-call` over 40 starts at a time
 * (2 cores, Deno 2.9.3): without a warm-up, the first call takes 33 ms; after these 12 to
 * 15 ms, where a later call takes 2.5 to 3 ms. After 3, 9 or 18 calls it takes 11 to 14 ms,
 * so more calls do not help.
 */
const CALLS = 6;
const LIMIT_MS = 1_000;

const CLUSTER = { cidr: "10.42.0.0/16", nodePrefix: 24 };

const REQUEST = {
  subnet: "10.42.1.0/24",
  destination: "10.42.2.0/24",
  via_interface: "vxlan100",
};

/**
 * Makes the agent's calls within the process until everything from the socket to the log
 * line is warm: the agent's calls are seconds apart, so each of them would be a cold one.
 *
 * The real handlers answer, over a node whose kernel is that of a dry run, and under a
 * service name of their own, which is gone afterwards. A failure is no reason not to serve,
 * and it is over after a second: the first call takes longer then, that is all.
 */
export async function warmUp(server: RpcServer, format: LogFormat): Promise<void> {
  const node = openDryRun();
  await node.start(new Listening());
  const service = warmUpService(node, format);
  server.addService(service);
  const [ours, theirs] = duplexPair();
  server.injectConnection(theirs);
  const session = connect("http://warm-up", { createConnection: () => ours });
  await call(session, Object.values(service.definition));
  server.removeService(service.definition);
  await node.close();
}

/** Discards what is written. */
const DISCARD = { write: () => {}, dropped: 0, flush: () => Promise.resolve() };

/** A node that plans as the real one does, and touches nothing. */
function openDryRun(): OpenNode {
  const policy = checkClusterPolicy(CLUSTER.cidr, CLUSTER.nodePrefix);
  if (!policy.ok) throw new Error(policy.fault);
  const options: NodeOptions = {
    policy: policy.value,
    gatewayIndex: 1,
    dryRun: true,
    removeRoutesOnExit: false,
    resyncMs: 30_000,
    probeMs: undefined,
    logger: createLogger({ level: "error", format: "text", sink: DISCARD }),
    auditSink: DISCARD,
  };
  return openNode(options);
}

type Method = ServiceDefinition[string];

async function call(
  session: ClientHttp2Session,
  methods: readonly Method[],
): Promise<void> {
  const closed = Promise.withResolvers<void>();
  session.on("close", closed.resolve);
  // An error ends in "close" as well; without a listener it would end the process.
  session.on("error", () => {});
  const timer = setTimeout(() => session.destroy(), LIMIT_MS);
  await Promise.race([makeCalls(session, methods, CALLS), closed.promise]);
  session.close();
  await closed.promise;
  clearTimeout(timer);
}

async function makeCalls(
  session: ClientHttp2Session,
  methods: readonly Method[],
  calls: number,
): Promise<void> {
  const method = methods[calls % methods.length];
  if (calls === 0 || method === undefined || session.destroyed) return;
  await makeCall(session, method);
  await makeCalls(session, methods, calls - 1);
}

/** One unary call as in gRPC's PROTOCOL-HTTP2.md; the answer does not matter. */
function makeCall(session: ClientHttp2Session, method: Method): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const stream = session.request({
    ":method": "POST",
    ":path": method.path,
    "content-type": "application/grpc",
    "te": "trailers",
  });
  dropHttpSpan(stream);
  stream.on("close", resolve);
  stream.on("error", () => {});
  stream.resume();
  stream.end(lengthPrefixed(method.requestSerialize(REQUEST)));
  return promise;
}

/** One byte 0 for "not compressed", four of length, then the message. */
function lengthPrefixed(message: Uint8Array): Uint8Array {
  const framed = new Uint8Array(5 + message.length);
  new DataView(framed.buffer).setUint32(1, message.length);
  framed.set(message, 5);
  return framed;
}

function warmUpService(node: OpenNode, format: LogFormat): ServedService {
  const logger = createLogger({ level: "info", format, sink: DISCARD });
  const { definition, implementation } = createQuiltRuntime(node, logger);
  const renamed = Object.entries(definition).map(([name, method]) =>
    [name, { ...method, path: `/quilt.sidecar.WarmUp/${name}` }] as const
  );
  return { definition: Object.fromEntries(renamed), implementation };
}
