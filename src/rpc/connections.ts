import { constants, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import type { Account, FairTurns } from "./fair_turns.ts";
import { type OpenedStream, watchServerStreams } from "./server_streams.ts";

/** Connections at one time; one more takes the place of another. */
const MOST_CONNECTIONS = 512;
/** Who connects and never calls is cut off then. Who has called may be silent for days. */
const FIRST_CALL_MS = 300_000;
/** An answer that is not taken at two looks costs its connection. */
const LOOK_MS = 10_000;
/** What gRPC's other libraries take at most. */
const MOST_HEADER_BYTES = 16 * 1024;
/** A farewell is one round trip; a client that does not answer is not waited for. */
const FAREWELL_MS = 500;
/** Who has to make room gets what was answered in that time. */
const LAST_ANSWERS_MS = 500;
/** What was sent before is read within that time. */
const READ_MS = 20;
/** Above every stream that a client can have opened: RFC 9113, 6.8. */
const LAST_STREAM = 2 ** 31 - 1;

/** Why a call does not begin. */
export type CallRefusal = "too many calls" | "long headers";

/** One connection. */
interface Connection {
  readonly socket: Socket;
  readonly account: Account;
  readonly firstCallTimer: ReturnType<typeof setTimeout>;
  /** Known from its first stream on. */
  session: ServerHttp2Session | undefined;
  readonly streams: Set<ServerHttp2Stream>;
  /** Those with an answer that was not taken, at the last look. */
  untaken: readonly ServerHttp2Stream[];
  /** The size of the headers with which its latest stream began. */
  headerBytes: number;
  /** Messages that went back on it. */
  answers: number;
  /** It has to make room. */
  leaves: boolean;
}

/** The connections of one server: how many, for how long, and how each ends. */
export class Connections {
  readonly #turns: FairTurns;
  readonly #serve: (socket: Socket) => void;
  readonly #byPeer = new Map<string, Connection>();
  readonly #bySession = new WeakMap<ServerHttp2Session, Connection>();
  readonly #stopWatching: () => void;
  readonly #looking: ReturnType<typeof setInterval>;
  /** Of those that were bidden farewell; undefined as long as nobody leaves. */
  #farewells: Promise<void>[] | undefined;
  #emptied: PromiseWithResolvers<void> | undefined;

  /** @param serve begins HTTP/2 on a connection */
  constructor(turns: FairTurns, serve: (socket: Socket) => void) {
    this.#turns = turns;
    this.#serve = serve;
    this.#stopWatching = watchServerStreams((opened) => this.#noteStream(opened));
    this.#looking = setInterval(() => this.#endUntaken(), LOOK_MS);
  }

  /** Serves a connection from now on; `peer` is what gRPC calls it. */
  take(socket: Socket, peer: string): void {
    if (socket.destroyed) return;
    const account = this.#turns.open(socket);
    const firstCallTimer = setTimeout(() => socket.destroy(), FIRST_CALL_MS);
    if (this.#byPeer.size >= MOST_CONNECTIONS) this.#makeRoom();
    const calls = { session: undefined, streams: new Set<never>(), untaken: [] };
    const standing = { headerBytes: 0, answers: 0, leaves: false };
    this.#byPeer.set(peer, { socket, account, firstCallTimer, ...calls, ...standing });
    socket.once("close", () => this.#forget(peer));
    this.#serve(socket);
  }

  /** Begins the latest call of that peer, at once or when it is its turn, or says why not. */
  begin(peer: string, call: () => void): CallRefusal | undefined {
    const connection = this.#byPeer.get(peer);
    if (connection === undefined) call();
    else if (connection.headerBytes > MOST_HEADER_BYTES) return "long headers";
    else if (!this.#turns.begin(connection.account, call)) return "too many calls";
    return undefined;
  }

  /** A message goes back to that peer. */
  noteAnswer(peer: string): void {
    const connection = this.#byPeer.get(peer);
    if (connection !== undefined) connection.answers += 1;
  }

  /**
   * Tells every client that the connection ends, and resolves when each has heard it:
   * from then on no call is on its way to us. Those that have come are answered.
   *
   * @param patienceMs how long to wait for connections that were not taken yet
   */
  async bidFarewell(patienceMs: number): Promise<void> {
    const farewells = this.#farewells = [...this.#byPeer.values()].flatMap(
      ({ session }) => session === undefined ? [] : [dismiss(session)],
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
    this.#stopWatching();
    clearInterval(this.#looking);
    for (const { firstCallTimer } of this.#byPeer.values()) {
      clearTimeout(firstCallTimer);
    }
  }

  #noteStream({ headerBytes, session, stream }: OpenedStream): void {
    const connection = this.#bySession.get(session) ?? this.#recognise(session);
    if (connection === undefined) return;
    connection.headerBytes = headerBytes;
    connection.streams.add(stream);
    stream.once("close", () => connection.streams.delete(stream));
    this.#turns.spend(connection.account);
  }

  /** Pings do not tell: a client may answer them and leave no room for any answer. */
  #endUntaken(): void {
    for (const connection of this.#byPeer.values()) {
      const { streams, untaken } = connection;
      connection.untaken = [...streams].filter(({ writableEnded }) => writableEnded);
      if (untaken.some((stream) => streams.has(stream))) this.#showOut(connection);
    }
  }

  #recognise(session: ServerHttp2Session): Connection | undefined {
    const connection = this.#byPeer.get(peerOf(session.socket));
    if (connection === undefined) return undefined;
    this.#bySession.set(session, connection);
    connection.session = session;
    clearTimeout(connection.firstCallTimer);
    this.#farewells?.push(dismiss(session));
    return connection;
  }

  #forget(peer: string): void {
    const connection = this.#byPeer.get(peer);
    if (connection === undefined) return;
    this.#byPeer.delete(peer);
    clearTimeout(connection.firstCallTimer);
    this.#turns.close(connection.account);
    if (this.#byPeer.size === 0) this.#emptied?.resolve();
  }

  #makeRoom(): void {
    let least: Connection | undefined;
    for (const connection of this.#byPeer.values()) {
      if (connection.leaves) continue;
      if (least === undefined || isMissedLess(connection, least)) least = connection;
    }
    if (least !== undefined) this.#showOut(least);
  }

  async #showOut(connection: Connection): Promise<void> {
    const { leaves, session, socket } = connection;
    if (leaves) return;
    connection.leaves = true;
    if (session !== undefined) {
      await dismiss(session);
      await rest(LAST_ANSWERS_MS);
    }
    // A session that is closed waits for its streams, and a client need not end them.
    socket.destroy();
  }
}

/**
 * Who was answered most stays: the agent has been, and may be silent for days. Who only
 * connects, or begins calls and does not end them, goes first.
 */
function isMissedLess(one: Connection, other: Connection): boolean {
  return one.answers === other.answers
    ? one.account.spentAt < other.account.spentAt
    : one.answers < other.answers;
}

/** The session ends when what has come on it by then is answered. */
async function dismiss(session: ServerHttp2Session): Promise<void> {
  await farewell(session);
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
 */
async function farewell(session: ServerHttp2Session): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  session.once("close", resolve);
  try {
    session.goaway(constants.NGHTTP2_NO_ERROR, LAST_STREAM);
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
