import { type ClientHttp2Session, connect } from "node:http2";
import { connect as connectSocket } from "node:net";
import {
  formatListenAddress,
  type TcpAddress,
  type UnixAddress,
} from "./listen_address.ts";

/** What a server says of itself, or that it says nothing. */
export type HealthAnswer =
  | { readonly kind: "status"; readonly status: HealthStatus }
  | { readonly kind: "none"; readonly why: string };

/** `HealthCheckResponse.ServingStatus` of gRPC health checking v1. */
export type HealthStatus = "UNKNOWN" | "SERVING" | "NOT_SERVING" | "SERVICE_UNKNOWN";

const STATUSES: readonly HealthStatus[] = [
  "UNKNOWN",
  "SERVING",
  "NOT_SERVING",
  "SERVICE_UNKNOWN",
];

/** Uncompressed, 0 bytes long: a request whose service is "", the server as a whole. */
const REQUEST_FRAME = new Uint8Array(5);

/** A frame of its own head and of field 1, a varint that fits one byte. */
const RESPONSE_FRAME_BYTES = 7;

/**
 * Asks a server for its health with `grpc.health.v1.Health/Check`. Never rejects.
 *
 * Written on node:http2, because a probe runs every few seconds: Deno with grpc-js and
 * its codec needs twice the time to ask (90 against 45 ms).
 *
 * @param address needs `--allow-net` for exactly that, and a Unix socket the grants to
 * read and write its path besides
 * @param deadlineMs milliseconds
 */
export function askHealth(
  address: TcpAddress | UnixAddress,
  deadlineMs: number,
): Promise<HealthAnswer> {
  const { promise, resolve } = Promise.withResolvers<HealthAnswer>();
  const give = (why: string): void => resolve({ kind: "none", why });
  const timer = setTimeout(
    () => give(`no answer came within ${Math.round(deadlineMs)} ms`),
    deadlineMs,
  );
  const session = openSession(address);
  // The stream fails as well, but only the session's error tells why.
  session.on("error", (error) => give(error.message));
  const call = session.request({
    ":method": "POST",
    ":path": "/grpc.health.v1.Health/Check",
    "content-type": "application/grpc",
    "te": "trailers",
  });
  const body: Uint8Array[] = [];
  let grpcStatus: unknown;
  call.on("error", () => {});
  // An error without a message comes with the status in the first headers.
  call.on("response", (headers) => grpcStatus = headers["grpc-status"]);
  call.on("trailers", (headers) => grpcStatus = headers["grpc-status"]);
  call.on("data", (part: Uint8Array) => body.push(part));
  call.on("end", () => resolve(readAnswer(grpcStatus, body)));
  call.end(REQUEST_FRAME);
  return promise.finally(() => {
    clearTimeout(timer);
    session.destroy();
  });
}

function openSession(address: TcpAddress | UnixAddress): ClientHttp2Session {
  if (address.kind === "tcp") return connect(`http://${formatListenAddress(address)}`);
  const { path } = address;
  return connect("http://localhost", {
    createConnection: () => connectSocket({ path }),
  });
}

function readAnswer(grpcStatus: unknown, body: readonly Uint8Array[]): HealthAnswer {
  if (grpcStatus !== "0") {
    return { kind: "none", why: `the call ended with gRPC status ${grpcStatus}` };
  }
  const status = STATUSES[statusNumber(body.flatMap((part) => [...part]))];
  return status === undefined
    ? { kind: "none", why: "the answer is none of gRPC health checking v1" }
    : { kind: "status", status };
}

/** Status 0 is the default of proto3, which is not written. */
function statusNumber(frame: readonly number[]): number {
  const [, , , , length, tag, status] = frame;
  if (length === 0) return 0;
  const complete = frame.length === RESPONSE_FRAME_BYTES && length === 2 && tag === 8;
  return complete && status !== undefined ? status : -1;
}
