import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import process from "node:process";
import type { Admission } from "./call_limiter.ts";
import type { FrameBudget, FrameFault } from "./frame_budget.ts";

/** Calls of one client that begin in one turn of the event loop, as long as it is alone. */
const CALLS_A_TURN = 32;

/** The connection preface, RFC 9113, 3.4; whoever waited for it has it whole. */
const PREFACE_BYTES = 24;

/** What is done with what a client sends. */
export interface InputListener {
  /**
   * Whether a call begins now; if it waits, `proceed` is called when it is its turn.
   *
   * @param octets from its first frame on, all that has come
   */
  begin(octets: Uint8Array): Admission;
  /** Hands on what may be decoded; in what follows from that, errors are the client's. */
  receive(receive: () => void): void;
  /** The client is to be cut off: nothing more of it is read. */
  fault(fault: FrameFault): void;
}

/**
 * Stands between a socket and its HTTP/2 session, which on Deno 2.9.3 takes what comes as
 * any other listener of the socket does: what is not to be decoded, or not yet, does not
 * come as far as the session.
 */
export class ClientInput {
  readonly #socket: Socket;
  readonly #budget: FrameBudget;
  readonly #listener: InputListener;
  readonly #receive: (part: Uint8Array) => void;
  /** What has come and was not handed on. */
  #rest: Uint8Array;
  /** Octets at the beginning of that which were read. */
  #readOctets = 0;
  #stands: "open" | "waits for a turn" | "lets others go first" | "ended" = "open";
  #callsLeft = CALLS_A_TURN;
  #hasBegun = false;
  /** The next call has had its turn. */
  #proceeds = false;

  /**
   * @param socket one that is paused, and that nobody listens to
   * @param serve begins the session, which listens to the socket then
   * @param budget asks {@linkcode mayBegin} whether a call begins
   * @throws {TypeError} if the session listens in another way
   */
  constructor(
    socket: Socket,
    serve: () => void,
    budget: FrameBudget,
    listener: InputListener,
  ) {
    const { read } = socket;
    // In the next tick the session takes by itself what has come by then.
    socket.read = () => null;
    serve();
    const [receive, ...others] = socket.listeners("data");
    if (receive === undefined || others.length > 0) {
      throw new TypeError("This Deno does not read HTTP/2 from a socket as 2.9.3 does");
    }
    process.nextTick(() => {
      socket.read = read;
      this.#takeRest();
    });
    this.#socket = socket;
    this.#budget = budget;
    this.#listener = listener;
    this.#rest = new Uint8Array();
    this.#receive = (part) =>
      listener.receive(() => Reflect.apply(receive, socket, [part]));
    socket.removeAllListeners("data");
    const take = (part: Uint8Array): void => this.take(part);
    socket.on("data", take);
    // Deno 2.9.3 keeps a socket with its session for ever: this is not to stay with it.
    socket.once("close", () => socket.off("data", take));
  }

  /** Octets that have come and were not handed on. */
  get heldOctets(): number {
    return this.#rest.length;
  }

  /** Takes what has come; the first part has the whole of the connection preface. */
  take(part: Uint8Array): void {
    if (this.#stands === "ended") return;
    if (!this.#hasBegun) {
      this.#hasBegun = true;
      this.#receive(part.subarray(0, PREFACE_BYTES));
      return this.take(part.subarray(PREFACE_BYTES));
    }
    this.#budget.take(part.length);
    this.#rest = this.#rest.length === 0 ? part : Buffer.concat([this.#rest, part]);
    // A socket that is paused may hand on what it has read already.
    if (this.#stands === "open") this.#read();
  }

  /** Asked by the budget: whether a call begins now. */
  mayBegin(octets: Uint8Array): boolean {
    if (this.#callsLeft === 0) {
      this.#stands = "lets others go first";
      return false;
    }
    const admission = this.#proceeds ? "admitted" : this.#listener.begin(octets);
    this.#proceeds = false;
    if (admission === "queued") {
      this.#stands = "waits for a turn";
      return false;
    }
    // What a call costs is known when it has begun, and the next one waits for that.
    this.#callsLeft = admission === "unlimited" ? this.#callsLeft - 1 : 0;
    return true;
  }

  /** The call that waits has its turn. */
  proceed(): void {
    if (this.#stands !== "waits for a turn") return;
    this.#proceeds = true;
    this.#goOn();
  }

  /** Nothing more is read. */
  end(): void {
    this.#stands = "ended";
    this.#rest = new Uint8Array();
    this.#socket.pause();
  }

  #takeRest(): void {
    // Each part comes as data; the stream flows on by itself only when none is left.
    while (this.#stands === "open" && this.#socket.read() !== null);
  }

  #goOn(): void {
    this.#stands = "open";
    this.#callsLeft = CALLS_A_TURN;
    this.#read();
    if (this.#stands === "open") this.#socket.resume();
  }

  #read(): void {
    this.#callsLeft = CALLS_A_TURN;
    this.#readOctets += this.#budget.read(this.#rest.subarray(this.#readOctets));
    const { blockOctets, fault } = this.#budget;
    if (fault !== undefined) return this.#listener.fault(fault);
    const end = this.#readOctets - blockOctets;
    const part = this.#rest.subarray(0, end);
    this.#rest = this.#rest.subarray(end);
    this.#readOctets = blockOctets;
    if (this.#stands !== "open") this.#socket.pause();
    if (this.#stands === "lets others go first") setImmediate(() => this.#letGoOn());
    if (part.length > 0) this.#receive(part);
  }

  #letGoOn(): void {
    if (this.#stands === "lets others go first") this.#goOn();
  }
}
