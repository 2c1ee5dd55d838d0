import {
  constants,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { Socket } from "node:net";
import { isOfConnection, onConnection } from "./connection_error.ts";
import type { CallLimiter, Flow } from "./call_limiter.ts";
import { ClientInput } from "./client_input.ts";
import { FrameBudget, type FrameFault } from "./frame_budget.ts";
import { countHeaders } from "./frame_reader.ts";
import { guardSession, type OpenedStream } from "./http2_sessions.ts";
import { SendWindows } from "./send_windows.ts";

/** Connections at one time; one more takes the place of another. */
const MOST_CONNECTIONS = 512;
/** Who connects and never calls is cut off then. Who has called may be silent for days. */
const FIRST_CALL_MS = 300_000;
/** An answer that is not taken at two looks costs its connection. */
const LOOK_MS = 10_000;
/** A farewell is one round trip; a client that does not answer is not waited for. */
const FAREWELL_MS = 500;
/** Who has to make room gets what was answered in that time. */
const LAST_ANSWERS_MS = 500;
/** What was sent before is read within that time. */
const READ_MS = 20;
/** It names the highest stream that there can be: each call may have been carried out. */
const LAST_STREAM_IS_OPEN = goaway(constants.NGHTTP2_NO_ERROR);
const TOO_MUCH = goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM);
/** What waits in memory for slow clients, of all connections together. */
const MOST_HELD_BYTES = 32 * 1024 * 1024;
/** What a stream takes as long as it is open, whatever is on it: measured, Deno 2.9.3. */
const HELD_BY_STREAM = 10 * 1024;
/** A client that is cut off and reads is told why within that time. */
const LAST_WORDS_MS = 100;

/** Requests and answers up to that size are in the price of a call. */
const FREE_BYTES = 512;
/** What takes as long as one more call: 7 routes of a SyncRoutes that changes nothing. */
const REQUEST_BYTES = 180;
/** The same of an answer: 25 routes of a ListRoutes. */
const ANSWER_BYTES = 1_500;
/** The same of headers. */
const HEADER_BYTES = 4 * 1024;

/** Why a client was cut off. */
export type Cut = FrameFault | "untaken answers" | "error";

/** One connection. */
interface Connection {
  readonly peer: string;
  readonly socket: Socket;
  readonly flow: Flow;
  readonly budget: FrameBudget;
  readonly windows: SendWindows;
  /** Known as soon as HTTP/2 begins. */
  input: ClientInput | undefined;
  readonly firstCallTimer: ReturnType<typeof setTimeout>;
  session: ServerHttp2Session | undefined;
  hasCalled: boolean;
  readonly streams: Set<ServerHttp2Stream>;
  /** Those with an answer that was not taken, at the last look. */
  untaken: readonly ServerHttp2Stream[];
  /** Messages that went back on it. */
  answers: number;
  /** What it holds in memory, as the sum of all has it. */
  held: number;
  /** Shown out, it is answered once more; cut off, it is not even read. */
  leaves: "no" | "shown out" | "cut off";
}

/** How the connections of a server are looked after. */
export interface ConnectionsOptions {
  readonly callLimiter: CallLimiter;
  /** The longest request that is allowed, in bytes. */
  readonly requestBytes: number;
  /** Begins HTTP/2 on a connection; its session is told of at once. */
  readonly serve: (socket: Socket) => void;
  /** The headers for grpc-js to read; undefined if the stream was answered without it. */
  readonly screen: (opened: OpenedStream) => IncomingHttpHeaders | undefined;
  /** Told why a client was cut off. */
  readonly cut: (peer: string, why: Cut) => void;
}

