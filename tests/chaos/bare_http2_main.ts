/**
 * The least that speaks HTTP/2: node:http2, and the same answer to everything. What the
 * sidecar is held against where a fault is that of Deno. The answer has no body, as
 * gRPC's to a request that is none: six of h2spec's tests want one, and it leaves out or
 * fails them.
 *
 * Words: the port on 127.0.0.1.
 */
import { createServer, type ServerHttp2Stream } from "node:http2";
import process from "node:process";

const server = createServer();
server.on("stream", (stream: ServerHttp2Stream) => {
  stream.on("error", () => {});
  stream.respond({ ":status": 200 }, { endStream: true });
});
server.on("session", (session) => session.on("error", () => {}));
server.on("sessionError", () => {});
// Deno 2.9.3 has the stream destroyed before respond() in four tests of h2spec, and says
// that where nobody listens.
process.on("uncaughtException", () => {});
server.listen(Number(Deno.args[0]), "127.0.0.1");
