/**
 * A client that measures: a process of its own on one connection, told on stdin what to
 * call and answering on stdout how long each call took. `bench_client.ts` speaks with it.
 *
 * Words: the address, e.g. `127.0.0.1:50051`.
 * In:    `{"connect":true}`, `{"rpc":"InjectRoute","width":1,"requests":[{…},…]}`
 * Out:   `{"ready":true}`, then for each line `{"connected":true}` or
 *        `{"microseconds":[…],"elapsed":2100,"failures":["…"]}`
 */
import { Client, credentials, Metadata, type MethodDefinition } from "@grpc/grpc-js";
import { QUILT_RUNTIME } from "../../src/rpc/wire.ts";
import { isJsonObject, numberAt, parseJsonObject, stringAt } from "../support/json.ts";
import { linesOf } from "../support/lines.ts";
import { NOOP_SERVICE } from "./noop.ts";

type Method = MethodDefinition<object, object>;

const methods: ReadonlyMap<string, Method> = new Map([
  ...Object.entries(QUILT_RUNTIME),
  ...Object.values(NOOP_SERVICE).map((method) => ["Noop", method] as const),
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
      const succeeded = isJsonObject(response) && response["success"] === true;
      resolve(succeeded ? undefined : JSON.stringify(response));
    },
  );
  return promise;
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
