import type { ServiceDefinition } from "@grpc/grpc-js";
import { type ClientHttp2Session, connect } from "node:http2";
import { duplexPair } from "node:stream";
import { checkClusterPolicy } from "./ipam/policy.ts";
import { createLogger, type LogFormat } from "./observability/logger.ts";
import { type NodeOptions, type OpenNode, openNode } from "./sidecar.ts";
import type { NodeService } from "./reconcile/node_service.ts";
import { createQuiltRuntime } from "./api/quilt_runtime/service.ts";
import type { ServedService } from "./shared/served_service.ts";
import type { RpcServer } from "./transport/server.ts";

/**
 * Each method twice. Measured over 15 starts (2 cores, Deno 2.9.3): unrehearsed, the
 * first call takes 14 times the median of later ones; after these 3.5 times. More
 * calls are not better: after 15 or more V8 now and then collects garbage in the very
 * first real call (8 ms). With a grpc-js client for plain HTTP/2 it would take twice as
 * long, most of it to warm the client.
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
 * Plays the agent's calls over loopback until everything from the socket to the log
 * line is warm: the agent's calls are seconds apart, so what it feels is the cold call.
 *
 * The real handlers answer, over a node whose kernel is that of a dry run, and under a
 * service name of their own, which is gone afterwards. A failure is no reason not to serve,
 * and it is over after a second: the first call takes longer then, that is all.
 */
export async function rehearse(server: RpcServer, format: LogFormat): Promise<void> {
  const node = openStandIn();
  await node.start();
  const service = rehearsalService(node, format);
  server.addService(service);
  const [ours, theirs] = duplexPair();
  server.injectConnection(theirs);
  const session = connect("http://rehearsal", { createConnection: () => ours });
  await play(session, Object.values(service.definition));
  server.removeService(service.definition);
  await node.close();
}

const UNHEARD = { write: () => {}, dropped: 0, flush: () => Promise.resolve() };

/** Decides as the real one does, and touches nothing. */
function openStandIn(): OpenNode {
  const policy = checkClusterPolicy(CLUSTER.cidr, CLUSTER.nodePrefix);
  if (!policy.ok) throw new Error(policy.fault);
  const options: NodeOptions = {
    policy: policy.value,
    gatewayIndex: 1,
    dryRun: true,
    removeRoutesOnExit: false,
    resyncMs: 30_000,
    logger: createLogger({ level: "error", format: "text", sink: UNHEARD }),
    auditSink: UNHEARD,
  };
  return openNode(options);
}

type Method = ServiceDefinition[string];

async function play(
  session: ClientHttp2Session,
  methods: readonly Method[],
): Promise<void> {
  const closed = Promise.withResolvers<void>();
  session.on("close", closed.resolve);
  // An error ends in "close" as well; unheard, it would end the process.
  session.on("error", () => {});
  const timer = setTimeout(() => session.destroy(), LIMIT_MS);
  await Promise.race([playCalls(session, methods, CALLS), closed.promise]);
  session.close();
  await closed.promise;
  clearTimeout(timer);
}

async function playCalls(
  session: ClientHttp2Session,
  methods: readonly Method[],
  calls: number,
): Promise<void> {
  const method = methods[calls % methods.length];
  if (calls === 0 || method === undefined || session.destroyed) return;
  await playCall(session, method);
  await playCalls(session, methods, calls - 1);
}

/** One unary call as in gRPC's PROTOCOL-HTTP2.md; the answer does not matter. */
function playCall(session: ClientHttp2Session, method: Method): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const stream = session.request({
    ":method": "POST",
    ":path": method.path,
    "content-type": "application/grpc",
    "te": "trailers",
  });
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

function rehearsalService(node: NodeService, format: LogFormat): ServedService {
  const logger = createLogger({ level: "info", format, sink: UNHEARD });
  const { definition, implementation } = createQuiltRuntime(node, logger);
  const renamed = Object.entries(definition).map(([name, method]) =>
    [name, { ...method, path: `/quilt.sidecar.Rehearsal/${name}` }] as const
  );
  return { definition: Object.fromEntries(renamed), implementation };
}
