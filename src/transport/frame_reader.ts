/** The frame types that are interpreted here: RFC 9113, 6. */
export const FRAME_TYPES = {
  data: 0,
  headers: 1,
  resetStream: 3,
  settings: 4,
  windowUpdate: 8,
  continuation: 9,
} as const;

/** Their flags. */
const ACK = 0x1;
const END_STREAM = 0x1;
const END_HEADERS = 0x4;
const PADDED = 0x8;
const PRIORITY = 0x20;

/** RFC 9113, 4.1 */
const HEADER_BYTES = 9;
/** SETTINGS_MAX_FRAME_SIZE by default; nghttp2 closes a connection that exceeds it. */
const MAX_FRAME_BYTES = 16_384;
/** The longest header block, over all its frames. */
const MAX_BLOCK_BYTES = 64 * 1024;
/** One byte for compression, four of length: gRPC, PROTOCOL-HTTP2.md. */
const PREFIX_BYTES = 5;
/** Requests that are tracked; a client that keeps to our settings has 32. */
const MAX_REQUESTS = 128;
/** SETTINGS_INITIAL_WINDOW_SIZE, RFC 9113, 6.5.2 */
const INITIAL_WINDOW_SIZE = 0x4;

/** The header of a frame, its first 9 octets. */
export interface FrameHeader {
  /** Octets of the payload. */
  readonly length: number;
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
}

/** Receives what {@linkcode FrameReader} reads. */
export interface FrameListener {
  /**
   * Whether a new call may begin now. It is asked before anything of the call is read.
   *
   * @param octets everything received from the call's first frame on
   */
  mayBeginCall(octets: Uint8Array): boolean;
  /** Each frame except DATA, when its header was read. */
  onFrame(header: FrameHeader): void;
  /** A DATA frame, when it is complete, and how many messages began in it. */
  onData(header: FrameHeader, messages: number): void;
  /** A complete header block; undefined if it is too long. */
  onHeaderBlock(block: Uint8Array | undefined): void;
  /**
   * A message of a request, when its prefix is complete.
   *
   * @param bytes its length as the prefix says
   * @param number 1 for the first message of the request
   */
  onMessage(bytes: number, number: number): void;
  /** WINDOW_UPDATE of a stream, or with 0 of the connection. */
  onWindowUpdate(stream: number, increment: number): void;
  /** SETTINGS_INITIAL_WINDOW_SIZE */
  onInitialWindowSize(bytes: number): void;
}

/** A request whose end was not received: where its current message stands. */
interface Request {
  /** Octets of the prefix that were received. */
  prefixBytes: number;
  /** The length in the prefix, as far as it was received. */
  length: number;
  /** Octets of the message that are not received yet. */
  left: number;
  /** Messages that have begun. */
  messages: number;
  /** Octets of data that were received. */
  bytes: number;
}

/**
 * Parses the HTTP/2 frames of one client, in whatever chunks they are received, before the
 * HTTP/2 session gets them. It buffers at most one header block.
 */
export class FrameReader {
  readonly #listener: FrameListener;
  /** One object for all frames, so a flood of small frames makes no garbage. */
  readonly #frame = { length: 0, type: 0, flags: 0, stream: 0 };
  /** Octets of the frame that are not read yet. */
  #left = 0;
  /** Octets of padding at the end of the frame. */
  #padding = 0;
  /** Messages that began in the DATA frame. */
  #messagesBegun = 0;
  /** The payload read so far of a frame that is interpreted as a whole. */
  #parts: Uint8Array[] = [];
  /** Fragments of a header block that is not complete. */
  #fragments: Uint8Array[] = [];
  #blockBytes = 0;
  /** A header block is not complete. */
  #isInBlock = false;
  #blockStream = 0;
  #blockOctets = 0;
  readonly #requests = new Map<number, Request>();
  #unfinishedBytes = 0;
  #stopped = false;
  /** The highest stream that a client has opened. */
  #highestStream = 0;

  constructor(listener: FrameListener) {
    this.#listener = listener;
  }

  /** Octets of data of requests whose end was not received. */
  get unfinishedBytes(): number {
    return this.#unfinishedBytes;
  }

  /** Tracks a request no more, because it was answered. */
  forget(stream: number): void {
    const request = this.#requests.get(stream);
    if (request === undefined) return;
    this.#requests.delete(stream);
    this.#unfinishedBytes -= request.bytes;
  }

  /** Reads nothing more. */
  stop(): void {
    this.#stopped = true;
  }

