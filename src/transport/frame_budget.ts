import { HeaderListSizer } from "./header_list_size.ts";
import { FRAME_TYPES, FrameReader } from "./frame_reader.ts";

/** Why a client has exceeded its budget. */
export type FrameFault =
  | "frames without calls"
  | "bytes without calls"
  | "long headers";

/** Frames that a connection may send before its first call, and that it may save. */
const INITIAL_FRAMES = 256;
const MAX_FRAMES = 1_024;
/** A call has a HEADERS frame and one or two of DATA; a library may ping at each. */
const FRAMES_PER_CALL = 9;
const FRAMES_PER_MS = 0.05;
/** A client that receives an answer sends WINDOW_UPDATE, and may ping. */
const FRAMES_PER_ANSWER = 4;
const ANSWER_BYTES_PER_FRAME = 2_048;

/** The same for bytes, because a client may begin to send a request that is too long. */
const INITIAL_BYTES = 256 * 1024;
const BYTES_PER_MS = 64;
/** In addition to the longest request. */
const BYTES_PER_CALL = 96 * 1024;

/** The largest header list that is handed to a decoder: RFC 9113, 10.5.1 */
const MAX_HEADER_LIST_BYTES = 64 * 1024;

/** Frames that cost the server more work than others. */
const COSTS: ReadonlyMap<number, number> = new Map([
  // SETTINGS are parsed, emitted and acknowledged.
  [FRAME_TYPES.settings, 4],
  // A call that is reset was begun all the same.
  [FRAME_TYPES.resetStream, 2],
]);
/** DATA frames of this size are limited by their bytes alone. */
const LARGE_DATA = 1_024;
/**
 * Only reflection receives several messages on one stream: grpcurl sends 6. Each is decoded
 * at once, which takes as long as some frames.
 */
const FREE_MESSAGES = 8;
const FRAMES_PER_MESSAGE = 4;

/** Receives the data that a client sends within its budget. */
export interface FrameBudgetListener {
  /**
   * A message of a request begins.
   *
   * @param bytes its length as its prefix says, at most that of the longest request
   * @param number 1 for the first message of the request
   */
  onMessage(bytes: number, number: number): void;
  /**
   * Whether a new call may begin now; if not, the next reading asks again.
   *
   * @param octets everything received from the call's first frame on
   */
  mayBeginCall(octets: Uint8Array): boolean;
  /** WINDOW_UPDATE of a stream, or with 0 of the connection. */
  onWindowUpdate(stream: number, bytes: number): void;
  /** SETTINGS_INITIAL_WINDOW_SIZE */
  onInitialWindowSize(bytes: number): void;
}

/**
 * Limits what one client sends besides calls: two token buckets, of frames and of bytes, that
 * are filled by each call, by each answer, and with time. No gRPC library exceeds them,
 * whatever its habits. A flood of PING, SETTINGS or WINDOW_UPDATE does within a few hundred
 * frames. A header block that is small on the wire and large when decoded does at once.
 */
export class FrameBudget {
  readonly #now: () => number;
  readonly #reader: FrameReader;
  readonly #headerLists = new HeaderListSizer();
  readonly #bytesPerCall: number;
  #frames = INITIAL_FRAMES;
  #bytes = INITIAL_BYTES;
  #filledAt: number;
  #fault: FrameFault | undefined;

  /**
   * @param maxRequestBytes the longest request
   * @param now a clock in milliseconds
   */
  constructor(
    maxRequestBytes: number,
    listener: FrameBudgetListener,
    now: () => number = () => performance.now(),
  ) {
    this.#now = now;
    this.#filledAt = now();
    this.#bytesPerCall = maxRequestBytes + BYTES_PER_CALL;
    this.#reader = new FrameReader({
      mayBeginCall: (octets) => {
        if (!listener.mayBeginCall(octets)) return false;
        this.#frames = this.#addFrames(FRAMES_PER_CALL);
        this.#bytes += this.#bytesPerCall;
        return true;
      },
      onFrame: ({ type }) => this.#spendFrames(COSTS.get(type) ?? 1),
      onHeaderBlock: (block) => this.#checkHeaderList(block),
      onData: ({ length }, messages) => {
        if (messages === 0 && length < LARGE_DATA) this.#spendFrames(1);
      },
      onMessage: (bytes, number) => {
        if (number > FREE_MESSAGES) this.#spendFrames(FRAMES_PER_MESSAGE);
        listener.onMessage(Math.min(bytes, maxRequestBytes), number);
      },
      onWindowUpdate: (stream, bytes) => listener.onWindowUpdate(stream, bytes),
      onInitialWindowSize: (bytes) => listener.onInitialWindowSize(bytes),
    });
  }

  /** Octets of data of requests whose end was not received. */
  get unfinishedBytes(): number {
    return this.#reader.unfinishedBytes;
  }

  /** Octets that were read of a header block that is not complete. */
  get blockOctets(): number {
    return this.#reader.blockOctets;
  }

  /** An answer was sent, which the client may acknowledge. */
  onAnswer(bytes: number): void {
    this.#frames += FRAMES_PER_ANSWER + bytes / ANSWER_BYTES_PER_FRAME;
  }

  /** The request on this stream was answered. */
  forget(stream: number): void {
    this.#reader.forget(stream);
  }

  /** Why the client must be disconnected; undefined if it is within its budget. */
  get fault(): FrameFault | undefined {
    return this.#fault;
  }

  /** So many bytes were received. */
  receive(bytes: number): void {
    this.#fill();
    this.#bytes -= bytes;
    if (this.#bytes < 0) this.#stop("bytes without calls");
  }

  /**
   * Reads the frames of what was received, as far as calls may begin.
   *
   * @returns how many octets were read
   */
  read(octets: Uint8Array): number {
    return this.#reader.read(octets);
  }

  #fill(): void {
    const now = this.#now();
    const ms = now - this.#filledAt;
    this.#filledAt = now;
    this.#frames = this.#addFrames(ms * FRAMES_PER_MS);
    const most = 2 * this.#bytesPerCall + INITIAL_BYTES;
    this.#bytes = Math.min(this.#bytes + ms * BYTES_PER_MS, most);
  }

  /** Frames beyond the maximum, which a large answer has added, stay until they are spent. */
  #addFrames(frames: number): number {
    return Math.max(this.#frames, Math.min(this.#frames + frames, MAX_FRAMES));
  }

  #stop(fault: FrameFault): void {
    this.#fault ??= fault;
    this.#reader.stop();
  }

  #spendFrames(count: number): void {
    this.#frames -= count;
    if (this.#frames < 0) this.#stop("frames without calls");
  }

  #checkHeaderList(block: Uint8Array | undefined): void {
    // RFC 9113, 4.3: an invalid block closes the connection as well.
    const size = block === undefined ? Infinity : this.#headerLists.sizeOf(block);
    if (size > MAX_HEADER_LIST_BYTES) this.#stop("long headers");
  }
}
