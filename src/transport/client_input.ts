import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import process from "node:process";
import type { Admission } from "./call_limiter.ts";
import type { FrameBudget, FrameFault } from "./frame_budget.ts";

/** Calls of a client that begin in one turn of the event loop if nothing is limited. */
const CALLS_PER_TURN = 32;

/** The connection preface, RFC 9113, 3.4 */
const PREFACE_BYTES = 24;

/** Receives what {@linkcode ClientInput} lets pass. */
export interface InputListener {
  /**
   * Whether a new call may begin now. If it is queued, `proceed` must be called at its turn.
   *
   * @param octets everything received from the call's first frame on
   */
  admitCall(octets: Uint8Array): Admission;
  /** Runs what hands octets to the session; errors that follow are this connection's. */
  deliver(deliver: () => void): void;
  /** The client has exceeded its budget, and nothing more of it is read. */
  onFault(fault: FrameFault): void;
}

/**
 * Filters what a client sends, between its socket and its HTTP/2 session. On Deno 2.9.3 the
 * session is an ordinary listener of the socket's `data` events; this class takes its place
 * and hands on only what may be decoded now: whole header blocks of calls that may begin.
 */
export class ClientInput {
  readonly #socket: Socket;
  readonly #budget: FrameBudget;
  readonly #listener: InputListener;
  /** Hands octets to the session. */
  readonly #deliver: (octets: Uint8Array) => void;
  /** Octets that were received and not delivered. */
  #pending: Uint8Array;
  /** Octets at the beginning of those that the budget has read. */
  #readOctets = 0;
  #state: "reading" | "queued" | "yielding" | "ended" = "reading";
  #callsLeft = CALLS_PER_TURN;
  #hasPreface = false;
  /** The queued call has got its turn. */
  #isAdmitted = false;

  /**
   * @param socket a paused socket without listeners of `data`
   * @param serve begins the session, which then listens to the socket
   * @param budget must ask {@linkcode mayBeginCall} before each call
   * @throws {TypeError} if the session listens in another way
   */
  constructor(
    socket: Socket,
    serve: () => void,
    budget: FrameBudget,
    listener: InputListener,
  ) {
    const { read } = socket;
    // The session reads what is buffered in the next tick, past its listener.
    socket.read = () => null;
    serve();
    const [listen, ...others] = socket.listeners("data");
    if (listen === undefined || others.length > 0) {
      throw new TypeError("This Deno does not read HTTP/2 from a socket as 2.9.3 does");
    }
    process.nextTick(() => {
      socket.read = read;
      this.#readBuffered();
    });
    this.#socket = socket;
    this.#budget = budget;
    this.#listener = listener;
    this.#pending = new Uint8Array();
    this.#deliver = (octets) =>
      listener.deliver(() => Reflect.apply(listen, socket, [octets]));
    socket.removeAllListeners("data");
    const receive = (chunk: Uint8Array): void => this.receive(chunk);
    socket.on("data", receive);
    // Deno 2.9.3 never frees a session and its socket, so it must not refer to this.
    socket.once("close", () => socket.off("data", receive));
  }

  /** Octets that were received and not delivered to the session. */
  get pendingOctets(): number {
    return this.#pending.length;
  }

  /** Receives a chunk; the first one contains the whole connection preface. */
  receive(chunk: Uint8Array): void {
    if (this.#state === "ended") return;
    if (!this.#hasPreface) {
      this.#hasPreface = true;
      this.#deliver(chunk.subarray(0, PREFACE_BYTES));
      return this.receive(chunk.subarray(PREFACE_BYTES));
    }
    this.#budget.receive(chunk.length);
    this.#pending = this.#pending.length === 0
      ? chunk
      : Buffer.concat([this.#pending, chunk]);
    // A paused socket may still emit what it has read already.
    if (this.#state === "reading") this.#read();
  }

  /** Asked by the budget: whether a new call may begin now. */
  mayBeginCall(octets: Uint8Array): boolean {
    if (this.#callsLeft === 0) {
      this.#state = "yielding";
      return false;
    }
    const admission = this.#isAdmitted ? "admitted" : this.#listener.admitCall(octets);
    this.#isAdmitted = false;
    if (admission === "queued") {
      this.#state = "queued";
      return false;
    }
    // What a call costs is known when it has begun, so the next one waits for that.
    this.#callsLeft = admission === "unlimited" ? this.#callsLeft - 1 : 0;
    return true;
  }

  /** Begins the queued call, whose turn it is. */
  proceed(): void {
    if (this.#state !== "queued") return;
    this.#isAdmitted = true;
    this.#resume();
  }

  /** Reads nothing more. */
  end(): void {
    this.#state = "ended";
    this.#pending = new Uint8Array();
    this.#socket.pause();
  }

  #readBuffered(): void {
    // Each chunk is emitted as "data". The socket flows by itself only when none is left.
    while (this.#state === "reading" && this.#socket.read() !== null);
  }

  #resume(): void {
    this.#state = "reading";
    this.#read();
    if (this.#state === "reading") this.#socket.resume();
  }

  #read(): void {
    this.#callsLeft = CALLS_PER_TURN;
    this.#readOctets += this.#budget.read(this.#pending.subarray(this.#readOctets));
    const { blockOctets, fault } = this.#budget;
    if (fault !== undefined) return this.#listener.onFault(fault);
    const end = this.#readOctets - blockOctets;
    const octets = this.#pending.subarray(0, end);
    this.#pending = this.#pending.subarray(end);
    this.#readOctets = blockOctets;
    if (this.#state !== "reading") this.#socket.pause();
    if (this.#state === "yielding") setImmediate(() => this.#resumeAfterYield());
    if (octets.length > 0) this.#deliver(octets);
  }

  #resumeAfterYield(): void {
    if (this.#state === "yielding") this.#resume();
  }
}