  /**
   * Reads the next octets; the first ones follow the connection preface.
   *
   * @returns how many were read. An incomplete frame header is not read, nor anything from
   * a call on that may not begin now.
   */
  read(octets: Uint8Array): number {
    let at = 0;
    while (at < octets.length && !this.#stopped) {
      const read = this.#left > 0
        ? this.#readPayload(octets.subarray(at, at + this.#left))
        : this.#readFrame(octets.subarray(at));
      if (read === 0) break;
      at += read;
    }
    this.#copyBuffered();
    return at;
  }

  /**
   * The octets that were read since the beginning of a header block that is not complete. They
   * are not to be handed on: a decoder would keep them for ever if the end never came.
   */
  get blockOctets(): number {
    return this.#blockOctets;
  }

  #readPayload(payload: Uint8Array): number {
    if (this.#isInBlock) this.#blockOctets += payload.length;
    this.#receivePayload(payload);
    this.#left -= payload.length;
    if (this.#left === 0) this.#endFrame();
    return payload.length;
  }

  /** Returns 0 if the frame header is incomplete, or a call that may not begin now. */
  #readFrame(octets: Uint8Array): number {
    if (octets.length < HEADER_BYTES) return 0;
    this.#readHeader(octets, 0);
    if (this.#isNewCall() && !this.#listener.mayBeginCall(octets)) return 0;
    const { stream, type } = this.#frame;
    const isContinued = type === FRAME_TYPES.continuation &&
      stream === this.#blockStream;
    // RFC 9113, 6.10: the decoder closes the connection for this, so it must get the frame.
    if (this.#isInBlock && !isContinued) this.#endBlock();
    if (type === FRAME_TYPES.headers) {
      this.#isInBlock = true;
      this.#blockStream = stream;
    }
    if (this.#isInBlock) this.#blockOctets += HEADER_BYTES;
    this.#beginFrame();
    return HEADER_BYTES;
  }

  #endBlock(): void {
    this.#isInBlock = false;
    this.#fragments = [];
    this.#blockBytes = 0;
    this.#blockOctets = 0;
  }

  #readHeader(octets: Uint8Array, at: number): void {
    const frame = this.#frame;
    frame.length = uint32At(octets, at) >>> 8;
    frame.type = octets[at + 3] ?? 0;
    frame.flags = octets[at + 4] ?? 0;
    frame.stream = uint32At(octets, at + 5) & 0x7fff_ffff;
  }

  /** Trailers are sent on a stream that is open already. */
  #isNewCall(): boolean {
    return this.#frame.type === FRAME_TYPES.headers &&
      this.#frame.stream > this.#highestStream;
  }

  #beginFrame(): void {
    const { stream, type } = this.#frame;
    if (type === FRAME_TYPES.headers) {
      this.#highestStream = Math.max(this.#highestStream, stream);
    }
    this.#left = this.#frame.length;
    this.#padding = 0;
    this.#messagesBegun = 0;
    if (type !== FRAME_TYPES.data) this.#listener.onFrame(this.#frame);
    if (this.#left === 0) this.#endFrame();
  }

