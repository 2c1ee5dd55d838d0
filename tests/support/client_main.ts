/**
 * A gRPC client of proto/quilt.proto in a process of its own, so that a test calls
 * the sidecar as the agent does: over a socket, inside the namespace, on one
 * connection. JSON lines in, JSON lines out; `client.ts` speaks with it.
 *
 * Words: the address, e.g. `127.0.0.1:50051` or `unix:///run/x.sock`; for TLS the file
 *        of the server's CA besides, and those of our certificate and key if we have any.
 * In:    a line of anything: connect; then calls:
 *        `{"id":1,"rpc":"InjectRoute","request":{…},"deadlineMs":1000,"headers":{}}`
 * Out:   `{"ready":true}` once connected, then in any order
 *        `{"id":1,"status":0,"details":"","microseconds":310,"response":{…}}`
 */
import { Buffer } from "node:buffer";
import {
  type ChannelCredentials,
  Client,
  credentials,
  Metadata,
  type MethodDefinition,
  type ServiceError,
} from "@grpc/grpc-js";
import {
  type AnyDefinition,
  loadSync,
  type ServiceDefinition,
} from "@grpc/proto-loader";
import {
  type JsonObject,
  numberAt,
  objectAt,
  parseJsonObject,
  stringAt,
} from "../../deploy/json.ts";
import { linesOf } from "./lines.ts";
import { repository } from "./serve_task.ts";

type Method = MethodDefinition<object, object>;

function isService(
  definition: AnyDefinition | undefined,
): definition is ServiceDefinition {
  return definition !== undefined && !("format" in definition);
}

function methods(): ReadonlyMap<string, Method> {
  const loaded = loadSync(`${repository}/proto/quilt.proto`, {
    keepCase: true,
    defaults: true,
  });
  const service = loaded["quilt.QuiltRuntime"];
  if (!isService(service)) throw new Error("Cannot find service quilt.QuiltRuntime");
  return new Map(Object.entries(service));
}

function credentialsOf([ca, cert, key]: readonly string[]): ChannelCredentials {
  const read = (path: string | undefined): Buffer | null =>
    path === undefined ? null : Buffer.from(Deno.readFileSync(path));
  return ca === undefined
    ? credentials.createInsecure()
    : credentials.createSsl(read(ca), read(key), read(cert));
}

function connect(address: string, how: ChannelCredentials): Promise<Client> {
  // tonic, the agent's library, connects again at its next call. grpc-js refuses calls
  // for a second after it was refused; this is as near as it comes.
  const client = new Client(address, how, {
    "grpc.initial_reconnect_backoff_ms": 10,
    "grpc.max_reconnect_backoff_ms": 50,
    // Deno takes no IP address for the name of a server.
    "grpc.ssl_target_name_override": "localhost",
  });
  return new Promise((resolve, reject) => {
    client.waitForReady(Date.now() + 10_000, (error) => {
      if (error) reject(error);
      else resolve(client);
    });
  });
}

/** One call, from its line to its report; calls of the same moment overlap. */
function call(
  client: Client,
  known: ReadonlyMap<string, Method>,
  line: JsonObject,
): Promise<JsonObject> {
  const rpc = stringAt(line, "rpc");
  const method = known.get(rpc);
  if (method === undefined) throw new Error(`Cannot call ${rpc}: no such RPC`);
  const id = numberAt(line, "id");
  const request = objectAt(line, "request");
  const deadline = Date.now() + numberAt(line, "deadlineMs");
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(objectAt(line, "headers"))) {
    metadata.set(name, String(value));
  }
  const start = performance.now();
  return new Promise((resolve) => {
    const done = (error: ServiceError | null, response?: object): void => {
      const microseconds = Math.round((performance.now() - start) * 1000);
      const status = error?.code ?? 0;
      resolve({ id, status, details: error?.details ?? "", microseconds, response });
    };
    const { path, requestSerialize, responseDeserialize } = method;
    client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      metadata,
      { deadline },
      done,
    );
  });
}

async function main(address: string, tls: readonly string[]): Promise<void> {
  const known = methods();
  const lines = linesOf(Deno.stdin.readable);
  // The parent process may need no client any more.
  if ((await lines.next()).done) return;
  const client = await connect(address, credentialsOf(tls));
  const out = Deno.stdout.writable.getWriter();
  const report = (answer: JsonObject): Promise<void> =>
    out.write(new TextEncoder().encode(`${JSON.stringify(answer)}\n`));
  const inFlight = new Set<Promise<void>>();
  await report({ ready: true });
  for await (const line of lines) {
    const reported = call(client, known, parseJsonObject(line)).then(report);
    inFlight.add(reported);
    reported.then(() => inFlight.delete(reported));
  }
  await Promise.all(inFlight);
  client.close();
}

const [address, ...tls] = Deno.args;
if (address === undefined) throw new Error("Name the address, e.g. 127.0.0.1:50051");
await main(address, tls);
// A connection to a Unix socket whose server has ended may keep the process (Deno 2.9.3).
Deno.exit();
