import { HeaderListSizes } from "./header_list_size.ts";
import { type FrameHead, FrameReader, FRAMES } from "./frame_reader.ts";

/** Why a connection is closed for what came on it. */
export type FrameFault =
  | "frames without calls"
  | "bytes without calls"
  | "long headers";

/** Frames that a connection may send before its first call, and whatever it calls. */
const FIRST_FRAMES = 256;
const MOST_FRAMES = 1_024;
/** A call has a frame of headers and one or two of data; a library may ping at each. */
const FRAMES_PER_CALL = 9;
const FRAMES_PER_MS = 0.05;
/** A client that takes an answer says how much more it can take, and may ping. */
const FRAMES_PER_ANSWER = 4;
const ANSWER_BYTES_PER_FRAME = 2_048;

/** The same for bytes: a client may begin to send a request that is too long. */
const FIRST_BYTES = 256 * 1024;
const BYTES_PER_MS = 64;
/** In addition to the longest request that is allowed. */
const BYTES_PER_CALL = 96 * 1024;

/** No decoder is to make more of the headers of one call. RFC 9113, 10.5.1 */
const MOST_HEADER_LIST_BYTES = 64 * 1024;

/** What frames cost that do nothing for a call: each of them makes the server work. */
const COSTS: ReadonlyMap<number, number> = new Map([
  // Settings are read, told and acknowledged.
  [FRAMES.settings, 4],
  // A call that is taken back was begun all the same.
  [FRAMES.resetStream, 2],
]);
/** Frames of data as large as this are counted by their bytes. */
const LARGE_DATA = 1_024;
/**
 * Only reflection is asked several questions on one stream: grpcurl asks 6, and each is
 * decoded at once, which takes as long as some frames.
 */
const FREE_MESSAGES = 8;
const FRAMES_PER_MESSAGE = 4;

/** Told what a client sends that is in order. */
export interface FrameBudgetListener {
  /**
   * A message of a request begins.
   *
   * @param bytes how long it is said to be, at most what is allowed
   * @param number 1 for the first one of the request
   */
  message(bytes: number, number: number): void;
  /**
   * Whether a call begins now; otherwise it is asked again with the next reading.
   *
   * @param octets from its first frame on, all that has come
   */
  mayBegin(octets: Uint8Array): boolean;
  /** What may be sent on a stream, or with 0 on all together, has grown by so much. */
  window(stream: number, bytes: number): void;
  /** What may be sent on each stream before it grows. */
  initialWindow(bytes: number): void;
}

/**
 * What one client may send besides calls. It earns frames and bytes with each call and as
 * time goes by, so that a library with habits of its own never meets the limit, while a
 * flood of pings, settings, window updates, or of headers that are small on the wire and
 * large when they are decoded, does within a few hundred frames.
 */
export class FrameBudget {
  readonly #now: () => number;
  readonly #reader: FrameReader;
  readonly #headers = new HeaderListSizes();
  readonly #bytesPerCall: number;
  #frames = FIRST_FRAMES;
  #bytes = FIRST_BYTES;
  #earnedAt: number;
  #fault: FrameFault | undefined;

  /**
   * @param requestBytes the longest request that is allowed
   * @param now a clock in milliseconds
   */
  constructor(
    requestBytes: number,
    listener: FrameBudgetListener,
    now: () => number = () => performance.now(),
  ) {
    this.#now = now;
    this.#earnedAt = now();
    this.#bytesPerCall = requestBytes + BYTES_PER_CALL;
    this.#reader = new FrameReader({
      mayBegin: (octets) => {
        if (!listener.mayBegin(octets)) return false;
        this.#frames = this.#earned(FRAMES_PER_CALL);
        this.#bytes += this.#bytesPerCall;
        return true;
      },
      frame: (head) => this.#takeFrame(head),
      headers: (block) => this.#takeHeaders(block),
      data: ({ length }, messages) => {
        if (messages === 0 && length < LARGE_DATA) this.#spendFrames(1);
      },
      message: (bytes, number) => {
        if (number > FREE_MESSAGES) this.#spendFrames(FRAMES_PER_MESSAGE);
        listener.message(Math.min(bytes, requestBytes), number);
      },
      window: (stream, bytes) => listener.window(stream, bytes),
      initialWindow: (bytes) => listener.initialWindow(bytes),
    });
  }

  /** What has come of requests whose end has not. */
  get unfinishedBytes(): number {
    return this.#reader.unfinishedBytes;
  }

  /** Of what was read, what belongs to a block of headers that is not whole. */
  get blockOctets(): number {
    return this.#reader.blockOctets;
  }

  /** So much of an answer goes back. */
  answer(bytes: number): void {
    this.#frames += FRAMES_PER_ANSWER + bytes / ANSWER_BYTES_PER_FRAME;
  }

  /** The request on that stream has been answered. */
  forget(stream: number): void {
    this.#reader.forget(stream);
  }

  /** Why the client is to be cut off. */
  get fault(): FrameFault | undefined {
    return this.#fault;
  }

  /** So many bytes have come. */
  take(bytes: number): void {
    this.#earn();
    this.#bytes -= bytes;
    if (this.#bytes < 0) this.#stop("bytes without calls");
  }

  /**
   * Reads what has come, as far as calls may begin.
   *
   * @returns how many octets were read
   */
  read(octets: Uint8Array): number {
    return this.#reader.read(octets);
  }

  #earn(): void {
    const now = this.#now();
    const ms = now - this.#earnedAt;
    this.#earnedAt = now;
    this.#frames = this.#earned(ms * FRAMES_PER_MS);
    const most = 2 * this.#bytesPerCall + FIRST_BYTES;
    this.#bytes = Math.min(this.#bytes + ms * BYTES_PER_MS, most);
  }

  /** What a large answer has earned is kept until it is spent. */
  #earned(frames: number): number {
    return Math.max(this.#frames, Math.min(this.#frames + frames, MOST_FRAMES));
  }

  #takeFrame({ type }: FrameHead): void {
    this.#spendFrames(COSTS.get(type) ?? 1);
  }

  #stop(fault: FrameFault): void {
    this.#fault ??= fault;
    this.#reader.stop();
  }

  #spendFrames(count: number): void {
    this.#frames -= count;
    if (this.#frames < 0) this.#stop("frames without calls");
  }

  #takeHeaders(block: Uint8Array | undefined): void {
    // A block that cannot be decoded ends the connection by RFC 9113, 4.3, as well.
    const size = block === undefined ? Infinity : this.#headers.sizeOf(block);
    if (size > MOST_HEADER_LIST_BYTES) this.#stop("long headers");
  }
}