  /** Copies what stays buffered, or a few octets would retain the whole chunk. */
  #copyBuffered(): void {
    if (this.#parts.length > 0) this.#parts = [join(this.#parts).slice()];
    if (this.#fragments.length > 0) this.#fragments = [join(this.#fragments).slice()];
  }

  #receivePayload(payload: Uint8Array): void {
    switch (this.#frame.type) {
      case FRAME_TYPES.headers:
      case FRAME_TYPES.continuation:
        this.#blockBytes += payload.length;
        if (this.#blockBytes <= MAX_BLOCK_BYTES) this.#parts.push(payload);
        break;
      case FRAME_TYPES.settings:
      case FRAME_TYPES.windowUpdate:
        if (this.#frame.length <= MAX_FRAME_BYTES) this.#parts.push(payload);
        break;
      case FRAME_TYPES.data:
        this.#receiveData(payload);
        break;
    }
  }

  #endFrame(): void {
    const { flags, stream, type } = this.#frame;
    switch (type) {
      case FRAME_TYPES.headers:
        this.forget(stream);
        if ((flags & END_STREAM) === 0) this.#beginRequest(stream);
        this.#receiveFragment(withoutPadding(this.#payload(), flags));
        break;
      case FRAME_TYPES.continuation:
        this.#receiveFragment(this.#payload());
        break;
      case FRAME_TYPES.data:
        if ((flags & END_STREAM) !== 0) this.forget(stream);
        this.#listener.onData(this.#frame, this.#messagesBegun);
        break;
      case FRAME_TYPES.resetStream:
        this.forget(stream);
        break;
      case FRAME_TYPES.settings:
        if ((flags & ACK) === 0) this.#receiveSettings(this.#payload());
        break;
      case FRAME_TYPES.windowUpdate: {
        const increment = uint32At(this.#payload(), 0) & 0x7fff_ffff;
        this.#listener.onWindowUpdate(stream, increment);
        break;
      }
    }
  }

  #payload(): Uint8Array {
    const whole = join(this.#parts);
    this.#parts = [];
    return whole;
  }

  #receiveFragment(fragment: Uint8Array): void {
    this.#fragments.push(fragment);
    if ((this.#frame.flags & END_HEADERS) === 0) return;
    const isWhole = this.#blockBytes <= MAX_BLOCK_BYTES;
    const block = isWhole ? join(this.#fragments) : undefined;
    this.#endBlock();
    this.#listener.onHeaderBlock(block);
  }

  /** Six octets a setting, RFC 9113, 6.5.1 */
  #receiveSettings(payload: Uint8Array): void {
    for (let at = 0; at + 6 <= payload.length; at += 6) {
      const id = uint32At(payload, at) >>> 16;
      if (id === INITIAL_WINDOW_SIZE) {
        this.#listener.onInitialWindowSize(uint32At(payload, at + 2));
      }
    }
  }

  #beginRequest(stream: number): void {
    const message = { prefixBytes: 0, length: 0, left: 0 };
    this.#requests.set(stream, { ...message, messages: 0, bytes: 0 });
    const [oldest] = this.#requests.keys();
    if (this.#requests.size > MAX_REQUESTS && oldest !== undefined) {
      this.forget(oldest);
    }
  }

  #receiveData(payload: Uint8Array): void {
    const { flags, length, stream } = this.#frame;
    const isFirst = this.#left === length;
    const isPadded = (flags & PADDED) !== 0;
    if (isFirst && isPadded) this.#padding = payload[0] ?? 0;
    const request = this.#requests.get(stream);
    if (request === undefined) return;
    const begin = isFirst && isPadded ? 1 : 0;
    const end = Math.min(payload.length, this.#left - this.#padding);
    this.#receiveMessages(request, payload.subarray(begin, Math.max(begin, end)));
  }

  #receiveMessages(request: Request, data: Uint8Array): void {
    request.bytes += data.length;
    this.#unfinishedBytes += data.length;
    let at = 0;
    while (at < data.length) {
      if (request.left > 0) {
        const taken = Math.min(request.left, data.length - at);
        request.left -= taken;
        at += taken;
        continue;
      }
      const octet = data[at++] ?? 0;
      // The first octet of a prefix is the compressed flag.
      if (request.prefixBytes > 0) request.length = request.length * 256 + octet;
      request.prefixBytes += 1;
      if (request.prefixBytes < PREFIX_BYTES) continue;
      request.left = request.length;
      request.prefixBytes = 0;
      request.length = 0;
      request.messages += 1;
      this.#messagesBegun += 1;
      this.#listener.onMessage(request.left, request.messages);
    }
  }
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const whole = new Uint8Array(parts.reduce((size, { length }) => size + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** The fragment in a HEADERS frame: RFC 9113, 6.2. */
function withoutPadding(payload: Uint8Array, flags: number): Uint8Array {
  const isPadded = (flags & PADDED) !== 0;
  const begin = (isPadded ? 1 : 0) + ((flags & PRIORITY) === 0 ? 0 : 5);
  const end = payload.length - (isPadded ? payload[0] ?? 0 : 0);
  return payload.subarray(begin, Math.max(begin, end));
}

/** Reads 32 bits; missing octets are 0. */
function uint32At(octets: Uint8Array, at: number): number {
  const high = ((octets[at] ?? 0) << 8) | (octets[at + 1] ?? 0);
  const low = ((octets[at + 2] ?? 0) << 8) | (octets[at + 3] ?? 0);
  return high * 0x1_0000 + low;
}

/** Counts the HEADERS frames in octets that begin with a frame. */
export function countHeadersFrames(octets: Uint8Array): number {
  let count = 0;
  for (let at = 0; at + HEADER_BYTES <= octets.length;) {
    if (octets[at + 3] === FRAME_TYPES.headers) count += 1;
    at += HEADER_BYTES + (uint32At(octets, at) >>> 8);
  }
  return count;
}
