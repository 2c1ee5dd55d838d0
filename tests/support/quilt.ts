import { status as grpcStatus } from "@grpc/grpc-js";
import {
  isJsonObject,
  type JsonObject,
  numberAt,
  objectAt,
  parseJsonObject,
  stringAt,
} from "../../deploy/json.ts";
import { type CollectedLines, collectLines, linesOf } from "./lines.ts";
import type { Namespace } from "./namespace.ts";
import { repository } from "./serve_task.ts";

/** A node network as Quilt sees it. */
export interface SeenNetwork {
  readonly subnet: string;
  readonly gateway: string;
  readonly cluster_cidr: string;
  readonly revision: number;
}

/** An answer as text: what the call yields, or the status and its sentence. */
export type AnswerText = string;

/** A program that plays Quilt, in a process of its own. */
export interface Quilt extends AsyncDisposable {
  /** The networks that its watches have sent until now. */
  readonly watched: readonly SeenNetwork[];
  /** Messages of its route watches until now. */
  readonly routeEvents: readonly JsonObject[];
  /** Why its watches ended. */
  readonly over: readonly string[];
  /** Begins to watch. */
  watch(connection?: number): void;
  /** Replaces all connections, because the old ones wait a while after a failure. */
  reconnect(): void;
  /** Begins to watch routes. */
  watchRoutes(connection?: number): void;
  /** Stops it, so that it reads no more, or lets it go on. */
  signal(signal: "SIGSTOP" | "SIGCONT"): void;
  /** The address, or e.g. `RESOURCE_EXHAUSTED: Every address …`. */
  allocate(owner: string, address?: string, connection?: number): Promise<AnswerText>;
  /** The address that was released, or "" if no owner had it. */
  release(
    target: { readonly owner: string } | { readonly address: string },
    connection?: number,
  ): Promise<AnswerText>;
  /** Any call with any fields; its value, or the text if it failed. */
  call(
    name: string,
    fields?: JsonObject,
    connection?: number,
  ): Promise<JsonObject | AnswerText>;
  /** Lines such as `10.42.1.2 web-1`, ascending. */
  list(): Promise<readonly string[]>;
}

type Settle = (answer: JsonObject) => void;

/**
 * Starts it in a namespace, with nothing but the grant to connect there.
 *
 * @param connections how many it opens; each call goes over one of them
 */
export function startQuilt(
  namespace: Namespace,
  connections = 1,
  address = "127.0.0.1:50051",
): Quilt {
  const program = `${repository}/tests/support/quilt_main.ts`;
  const flags = ["--frozen", "--cached-only", "--no-prompt", "--ignore-env"];
  const child = namespace.command(
    [
      ...[Deno.execPath(), "run", ...flags, `--allow-net=${address}`],
      ...[program, address, String(connections)],
    ],
    { stdin: "piped", stdout: "piped", stderr: "piped" },
  ).spawn();
  const complaints = collectLines(child.stderr);
  const watched: SeenNetwork[] = [];
  const routeEvents: JsonObject[] = [];
  const over: string[] = [];
  const waiting = new Map<number, Settle>();
  const ended = receive(child, complaints, (line) => {
    if ("watched" in line) watched.push(network(objectAt(line, "watched")));
    else if ("routeEvent" in line) routeEvents.push(objectAt(line, "routeEvent"));
    else if ("over" in line) over.push(stringAt(line, "over"));
    else waiting.get(numberAt(line, "id"))?.(objectAt(line, "answer"));
  });
  const input = child.stdin.getWriter();
  let id = 0;
  const send = async (line: JsonObject): Promise<void> => {
    await input.write(new TextEncoder().encode(`${JSON.stringify(line)}\n`));
  };
  const call: Quilt["call"] = async (name, fields = {}, connection = id) => {
    const { promise, resolve } = Promise.withResolvers<JsonObject>();
    id += 1;
    waiting.set(id, resolve);
    await send({ id, connection, call: name, ...fields });
    const answer = await Promise.race([promise, ended]);
    return answer["ok"] === true ? objectAt(answer, "value") : faultOf(answer);
  };
  return {
    watched,
    routeEvents,
    over,
    watch: (connection = 0) => void send({ connection, call: "watch" }),
    reconnect: () => void send({ connection: 0, call: "reconnect" }),
    watchRoutes: (connection = 0) => void send({ connection, call: "watch-routes" }),
    signal: (signal) => child.kill(signal),
    call,
    allocate: async (owner, address = "", connection) => {
      const value = await call("allocate", { owner, address }, connection);
      return typeof value === "string" ? value : addressIn(value, "address");
    },
    release: async (target, connection) => {
      const value = await call("release", target, connection);
      if (typeof value === "string") return value;
      return value["released"] === null ? "" : addressIn(value, "released");
    },
    list: async () => {
      const value = await call("list");
      if (typeof value === "string") throw new Error(value);
      const { addresses } = value;
      if (!Array.isArray(addresses)) throw new Error("Not a list");
      return addresses.filter(isJsonObject).map((each) =>
        `${stringAt(each, "address")} ${stringAt(each, "owner")}`
      );
    },
    [Symbol.asyncDispose]: async () => {
      await input.close();
      // It may have been stopped: SIGTERM would wait for it to go on.
      child.kill("SIGKILL");
      await ended.catch(() => {});
    },
  };
}

async function receive(
  child: Deno.ChildProcess,
  complaints: CollectedLines,
  onLine: (line: JsonObject) => void,
): Promise<never> {
  for await (const text of linesOf(child.stdout)) onLine(parseJsonObject(text));
  const [{ code }] = await Promise.all([child.status, complaints.ended]);
  throw new Error(`Quilt ended with ${code}:\n${complaints.lines.join("\n")}`);
}

function network(seen: JsonObject): SeenNetwork {
  return {
    subnet: stringAt(seen, "subnet"),
    gateway: stringAt(seen, "gateway"),
    cluster_cidr: stringAt(seen, "cluster_cidr"),
    revision: numberAt(seen, "revision"),
  };
}

function addressIn(value: JsonObject, name: string): string {
  return stringAt(objectAt(value, name), "address");
}

function faultOf(answer: JsonObject): AnswerText {
  const fault = objectAt(answer, "fault");
  return `${grpcStatus[numberAt(fault, "code")]}: ${stringAt(fault, "details")}`;
}
