import type { ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type Checked, pass } from "../shared/result.ts";
import {
  Connections,
  type ConnectionsOptions,
  type Cut,
  peerOf,
} from "./connections.ts";
import { AcceptLimiter } from "./accept_limiter.ts";
import { CallLimiter } from "./call_limiter.ts";
import { Handshakes } from "./tls/acceptor.ts";
import type { HealthStatus } from "./healthz.ts";
import { formatListenAddress, type ListenAddress } from "./listen_address.ts";
import { listen, type Listener } from "./listener.ts";
import type { ListenFault } from "./listen_fault.ts";
import { awaitPreface } from "./protocol_sniffer.ts";
import type { TlsMaterial } from "./tls/files.ts";
import type { TlsRefusal } from "./tls/handshake_error.ts";

/** What stands between the network and the services. */
export interface Protection {
  /** Permission bits of a Unix socket, as in chmod(2). @default {0o600} */
  readonly socketMode?: number;
  /** Undefined: no TLS. */
  readonly tls?: TlsMaterial | undefined;
  /** Told why a TLS client was refused. */
  readonly refused?: (refusal: TlsRefusal) => void;
  /** HTTP/2 sessions until new ones are let in slowly. @default {6000} */
  readonly mostSessions?: number;
  /** Told when there were as many. */
  readonly worn?: (sessions: number) => void;
  /** Told which client was cut off, and why. */
  readonly cut?: (peer: string, why: Cut) => void;
  /** What `GET /healthz` is answered. @default {"NOT_SERVING"} */
  readonly health?: () => HealthStatus;
}

/** What a client has sent is read within that time, and a handshake is over. */
const LAST_WORDS_MS = 20;
const LAST_HANDSHAKES_MS = 100;
/**
 * Open sockets of all kinds together: a process has 1024 descriptors, often enough. When
 * it has none left, Deno 2.9.3 takes no connection any more, for ever, and says nothing.
 */
const MOST_SOCKETS = 768;
/**
 * Deno 2.9.3 keeps 24 to 34 KB of every session for as long as the process lives: these are
 * 200 MB, which the unit's MemoryMax has room for.
 */
const MOST_SESSIONS = 6_000;
/** When there were as many, the rate of new ones falls from 125 a second to 25. */
const LATE_COST = 5;

/** How a connection that was let in is served. */
export type Serving = Pick<ConnectionsOptions, "requestBytes" | "screen"> & {
  /** Begins HTTP/2 on a connection. */
  readonly serve: (connection: Duplex) => void;
};

/** The one way in: every connection passes here, of whatever kind it is. */
export class Entrance {
  readonly #callLimiter = new CallLimiter();
  readonly #acceptLimiter = new AcceptLimiter();
  readonly #connections: Connections;
  readonly #handshakes: Handshakes | undefined;
  readonly #socketMode: number;
  readonly #health: () => HealthStatus;
  readonly #mostSessions: number;
  readonly #worn: (sessions: number) => void;
  #sessions = 0;
  #listener: Listener | undefined;
  #sockets = 0;
  /** Those that were let in and have not spoken HTTP/2 yet, in that order, by peer. */
  readonly #silent = new Map<string, Socket>();
  #unnamed = 0;

