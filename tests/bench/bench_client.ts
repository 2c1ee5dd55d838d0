import { type JsonObject, numberAt, parseJsonObject } from "../../deploy/json.ts";
import { linesOf } from "../support/lines.ts";
import type { Namespace } from "../support/namespace.ts";
import { repository } from "../support/serve_task.ts";

/** What became of one round of calls; all times in microseconds. */
export interface Round {
  /** Of each call, in the order of their ends. */
  readonly microseconds: readonly number[];
  /** From the first call's start to the last one's end. */
  readonly elapsed: number;
}

/** A measuring client in a process of its own, on one connection. */
export interface BenchClient extends AsyncDisposable {
  /**
   * Asks until InjectRoute for a peer succeeds; in milliseconds since 1970, when.
   */
  firstAnswer(request: JsonObject): Promise<number>;
  /** Connects, or lets the old connection go and makes a new one; before every play. */
  connect(): Promise<void>;
  /**
   * Makes all calls, `width` in flight at any time.
   *
   * @throws {Error} when one of them does not succeed: a wrong answer is no measurement.
   */
  play(
    rpc:
      | "Noop"
      | "Bare"
      | "ConfigureNodeSubnet"
      | "InjectRoute"
      | "RemoveRoute"
      | "SyncRoutes",
    requests: readonly JsonObject[],
    width?: number,
  ): Promise<Round>;
  /** How long an `ip -batch` takes for these lines beside the sidecar, in microseconds. */
  batch(lines: string): Promise<number>;
}

/** Starts a measuring client that is not connected yet. */
export async function startBenchClient(namespace: Namespace): Promise<BenchClient> {
  const program = `${repository}/tests/bench/client_main.ts`;
  const run = [Deno.execPath(), "run", "--frozen", "--cached-only", "-A"];
  const child = namespace.command([...run, program, "127.0.0.1:50051"], {
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const lines = linesOf(child.stdout);
  const input = child.stdin.getWriter();
  const next = async (): Promise<JsonObject> => {
    const { value } = await lines.next();
    if (typeof value !== "string") throw new Error("The measuring client ended");
    return parseJsonObject(value);
  };
  const send = (order: JsonObject): Promise<void> =>
    input.write(new TextEncoder().encode(`${JSON.stringify(order)}\n`));
  await next();
  return {
    firstAnswer: async (request) => {
      await send({ firstAnswer: request });
      return numberAt(await next(), "answeredMs");
    },
    connect: async () => {
      await send({ connect: true });
      await next();
    },
    play: async (rpc, requests, width = 1) => {
      await send({ rpc, width, requests });
      return readRound(await next(), rpc, requests.length);
    },
    batch: async (lines) => {
      await send({ batch: lines });
      return numberAt(await next(), "batchMicroseconds");
    },
    [Symbol.asyncDispose]: async () => {
      await input.close();
      await child.status;
    },
  };
}

function readRound(line: JsonObject, rpc: string, expected: number): Round {
  const { microseconds, elapsed, failures } = line;
  if (!isNumbers(microseconds) || typeof elapsed !== "number") {
    throw new Error(`Cannot read ${JSON.stringify(line)} as a round`);
  }
  if (!Array.isArray(failures) || failures.length > 0) {
    throw new Error(`${rpc} failed: ${JSON.stringify(failures).slice(0, 400)}`);
  }
  if (microseconds.length !== expected) {
    throw new Error(`${rpc}: ${microseconds.length} of ${expected} calls answered`);
  }
  return { microseconds, elapsed };
}

function isNumbers(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((each) => typeof each === "number");
}

/** Starts a measuring client; resolves when it is connected. */
export async function connectBenchClient(namespace: Namespace): Promise<BenchClient> {
  const client = await startBenchClient(namespace);
  await client.connect();
  return client;
}
