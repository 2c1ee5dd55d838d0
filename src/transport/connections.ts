import type {
  IncomingHttpHeaders,
  ServerHttp2Session,
  ServerHttp2Stream,
} from "node:http2";
import type { Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { RefusalReason } from "../observability/instruments.ts";
import { combineAnswerWrites } from "./answer_writes.ts";
import { CallCosts, type CallLimiter, type Flow } from "./call_limiter.ts";
import { ClientInput } from "./client_input.ts";
import {
  guardSession,
  isConnectionError,
  type OpenedStream,
  runForConnection,
} from "./error_containment.ts";
import { FrameBudget, type FrameFault } from "./frame_budget.ts";
import { countHeadersFrames } from "./frame_reader.ts";
import { GOAWAY_ENHANCE_YOUR_CALM, shutDownSession } from "./http2_sessions.ts";
import { SendWindows } from "./send_windows.ts";

/** Connections at one time; one more evicts another. */
const MAX_CONNECTIONS = 512;
/** A client that has never called is closed then. One that has may be idle for days. */
const FIRST_CALL_TIMEOUT_MS = 300_000;
/** An answer that is not taken at two checks costs its connection. */
const UNTAKEN_CHECK_MS = 10_000;
/** After its GOAWAY, an evicted client receives the answers of so long. */
const EVICTION_MS = 500;
/** By then the data that clients sent before the shutdown is read. */
const READ_MS = 20;
/** A disconnected client that reads receives its GOAWAY by then. */
const GOAWAY_MS = 100;
/** Memory that all connections together may hold for slow clients. */
const MAX_HELD_BYTES = 32 * 1024 * 1024;
/** An open stream takes so much, whatever is on it: measured, Deno 2.9.3. */
const STREAM_BYTES = 10 * 1024;

/** Why a client was disconnected. */
export type DisconnectReason = FrameFault | "untaken answers" | "error";

/** One connection. */
interface Connection {
  readonly peer: string;
  readonly socket: Socket;
  readonly flow: Flow;
  readonly budget: FrameBudget;
  readonly windows: SendWindows;
  /** Set when HTTP/2 begins. */
  input: ClientInput | undefined;
  session: ServerHttp2Session | undefined;
  readonly firstCallTimer: ReturnType<typeof setTimeout>;
  hasCalled: boolean;
  readonly streams: Set<ServerHttp2Stream>;
  /** Streams whose answer was not taken at the last check. */
  untaken: readonly ServerHttp2Stream[];
  /** Messages that were sent to the client. */
  answers: number;
  /** Its part of the memory that all connections hold. */
  heldBytes: number;
  /** An evicted client still gets its answers; a disconnected one is not even read. */
  state: "open" | "evicted" | "disconnected";
}

/** What {@linkcode Connections} needs. */
export interface ConnectionsOptions {
  readonly callLimiter: CallLimiter;
  /** The longest request, in bytes. */
  readonly maxRequestBytes: number;
  /** Begins HTTP/2 on a socket, and emits its session before it returns. */
  readonly serve: (socket: Socket) => void;
  /** The headers for grpc-js; undefined if the stream was answered without it. */
  readonly screen: (opened: OpenedStream) => IncomingHttpHeaders | undefined;
  /** Called when a client is disconnected. */
  readonly onDisconnect: (peer: string, reason: DisconnectReason) => void;
  /** Called with each connection that is closed because of its client, or of others. */
  readonly onRefused: (reason: RefusalReason) => void;
}

/** The reasons as metrics have them. */
const REFUSALS: { readonly [Reason in DisconnectReason]: RefusalReason } = {
  "frames without calls": "frames",
  "bytes without calls": "bytes",
  "long headers": "headers",
  "untaken answers": "untaken",
  "error": "error",
};

/** The HTTP/2 connections of a server: their number, their memory, and how each ends. */
export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #callLimiter: CallLimiter;
  readonly #costs = new CallCosts();
  readonly #byPeer = new Map<string, Connection>();
  readonly #untakenTimer: ReturnType<typeof setInterval>;
  /** The connection whose session is about to be emitted. */
  #beginning: Connection | undefined;
  /** Memory that all connections hold. */
  #heldBytes = 0;
  /** The shutdown of each session; undefined before the server closes. */
  #shutdowns: Promise<void>[] | undefined;
  #emptied: PromiseWithResolvers<void> | undefined;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
    this.#callLimiter = options.callLimiter;
    this.#untakenTimer = setInterval(() => this.#evictUntaken(), UNTAKEN_CHECK_MS);
  }

  /**
   * Serves a connection.
   *
   * @param peer its name in gRPC
   * @param received all bytes that were read from it, from the connection preface on
   */
  add(socket: Socket, peer: string, received: Uint8Array): void {
    if (socket.destroyed) return;
    const connection = this.#create(socket, peer);
    if (this.#byPeer.size >= MAX_CONNECTIONS) this.#evictOne();
    this.#byPeer.set(peer, connection);
    socket.once("close", () => this.#remove(peer, connection));
    const { budget, flow } = connection;
    const close = (): void => this.#disconnect(connection, "error");
    combineAnswerWrites(socket);
    this.#beginning = connection;
    const serve = (): void =>
      runForConnection(close, () => this.#options.serve(socket));
    connection.input = new ClientInput(socket, serve, budget, {
      admitCall: (octets) =>
        this.#callLimiter.admit(flow, () => countHeadersFrames(octets) - 1),
      deliver: (deliver) => runForConnection(close, deliver),
      onFault: (fault) => this.#disconnect(connection, fault),
    });
    this.#beginning = undefined;
    connection.input.receive(received);
  }

  #create(socket: Socket, peer: string): Connection {
    const windows = new SendWindows();
    const flow = this.#callLimiter.open(() => connection.input?.proceed());
    const budget = new FrameBudget(this.#options.maxRequestBytes, {
      mayBeginCall: (octets) => connection.input?.mayBeginCall(octets) ?? false,
      onMessage: (bytes, number) => {
        const further = number === 1 ? 0 : 1;
        this.#callLimiter.charge(flow, further + this.#costs.ofRequest(bytes));
      },
      onInitialWindowSize: (bytes) => windows.setInitialSize(bytes),
      onWindowUpdate: (stream, bytes) => windows.update(stream, bytes),
    });
    const connection: Connection = {
      ...{ peer, socket, flow, budget, windows },
      firstCallTimer: setTimeout(() => {
        this.#options.onRefused("idle");
        socket.destroy();
      }, FIRST_CALL_TIMEOUT_MS),
      input: undefined,
      session: undefined,
      hasCalled: false,
      streams: new Set(),
      untaken: [],
      answers: 0,
      heldBytes: 0,
      state: "open",
    };
    return connection;
  }

  /** Called with each session when it is emitted. */
  onSession(session: ServerHttp2Session): void {
    const connection = this.#beginning;
    if (connection !== undefined) connection.session = session;
    guardSession(session, {
      onStream: (opened, serve) => {
        if (connection !== undefined) this.#onStream(connection, opened);
        const headers = this.#options.screen(opened);
        if (headers !== undefined) serve(headers);
      },
      onError: (error) => {
        if (!isConnectionError(error)) throw error;
        if (connection !== undefined) this.#disconnect(connection, "error");
      },
    });
  }

  /**
   * Shuts down all sessions, and resolves when every client has received its GOAWAY. From
   * then on no new call is on its way. Calls that have come are still answered.
   *
   * @param pendingMs how long to wait for connections that are not added yet
   */
  async shutDown(pendingMs: number): Promise<void> {
    const shutdowns = this.#shutdowns = [...this.#byPeer.values()].flatMap(
      ({ hasCalled, session, socket }) =>
        session === undefined || !hasCalled ? [] : [shutDownSession(session, socket)],
    );
    // The first call of the others may be received already; then #onFirstCall adds them.
    const readMs = shutdowns.length < this.#byPeer.size ? READ_MS : 0;
    shutdowns.push(delay(Math.max(readMs, pendingMs)));
    // The array may grow in the meantime.
    for (const shutdown of shutdowns) await shutdown;
  }

  /** Resolves when no connection is left. */
  emptied(): Promise<void> {
    if (this.#byPeer.size === 0) return Promise.resolve();
    this.#emptied ??= Promise.withResolvers();
    return this.#emptied.promise;
  }

  /** Clears all timers. */
  abandon(): void {
    clearInterval(this.#untakenTimer);
    for (const { firstCallTimer } of this.#byPeer.values()) {
      clearTimeout(firstCallTimer);
    }
  }

  #onStream(connection: Connection, opened: OpenedStream): void {
    const { headers, stream } = opened;
    const { budget, flow, streams, windows } = connection;
    const { id = 0 } = stream;
    if (!connection.hasCalled) this.#onFirstCall(connection);
    // A destroyed stream emits no "close".
    if (!stream.destroyed) {
      streams.add(stream);
      this.#countAnswers(connection, opened);
    }
    stream.once("close", () => {
      streams.delete(stream);
      budget.forget(id);
      windows.close(id);
      this.#limitMemory(connection);
    });
    this.#callLimiter.charge(flow, this.#costs.ofHeaders(headers));
    this.#limitMemory(connection);
  }

  #onFirstCall(connection: Connection): void {
    connection.hasCalled = true;
    clearTimeout(connection.firstCallTimer);
    const { session, socket } = connection;
    if (session !== undefined) this.#shutdowns?.push(shutDownSession(session, socket));
  }

  /** Counts the messages that grpc-js writes, each in one piece with its prefix. */
  #countAnswers(
    connection: Connection,
    { headers, stream }: OpenedStream,
  ): void {
    const path = headers[":path"] ?? "";
    const { write } = stream;
    stream.write = (message: Uint8Array, ...rest: unknown[]): boolean => {
      const isBelowMark = Reflect.apply(write, stream, [message, ...rest]);
      this.#onAnswer(connection, stream, path, message.length);
      return isBelowMark;
    };
    // Deno 2.9.3 never frees some streams, so they must not refer to the connection.
    stream.once("close", () => stream.write = write);
  }

  #onAnswer(
    connection: Connection,
    stream: ServerHttp2Stream,
    path: string,
    bytes: number,
  ): void {
    const { budget, flow, windows } = connection;
    // An answer on a closed stream is discarded.
    if (stream.closed || stream.destroyed) return;
    connection.answers += 1;
    budget.onAnswer(bytes);
    windows.send(stream.id ?? 0, bytes);
    this.#callLimiter.charge(flow, this.#costs.ofAnswer(path, bytes));
    this.#limitMemory(connection);
  }

  /** Disconnects the clients that hold most while all together hold too much. */
  #limitMemory(connection: Connection): void {
    this.#updateHeldBytes(connection);
    if (this.#heldBytes <= MAX_HELD_BYTES) return;
    // A socket has no event for sent data.
    for (const each of this.#byPeer.values()) this.#updateHeldBytes(each);
    while (this.#heldBytes > MAX_HELD_BYTES) {
      const largest = this.#first((one, other) => one.heldBytes > other.heldBytes);
      if (largest === undefined) return;
      this.#disconnect(largest, "untaken answers");
    }
  }

  #updateHeldBytes(connection: Connection): void {
    const { budget, input, socket, state, streams, windows } = connection;
    const isOver = state === "disconnected" || socket.destroyed;
    const received = budget.unfinishedBytes + (input?.pendingOctets ?? 0);
    const sent = windows.blockedBytes + socket.writableLength;
    const heldBytes = isOver ? 0 : received + sent + streams.size * STREAM_BYTES;
    this.#heldBytes += heldBytes - connection.heldBytes;
    connection.heldBytes = heldBytes;
  }

  /** Pings do not show this: a client may answer them and give no window to any answer. */
  #evictUntaken(): void {
    for (const connection of this.#byPeer.values()) {
      const { streams, untaken } = connection;
      connection.untaken = [...streams].filter(({ writableEnded }) => writableEnded);
      if (untaken.some((stream) => streams.has(stream))) {
        this.#evict(connection, "untaken");
      }
    }
  }

  #remove(peer: string, connection: Connection): void {
    this.#byPeer.delete(peer);
    clearTimeout(connection.firstCallTimer);
    this.#callLimiter.close(connection.flow);
    this.#updateHeldBytes(connection);
    if (this.#byPeer.size === 0) this.#emptied?.resolve();
  }

  #evictOne(): void {
    const first = this.#first(isEvictedBefore);
    if (first !== undefined) this.#evict(first, "evicted");
  }

  /** The first of the open connections in an order. */
  #first(
    isBefore: (one: Connection, other: Connection) => boolean,
  ): Connection | undefined {
    let first: Connection | undefined;
    for (const connection of this.#byPeer.values()) {
      if (connection.state !== "open") continue;
      if (first === undefined || isBefore(connection, first)) first = connection;
    }
    return first;
  }

  async #evict(connection: Connection, reason: RefusalReason): Promise<void> {
    const { session, socket, state } = connection;
    if (state !== "open") return;
    connection.state = "evicted";
    this.#options.onRefused(reason);
    if (session !== undefined) {
      await shutDownSession(session, socket);
      await delay(EVICTION_MS);
    }
    // A closed session waits for its streams, which the client need not end.
    socket.destroy();
  }

  /** Reads nothing more from a client, and sends it the reason. */
  #disconnect(connection: Connection, reason: DisconnectReason): void {
    const { flow, input, peer, socket, state } = connection;
    if (state === "disconnected") return;
    connection.state = "disconnected";
    input?.end();
    this.#callLimiter.close(flow);
    this.#updateHeldBytes(connection);
    this.#options.onDisconnect(peer, reason);
    // An evicted connection was counted before.
    if (state === "open") this.#options.onRefused(REFUSALS[reason]);
    // Past the session, which would read on while it ends.
    socket.write(GOAWAY_ENHANCE_YOUR_CALM);
    setTimeout(() => socket.destroy(), GOAWAY_MS);
  }
}

/**
 * The client with the fewest answers is evicted first, and of several the one that has called
 * longest ago. So the agent stays, which may be idle for days, and clients that only connect,
 * or begin calls and do not end them, go first.
 */
function isEvictedBefore(one: Connection, other: Connection): boolean {
  return one.answers === other.answers
    ? one.flow.lastCallAt < other.flow.lastCallAt
    : one.answers < other.answers;
}

/** The name of the client in grpc-js: `127.0.0.1:40112`. */
export function peerOf({ remoteAddress, remotePort }: Socket): string {
  if (remoteAddress === undefined) return "unknown";
  return remotePort === undefined ? remoteAddress : `${remoteAddress}:${remotePort}`;
}