  constructor(
    { requestBytes, screen, serve }: Serving,
    protection: Protection,
  ) {
    const { cut = () => {}, refused = () => {}, socketMode = 0o600, tls } = protection;
    this.#socketMode = socketMode;
    this.#health = protection.health ?? (() => "NOT_SERVING");
    this.#mostSessions = protection.mostSessions ?? MOST_SESSIONS;
    this.#worn = protection.worn ?? (() => {});
    const callLimiter = this.#callLimiter;
    this.#connections = new Connections({
      callLimiter,
      requestBytes,
      screen,
      serve,
      cut,
    });
    this.#handshakes = tls === undefined
      ? undefined
      : new Handshakes(tls, (socket) => this.#hear(socket, enterAtOnce), refused);
  }

  /** Begins to listen. */
  async open(address: ListenAddress): Promise<Checked<ListenAddress, ListenFault>> {
    const opened = await listen(
      address,
      this.#socketMode,
      (socket) => this.#meet(socket),
    );
    if (!opened.ok) return opened;
    this.#listener = opened.value;
    return pass(opened.value.address);
  }

  /** Whether anybody is connected. */
  get visited(): boolean {
    return this.#sockets > 0;
  }

  /** TLS connections that come from now on use this. */
  renew(material: TlsMaterial): void {
    this.#handshakes?.renew(material);
  }

  /** Looks after a session from its beginning on. */
  noteSession(session: ServerHttp2Session): void {
    this.#connections.noteSession(session);
  }

  /** What is to be told how long each answer to the call is that grpc-js begins with. */
  get opening(): ((bytes: number) => void) | undefined {
    return this.#connections.opening;
  }

  /** Takes no more connections, and resolves when no call is on its way on any. */
  async close(): Promise<void> {
    this.#listener?.close();
    this.#acceptLimiter.disable();
    this.#callLimiter.disable();
    const last = this.#handshakes === undefined ? LAST_WORDS_MS : LAST_HANDSHAKES_MS;
    await this.#connections.bidFarewell(this.#silent.size > 0 ? last : 0);
    for (const socket of this.#silent.values()) socket.destroy();
  }

  /** Resolves when no connection is left. */
  emptied(): Promise<void> {
    return this.#connections.ended();
  }

  /** Looks after none of them any more. */
  abandon(): void {
    this.#connections.abandon();
  }

  #meet(socket: Socket): void {
    // Whatever ends it, the end is what counts; unheard, it would end the process.
    socket.on("error", ignore);
    if (!this.#hasRoom()) {
      socket.destroy();
      return;
    }
    this.#sockets += 1;
    socket.once("close", () => {
      this.#sockets -= 1;
      forgetUnread(socket);
    });
    const handshakes = this.#handshakes;
    if (handshakes === undefined) return this.#hear(socket, this.#queue);
    // A handshake takes the time of many calls, so turns come before it.
    if (this.#acceptLimiter.isFull) return void socket.destroy();
    this.#queue(() => {
      // Without an address it could not be known again in what TLS makes of it.
      if (socket.remoteAddress !== undefined) this.#expect(socket);
      handshakes.begin(socket);
    });
  }

  /** Who says nothing has to make room: it could keep everybody out. */
  #hasRoom(): boolean {
    if (this.#sockets < MOST_SOCKETS) return true;
    const [longest] = this.#silent;
    if (longest === undefined) return false;
    const [peer, socket] = longest;
    this.#silent.delete(peer);
    socket.destroy();
    return true;
  }

  #expect(socket: Socket): void {
    if (socket.destroyed) return;
    const peer = peerOf(socket);
    this.#silent.set(peer, socket);
    socket.once("close", () => {
      if (this.#silent.get(peer) === socket) this.#silent.delete(peer);
    });
  }

  /** Calls back when it is the connection's turn; returns what gives it up. */
  readonly #queue = (enter: () => void): () => void => {
    const isLate = this.#sessions >= this.#mostSessions;
    return this.#acceptLimiter.enqueue(isLate ? LATE_COST : 1, enter);
  };

  #hear(socket: Socket, queue: (enter: () => void) => () => void): void {
    this.#name(socket);
    this.#expect(socket);
    const serve = (heard: Uint8Array): void => {
      this.#connections.take(socket, peerOf(socket), heard);
      this.#sessions += 1;
      if (this.#sessions === this.#mostSessions) this.#worn(this.#sessions);
    };
    awaitPreface(socket, {
      queue: (enter) => {
        this.#silent.delete(peerOf(socket));
        if (!this.#acceptLimiter.isFull) return queue(enter);
        socket.destroy();
        return () => {};
      },
      serve,
    }, this.#health);
  }

  /** Through a Unix socket everybody comes without an address; a number tells them apart. */
  #name(socket: Socket): void {
    if (socket.remoteAddress !== undefined || this.#listener === undefined) return;
    const where = formatListenAddress(this.#listener.address);
    Object.defineProperty(socket, "remoteAddress", {
      value: `${where}#${++this.#unnamed}`,
    });
  }
}

/** Has had its turn. */
function enterAtOnce(enter: () => void): () => void {
  enter();
  return () => {};
}

/** Up to 64 KiB, which Deno 2.9.3 would keep with the socket, and that with its session. */
function forgetUnread(socket: Socket): void {
  if (socket.readableLength > 0) socket.read();
}

function ignore(): void {}
