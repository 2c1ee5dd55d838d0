import type { ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { RefusalReason } from "../observability/instruments.ts";
import { ok, type Result } from "../shared/result.ts";
import { CallLimiter } from "./call_limiter.ts";
import {
  Connections,
  type ConnectionsOptions,
  type DisconnectReason,
  peerOf,
} from "./connections.ts";
import { formatListenAddress, type ListenAddress } from "./listen_address.ts";
import type { ListenError } from "./listen_error.ts";
import { listen, type Listener } from "./listener.ts";
import type { PageSource } from "./pages.ts";
import { sniffProtocol } from "./protocol_sniffer.ts";
import { AcceptLimiter } from "./rate_limit.ts";
import { TlsAcceptor } from "./tls/acceptor.ts";
import type { TlsMaterial } from "./tls/files.ts";
import type { HandshakeError } from "./tls/handshake_error.ts";

/** How connections are accepted, and where refused ones are reported. */
export interface ConnectionGateOptions {
  /** Permission bits of a Unix socket, as in chmod(2). @default {0o600} */
  readonly socketMode?: number;
  /** Undefined: no TLS. */
  readonly tls?: TlsMaterial | undefined;
  /** Called when a TLS handshake failed. */
  readonly onHandshakeError?: (error: HandshakeError) => void;
  /** HTTP/2 sessions until new ones are accepted at a lower rate. @default {6000} */
  readonly maxSessions?: number;
  /** Called once, when there were as many. */
  readonly onSessionLimit?: (sessions: number) => void;
  /** Called when a client was disconnected. */
  readonly onDisconnect?: (peer: string, reason: DisconnectReason) => void;
  /** Called with the reason of each connection that was closed, whatever it is. */
  readonly onRefused?: (reason: RefusalReason) => void;
}

/** At a shutdown, what clients have sent is read by then, and handshakes are over. */
const PENDING_READ_MS = 20;
const PENDING_HANDSHAKE_MS = 100;
/**
 * Open sockets of all kinds. A process often has 1024 file descriptors. Without a free one
 * Deno 2.9.3 never accepts a connection again, and reports no error.
 */
const MAX_SOCKETS = 768;
/**
 * Deno 2.9.3 keeps 24 to 34 KB of each session as long as the process lives: these are 200
 * MB, for which the unit's MemoryMax has room.
 */
const MAX_SESSIONS = 6_000;
/** Beyond that, the rate of new connections is 25 a second instead of 125. */
const COST_BEYOND_MAX_SESSIONS = 5;
/** While calls are queued, it is half as high. */
const COST_BESIDE_CALLS = 2;

/** How an accepted connection is served. */
export type ConnectionHandler =
  & Pick<ConnectionsOptions, "maxRequestBytes" | "screen">
  & {
    /** The answers to GET. */
    readonly pages: PageSource;
    /** Begins HTTP/2 on a connection. */
    readonly serve: (connection: Duplex) => void;
  };

/**
 * The only way into the server. Each connection passes the limits of sockets and of new
 * connections, TLS, and the protocol sniffer before an HTTP/2 session begins on it.
 */
export class ConnectionGate {
  readonly #callLimiter = new CallLimiter();
  readonly #acceptLimiter = new AcceptLimiter();
  readonly #connections: Connections;
  readonly #tlsAcceptor: TlsAcceptor | undefined;
  readonly #socketMode: number;
  readonly #pages: PageSource;
  readonly #maxSessions: number;
  readonly #onSessionLimit: (sessions: number) => void;
  readonly #onRefused: (reason: RefusalReason) => void;
  #sessions = 0;
  #listener: Listener | undefined;
  #sockets = 0;
  /** Sockets whose client has not sent its preface, the oldest first, by peer. */
  readonly #silent = new Map<string, Socket>();
  #unixClients = 0;

  constructor(
    { maxRequestBytes, pages, screen, serve }: ConnectionHandler,
    options: ConnectionGateOptions,
  ) {
    const { onDisconnect = () => {}, onHandshakeError = () => {}, tls } = options;
    const { onRefused = () => {} } = options;
    this.#onRefused = onRefused;
    this.#socketMode = options.socketMode ?? 0o600;
    this.#pages = pages;
    this.#maxSessions = options.maxSessions ?? MAX_SESSIONS;
    this.#onSessionLimit = options.onSessionLimit ?? (() => {});
    this.#connections = new Connections({
      callLimiter: this.#callLimiter,
      maxRequestBytes,
      screen,
      serve,
      onDisconnect,
      onRefused,
    });
    this.#tlsAcceptor = tls === undefined ? undefined : new TlsAcceptor(
      tls,
      (socket) => this.#awaitProtocol(socket, acceptAtOnce),
      (error) => {
        // A client that hung up was refused nothing.
        if (error.kind !== "closed") onRefused("handshake");
        onHandshakeError(error);
      },
    );
  }

  /** Begins to listen. */
  async open(address: ListenAddress): Promise<Result<ListenAddress, ListenError>> {
    const opened = await listen(
      address,
      this.#socketMode,
      (socket) => this.#accept(socket),
    );
    if (!opened.ok) return opened;
    this.#listener = opened.value;
    return ok(opened.value.address);
  }

  /** The number of connected clients, with those that have sent nothing yet. */
  get connections(): number {
    return this.#sockets;
  }

  /** Uses this material for new TLS connections. */
  reloadTls(material: TlsMaterial): void {
    this.#tlsAcceptor?.reload(material);
  }

  /** Called with each session when it is emitted. */
  onSession(session: ServerHttp2Session): void {
    this.#connections.onSession(session);
  }

  /** Accepts no more connections, and resolves when no new call can be on its way. */
  async shutDown(): Promise<void> {
    this.#listener?.close();
    this.#acceptLimiter.disable();
    this.#callLimiter.disable();
    const pendingMs = this.#tlsAcceptor === undefined
      ? PENDING_READ_MS
      : PENDING_HANDSHAKE_MS;
    await this.#connections.shutDown(this.#silent.size > 0 ? pendingMs : 0);
    for (const socket of this.#silent.values()) socket.destroy();
  }

  /** Resolves when no connection is left. */
  emptied(): Promise<void> {
    return this.#connections.emptied();
  }

  /** Clears all timers of connections. */
  abandon(): void {
    this.#connections.abandon();
  }

  #accept(socket: Socket): void {
    // "close" follows each error. Without a listener an error would end the process.
    socket.on("error", ignore);
    if (!this.#hasRoom()) return this.#refuse(socket, "full");
    this.#sockets += 1;
    socket.once("close", () => {
      this.#sockets -= 1;
      discardUnread(socket);
    });
    const tlsAcceptor = this.#tlsAcceptor;
    if (tlsAcceptor === undefined) return this.#awaitProtocol(socket, this.#enqueue);
    // A handshake takes the time of many calls, so the limit comes before it.
    if (this.#acceptLimiter.isFull) return this.#refuse(socket, "rate");
    this.#enqueue(() => {
      // The socket that TLS makes of it can be recognized by its remote address alone.
      if (socket.remoteAddress !== undefined) this.#addSilent(socket);
      tlsAcceptor.accept(socket);
    });
  }

  /** Evicts the oldest silent client, if need be; silent clients could fill the server. */
  #hasRoom(): boolean {
    if (this.#sockets < MAX_SOCKETS) return true;
    const [oldest] = this.#silent;
    if (oldest === undefined) return false;
    const [peer, socket] = oldest;
    this.#silent.delete(peer);
    this.#refuse(socket, "silent");
    return true;
  }

  #refuse(socket: Socket, reason: RefusalReason): void {
    this.#onRefused(reason);
    socket.destroy();
  }

  #addSilent(socket: Socket): void {
    if (socket.destroyed) return;
    const peer = peerOf(socket);
    this.#silent.set(peer, socket);
    socket.once("close", () => {
      if (this.#silent.get(peer) === socket) this.#silent.delete(peer);
    });
  }

  readonly #enqueue = (accept: () => void): () => void =>
    this.#acceptLimiter.enqueue(this.#acceptCost(), accept);

  #acceptCost(): number {
    if (this.#sessions >= this.#maxSessions) return COST_BEYOND_MAX_SESSIONS;
    return this.#callLimiter.hasQueue ? COST_BESIDE_CALLS : 1;
  }

  #awaitProtocol(
    socket: Socket,
    enqueue: (accept: () => void) => () => void,
  ): void {
    this.#nameUnixClient(socket);
    this.#addSilent(socket);
    const enqueueIfRoom = (accept: () => void): () => void => {
      if (!this.#acceptLimiter.isFull) return enqueue(accept);
      this.#refuse(socket, "rate");
      return () => {};
    };
    sniffProtocol(socket, {
      enqueue: (accept) => {
        this.#silent.delete(peerOf(socket));
        return enqueueIfRoom(accept);
      },
      // It may still be evicted: clients that take no page could fill the server as well.
      enqueuePage: enqueueIfRoom,
      refuse: (reason) => this.#refuse(socket, reason),
      serve: (received) => this.#serve(socket, received),
    }, this.#pages);
  }

  #serve(socket: Socket, received: Uint8Array): void {
    this.#connections.add(socket, peerOf(socket), received);
    this.#sessions += 1;
    if (this.#sessions === this.#maxSessions) this.#onSessionLimit(this.#sessions);
  }

  /** Clients of a Unix socket have no address, so each has a number. */
  #nameUnixClient(socket: Socket): void {
    if (socket.remoteAddress !== undefined || this.#listener === undefined) return;
    const path = formatListenAddress(this.#listener.address);
    Object.defineProperty(socket, "remoteAddress", {
      value: `${path}#${++this.#unixClients}`,
    });
  }
}

/** The connection has passed the accept limiter already. */
function acceptAtOnce(accept: () => void): () => void {
  accept();
  return () => {};
}

/** Up to 64 KiB, which Deno 2.9.3 would keep with the socket and its session. */
function discardUnread(socket: Socket): void {
  if (socket.readableLength > 0) socket.read();
}

function ignore(): void {}
