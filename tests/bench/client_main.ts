/**
 * A client that measures: a process of its own on one connection, which reads on stdin what to
 * call and answering on stdout how long each call took. `bench_client.ts` speaks with it.
 *
 * Words: the address, e.g. `127.0.0.1:50051`.
 * In:    `{"connect":true}`, `{"firstAnswer":{…}}`, `{"rpc":"InjectRoute","width":1,"requests":[{…},…]}`
 *        or `{"batch":"route add …"}`
 * Out:   `{"ready":true}`, then for each line `{"connected":true}`, `{"answeredMs":…}`,
 *        `{"microseconds":[…],"elapsed":2100,"failures":["…"]}`, `{"batchMicroseconds":…}`
 */
import { Client, credentials, Metadata, type MethodDefinition } from "@grpc/grpc-js";
import { QUILT_RUNTIME, ROUTE_SERVICE } from "../../src/api/proto_registry.ts";
import {
  isJsonObject,
  numberAt,
  parseJsonObject,
  stringAt,
} from "../../deploy/json.ts";
import { linesOf } from "../support/lines.ts";
import { until } from "../support/wait.ts";
import { BARE_SERVICE, NOOP_SERVICE } from "./noop.ts";

type Method = MethodDefinition<object, object>;

const methods: ReadonlyMap<string, Method> = new Map([
  ...Object.entries(QUILT_RUNTIME),
  ...Object.entries(ROUTE_SERVICE),
  ...Object.values(NOOP_SERVICE).map((method) => ["Noop", method] as const),
  ...Object.values(BARE_SERVICE).map((method) => ["Bare", method] as const),
]);

function connect(address: string): Promise<Client> {
  const client = new Client(address, credentials.createInsecure());
  return new Promise((resolve, reject) => {
    client.waitForReady(Date.now() + 10_000, (error) => {
      if (error) reject(error);
      else resolve(client);
    });
  });
}

/** One call; undefined when it succeeded, otherwise why it did not. */
function call(
  client: Client,
  method: Method,
  request: object,
): Promise<string | undefined> {
  const { path, requestSerialize, responseDeserialize } = method;
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  client.makeUnaryRequest(
    path,
    requestSerialize,
    responseDeserialize,
    request,
    new Metadata(),
    { deadline: Date.now() + 10_000 },
    (error, response) => {
      if (error !== null) return resolve(error.message);
      resolve(hasSucceeded(response) ? undefined : JSON.stringify(response));
    },
  );
  return promise;
}

/** A SyncRoutes counts what it could not do. */
function hasSucceeded(response: unknown): boolean {
  return isJsonObject(response) &&
    (response["success"] === true || response["refused"] === 0);
}

/** How long an `ip -batch` of its own takes for these lines, in microseconds. */
async function batch(lines: string): Promise<number> {
  const start = performance.now();
  const child = new Deno.Command("ip", {
    args: ["-batch", "-"],
    stdin: "piped",
    stdout: "null",
  }).spawn();
  const input = child.stdin.getWriter();
  await input.write(new TextEncoder().encode(lines));
  await input.close();
  const { success } = await child.status;
  if (!success) throw new Error("ip -batch failed");
  return Math.round((performance.now() - start) * 1000);
}

/** When InjectRoute succeeded, in milliseconds since 1970: asks until it does. */
async function firstAnswer(address: string, request: object): Promise<number> {
  const { InjectRoute } = QUILT_RUNTIME;
  if (InjectRoute === undefined) throw new Error("There is no InjectRoute");
  await listening(address);
  const client = new Client(address, credentials.createInsecure());
  const failure = await call(client, InjectRoute, request);
  const answeredMs = performance.timeOrigin + performance.now();
  client.close();
  return failure === undefined ? answeredMs : await firstAnswer(address, request);
}

/** Not left to grpc-js, which waits a second after it was refused once. */
async function listening(address: string): Promise<void> {
  const [hostname = "", port] = address.split(":");
  await until(async () => {
    try {
      const connection = await Deno.connect({ hostname, port: Number(port) });
      connection.close();
      return true;
    } catch (error) {
      // Reset by a process that is just ending.
      const nobody = error instanceof Deno.errors.ConnectionRefused ||
        error instanceof Deno.errors.ConnectionReset;
      if (!nobody) throw error;
      return false;
    }
  }, { what: `a server on ${address}`, deadlineMs: 15_000, everyMs: 1 });
}

interface Round {
  readonly microseconds: readonly number[];
  readonly elapsed: number;
  readonly failures: readonly string[];
}

/** Makes all calls, `width` of them in flight at any time. */
async function play(
  client: Client,
  method: Method,
  width: number,
  requests: readonly object[],
): Promise<Round> {
  const microseconds: number[] = [];
  const failures: string[] = [];
  const waiting = requests.values();
  const lane = async (): Promise<void> => {
    for (const request of waiting) {
      const start = performance.now();
      const failure = await call(client, method, request);
      microseconds.push(Math.round((performance.now() - start) * 1000));
      if (failure !== undefined) failures.push(failure);
    }
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: width }, lane));
  const elapsed = Math.round((performance.now() - start) * 1000);
  return { microseconds, elapsed, failures };
}

async function main(address: string): Promise<void> {
  let client: Client | undefined;
  const out = Deno.stdout.writable.getWriter();
  const report = (answer: object): Promise<void> =>
    out.write(new TextEncoder().encode(`${JSON.stringify(answer)}\n`));
  await report({ ready: true });
  for await (const line of linesOf(Deno.stdin.readable)) {
    const order = parseJsonObject(line);
    if (order["connect"] === true) {
      client?.close();
      client = await connect(address);
      await report({ connected: true });
      continue;
    }
    const first = order["firstAnswer"];
    if (isJsonObject(first)) {
      await report({ answeredMs: await firstAnswer(address, first) });
      continue;
    }
    if (typeof order["batch"] === "string") {
      await report({ batchMicroseconds: await batch(order["batch"]) });
      continue;
    }
    const method = methods.get(stringAt(order, "rpc"));
    const listed = order["requests"];
    if (client === undefined || method === undefined || !Array.isArray(listed)) {
      throw new Error(`Cannot carry out ${line}`);
    }
    const requests = listed.filter(isJsonObject);
    await report(await play(client, method, numberAt(order, "width"), requests));
  }
  client?.close();
}

const [address] = Deno.args;
if (address === undefined) throw new Error("Name the address, e.g. 127.0.0.1:50051");
await main(address);