/** The connections of one server: how many, for how long, and how each ends. */
export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #callLimiter: CallLimiter;
  readonly #byPeer = new Map<string, Connection>();
  readonly #looking: ReturnType<typeof setInterval>;
  /** Whose session is about to begin. */
  #beginning: Connection | undefined;
  /** What the latest answer to each method cost, in calls. */
  readonly #prices = new Map<string, number>();
  /** What the call is told of its answers that grpc-js is about to hear of. */
  #opening: ((bytes: number) => void) | undefined;
  /** What all of them hold in memory. */
  #held = 0;
  /** Of those that were bidden farewell; undefined as long as nobody leaves. */
  #farewells: Promise<void>[] | undefined;
  #emptied: PromiseWithResolvers<void> | undefined;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
    this.#callLimiter = options.callLimiter;
    this.#looking = setInterval(() => this.#endUntaken(), LOOK_MS);
  }

  /**
   * Serves a connection from now on.
   *
   * @param peer what gRPC calls it
   * @param heard all that was read of it, from the connection preface on
   */
  take(socket: Socket, peer: string, heard: Uint8Array): void {
    if (socket.destroyed) return;
    const connection = this.#describe(socket, peer);
    if (this.#byPeer.size >= MOST_CONNECTIONS) this.#makeRoom();
    this.#byPeer.set(peer, connection);
    socket.once("close", () => this.#forget(peer, connection));
    const { flow, budget } = connection;
    const end = (): void => this.#cut(connection, "error");
    this.#beginning = connection;
    const serve = (): void => onConnection(end, () => this.#options.serve(socket));
    connection.input = new ClientInput(socket, serve, budget, {
      begin: (octets) => this.#callLimiter.admit(flow, () => countHeaders(octets) - 1),
      receive: (receive) => onConnection(end, receive),
      fault: (fault) => this.#cut(connection, fault),
    });
    this.#beginning = undefined;
    connection.input.take(heard);
  }

  #describe(socket: Socket, peer: string): Connection {
    const windows = new SendWindows();
    const flow = this.#callLimiter.open(() => connection.input?.proceed());
    const budget = new FrameBudget(this.#options.requestBytes, {
      mayBegin: (octets) => connection.input?.mayBegin(octets) ?? false,
      message: (bytes, number) => {
        const further = number === 1 ? 0 : 1;
        this.#callLimiter.charge(flow, further + priceOf(bytes, REQUEST_BYTES));
      },
      initialWindow: (bytes) => windows.begin(bytes),
      window: (stream, bytes) => windows.grow(stream, bytes),
    });
    const connection: Connection = {
      ...{ peer, socket, flow, budget, windows },
      firstCallTimer: setTimeout(() => socket.destroy(), FIRST_CALL_MS),
      input: undefined,
      session: undefined,
      hasCalled: false,
      streams: new Set(),
      untaken: [],
      answers: 0,
      held: 0,
      leaves: "no",
    };
    return connection;
  }

  /** Looks after a session from its beginning on. */
  noteSession(session: ServerHttp2Session): void {
    const connection = this.#beginning;
    if (connection !== undefined) connection.session = session;
    guardSession(session, {
      opened: (opened, serve) => {
        if (connection !== undefined) this.#noteStream(connection, opened);
        const headers = this.#options.screen(opened);
        if (headers !== undefined) this.#open(connection, opened, () => serve(headers));
      },
      failed: (error) => {
        if (!isOfConnection(error)) throw error;
        if (connection !== undefined) this.#cut(connection, "error");
      },
    });
  }

  /**
   * What is to be told of each answer to the call that grpc-js begins with in this turn:
   * how many bytes it has. Undefined: the call is no client's.
   */
  get opening(): ((bytes: number) => void) | undefined {
    return this.#opening;
  }

  /**
   * Tells every client that the connection ends, and resolves when each has heard it:
   * from then on no call is on its way to us. Those that have come are answered.
   *
   * @param patienceMs how long to wait for connections that were not taken yet
   */
  async bidFarewell(patienceMs: number): Promise<void> {
    const farewells = this.#farewells = [...this.#byPeer.values()].flatMap(
      ({ hasCalled, session, socket }) =>
        session === undefined || !hasCalled ? [] : [dismiss(session, socket)],
    );
    // The first call of a connection that has made none may be here already.
    const first = farewells.length < this.#byPeer.size ? READ_MS : 0;
    farewells.push(rest(Math.max(first, patienceMs)));
    // Its length grows with each connection whose first stream comes now.
    for (const heard of farewells) await heard;
  }

  /** Resolves when no connection is left. */
  ended(): Promise<void> {
    if (this.#byPeer.size === 0) return Promise.resolve();
    this.#emptied ??= Promise.withResolvers();
    return this.#emptied.promise;
  }

  /** Looks after none of them any more. */
  abandon(): void {
    clearInterval(this.#looking);
    for (const { firstCallTimer } of this.#byPeer.values()) {
      clearTimeout(firstCallTimer);
    }
  }

  #noteStream(connection: Connection, { headers, stream }: OpenedStream): void {
    const { flow, budget, streams, windows } = connection;
    const { id = 0 } = stream;
    if (!connection.hasCalled) this.#noteFirst(connection);
    // One that is gone closes no more.
    if (!stream.destroyed) streams.add(stream);
    stream.once("close", () => {
      streams.delete(stream);
      budget.forget(id);
      windows.close(id);
      this.#weigh(connection);
    });
    const price = this.#prices.get(headers[":path"] ?? "") ?? 0;
    this.#callLimiter.charge(flow, price + priceOf(sizeOf(headers), HEADER_BYTES));
    this.#weigh(connection);
  }

  /** Lets grpc-js begin with a call, whose answers are told of from then on. */
  #open(
    connection: Connection | undefined,
    { headers, stream }: OpenedStream,
    serve: () => void,
  ): void {
    const path = headers[":path"] ?? "";
    this.#opening = connection === undefined
      ? undefined
      : (bytes) => this.#noteAnswer(connection, stream, path, bytes);
    try {
      serve();
    } finally {
      this.#opening = undefined;
    }
  }

  #noteAnswer(
    connection: Connection,
    stream: ServerHttp2Stream,
    path: string,
    bytes: number,
  ): void {
    const { flow, budget, windows } = connection;
    // What is answered on a stream that is gone goes nowhere.
    if (stream.closed || stream.destroyed) return;
    connection.answers += 1;
    budget.answer(bytes);
    windows.send(stream.id ?? 0, bytes);
    const price = priceOf(bytes, ANSWER_BYTES);
    // The method's usual price was charged when the call began.
    this.#callLimiter.charge(flow, price - (this.#prices.get(path) ?? 0));
    this.#prices.set(path, price);
    this.#weigh(connection);
  }

  #noteFirst(connection: Connection): void {
    connection.hasCalled = true;
    clearTimeout(connection.firstCallTimer);
    const { session, socket } = connection;
    if (session !== undefined) this.#farewells?.push(dismiss(session, socket));
  }

  /** Holds the sum of what waits in memory below its limit: who holds most goes. */
  #weigh(connection: Connection): void {
    this.#weighOne(connection);
    if (this.#held <= MOST_HELD_BYTES) return;
    // Sockets do not tell when they have sent something.
    for (const each of this.#byPeer.values()) this.#weighOne(each);
    while (this.#held > MOST_HELD_BYTES) {
      const heaviest = this.#least((one, other) => one.held > other.held);
      if (heaviest === undefined) return;
      this.#cut(heaviest, "untaken answers");
    }
  }

  #weighOne(connection: Connection): void {
    const { budget, input, leaves, socket, streams, windows } = connection;
    const isOver = leaves === "cut off" || socket.destroyed;
    const received = budget.unfinishedBytes + (input?.heldOctets ?? 0);
    const sent = windows.held + socket.writableLength;
    const held = isOver ? 0 : received + sent + streams.size * HELD_BY_STREAM;
    this.#held += held - connection.held;
    connection.held = held;
  }

  /** Pings do not tell: a client may answer them and leave no room for any answer. */
  #endUntaken(): void {
    for (const connection of this.#byPeer.values()) {
      const { streams, untaken } = connection;
      connection.untaken = [...streams].filter(({ writableEnded }) => writableEnded);
      if (untaken.some((stream) => streams.has(stream))) this.#showOut(connection);
    }
  }

  #forget(peer: string, connection: Connection): void {
    this.#byPeer.delete(peer);
    clearTimeout(connection.firstCallTimer);
    this.#callLimiter.close(connection.flow);
    this.#weighOne(connection);
    if (this.#byPeer.size === 0) this.#emptied?.resolve();
  }

  #makeRoom(): void {
    const least = this.#least(isMissedLess);
    if (least !== undefined) this.#showOut(least);
  }

  /** The one that goes before all others of those that stay. */
  #least(
    isLess: (one: Connection, other: Connection) => boolean,
  ): Connection | undefined {
    let least: Connection | undefined;
    for (const connection of this.#byPeer.values()) {
      if (connection.leaves !== "no") continue;
      if (least === undefined || isLess(connection, least)) least = connection;
    }
    return least;
  }

  async #showOut(connection: Connection): Promise<void> {
    const { leaves, session, socket } = connection;
    if (leaves !== "no") return;
    connection.leaves = "shown out";
    if (session !== undefined) {
      await dismiss(session, socket);
      await rest(LAST_ANSWERS_MS);
    }
    // A session that is closed waits for its streams, and a client need not end them.
    socket.destroy();
  }

  /** Reads nothing more from it; a client that reads hears why. */
  #cut(connection: Connection, why: Cut): void {
    const { leaves, peer, socket } = connection;
    if (leaves === "cut off") return;
    connection.leaves = "cut off";
    connection.input?.end();
    this.#callLimiter.close(connection.flow);
    this.#weighOne(connection);
    this.#options.cut(peer, why);
    // Past the session, which would read on while it ends.
    socket.write(TOO_MUCH);
    setTimeout(() => socket.destroy(), LAST_WORDS_MS);
  }
}

/** A GOAWAY frame: 8 octets of type 7, RFC 9113, 4.1 and 6.8. */
function goaway(code: number): Uint8Array {
  return new Uint8Array([
    ...[0, 0, 8, 7, 0, 0, 0, 0, 0],
    ...[0x7f, 0xff, 0xff, 0xff, 0, 0, 0, code],
  ]);
}

/** Calls that take as long as so many bytes more than usual. */
function priceOf(bytes: number, unit: number): number {
  return Math.floor(Math.max(0, bytes - FREE_BYTES) / unit);
}

/** RFC 9113, 6.5.2 */
function sizeOf(headers: IncomingHttpHeaders): number {
  return Object.entries(headers).reduce(
    (size, [name, value]) => size + name.length + String(value).length + 32,
    0,
  );
}

/**
 * Who was answered most stays: the agent has been, and may be silent for days. Who only
 * connects, or begins calls and does not end them, goes first.
 */
function isMissedLess(one: Connection, other: Connection): boolean {
  return one.answers === other.answers
    ? one.flow.lastCallAt < other.flow.lastCallAt
    : one.answers < other.answers;
}

/** The session ends when what has come on it by then is answered. */
async function dismiss(session: ServerHttp2Session, socket: Socket): Promise<void> {
  await announceEnd(session, socket);
  session.close();
}

/** What grpc-js calls the other side: `127.0.0.1:40112`. */
export function peerOf({ remoteAddress, remotePort }: Socket): string {
  if (remoteAddress === undefined) return "unknown";
  return remotePort === undefined ? remoteAddress : `${remoteAddress}:${remotePort}`;
}

/**
 * Tells the client to open no more streams, and waits until it has heard that. A GOAWAY
 * that names the last stream at once, as grpc-js and node:http2 send it, lets a call fail
 * that is on its way at that moment: tonic does not repeat it (RFC 9113, 6.8).
 *
 * Written past the session: once nghttp2 itself has sent a GOAWAY, whatever that names, it
 * drops every new stream without a word, those on their way among them.
 */
async function announceEnd(session: ServerHttp2Session, socket: Socket): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  session.once("close", resolve);
  try {
    socket.write(LAST_STREAM_IS_OPEN);
    session.ping(() => resolve());
  } catch {
    // It has ended this very moment.
    return;
  }
  await Promise.race([promise, rest(FAREWELL_MS)]);
}

function rest(ms: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  setTimeout(resolve, ms);
  return promise;
}
