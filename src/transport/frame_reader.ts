/** The types of HTTP/2's frames that mean something here: RFC 9113, 6. */
export const FRAMES = {
  data: 0,
  headers: 1,
  resetStream: 3,
  settings: 4,
  windowUpdate: 8,
  continuation: 9,
} as const;

/** The flags of theirs that mean something here. */
const ACK = 0x1;
const END_STREAM = 0x1;
const END_HEADERS = 0x4;
const PADDED = 0x8;
const PRIORITY = 0x20;

/** RFC 9113, 4.1 */
const HEAD_BYTES = 9;
/** What a server that sets nothing else takes; nghttp2 ends a connection that sends more. */
const MOST_FRAME_BYTES = 16_384;
/** A block of headers in its frames. */
const MOST_BLOCK_BYTES = 64 * 1024;
/** One byte for compression, four of length: gRPC, PROTOCOL-HTTP2.md. */
const PREFIX_BYTES = 5;
/** Requests under way; a client that keeps to our settings has 32. */
const MOST_REQUESTS = 128;
/** RFC 9113, 6.5.2 */
const INITIAL_WINDOW_SIZE = 0x4;

/** The first 9 octets of a frame. */
export interface FrameHead {
  /** Octets that follow. */
  readonly length: number;
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
}

/** Told what is read. */
export interface FrameListener {
  /**
   * Whether a call begins now, before anything of it is read.
   *
   * @param octets from its first frame on, all that has come
   */
  mayBegin(octets: Uint8Array): boolean;
  /** Each frame but those of data, when its head has come. */
  frame(head: FrameHead): void;
  /** A frame of data, when it is whole, and how many messages began in it. */
  data(head: FrameHead, messages: number): void;
  /** A whole block of headers; undefined if it is too long, or none. */
  headers(block: Uint8Array | undefined): void;
  /**
   * A message of a request begins, when its prefix has come.
   *
   * @param bytes how long it is said to be
   * @param number 1 for the first one of the request
   */
  message(bytes: number, number: number): void;
  /** What may be sent on a stream, or with 0 on all together, has grown by so much. */
  window(stream: number, increment: number): void;
  /** What may be sent on each stream before it grows. */
  initialWindow(bytes: number): void;
}

/** A request under way: how much has come of a message's prefix, and what is to come. */
interface Request {
  prefixBytes: number;
  /** The length that the prefix says, as far as it has come. */
  length: number;
  left: number;
  messages: number;
  /** All that has come of it. */
  bytes: number;
}

/**
 * Reads the frames of one client from its connection's bytes, in whatever parts they come,
 * before whoever serves it. It holds no more than one block of headers.
 */
export class FrameReader {
  readonly #listener: FrameListener;
  /** One object for all of them: a flood of small frames makes no garbage. */
  readonly #frame = { length: 0, type: 0, flags: 0, stream: 0 };
  /** Octets of the frame that are still to come. */
  #left = 0;
  /** Of those, what is padding; the octet that says so has come. */
  #padding = 0;
  /** Messages that began in the frame, if it is one of data. */
  #begun = 0;
  /** What has come of the frame, if it is one of headers or settings. */
  #parts: Uint8Array[] = [];
  /** Fragments of a block of headers, whose end is still to come. */
  #fragments: Uint8Array[] = [];
  #blockBytes = 0;
  /** A block of headers has begun whose end has not come. */
  #isInBlock = false;
  #blockStream = 0;
  #blockOctets = 0;
  readonly #requests = new Map<number, Request>();
  #unfinishedBytes = 0;
  #stopped = false;
  /** The highest stream so far. */
  #latest = 0;

  constructor(listener: FrameListener) {
    this.#listener = listener;
  }

  /** What has come of requests whose end has not. */
  get unfinishedBytes(): number {
    return this.#unfinishedBytes;
  }

  /** The request has been answered: its end does not matter. */
  forget(stream: number): void {
    const request = this.#requests.get(stream);
    if (request === undefined) return;
    this.#requests.delete(stream);
    this.#unfinishedBytes -= request.bytes;
  }

  /** Reads nothing more, not even what has come. */
  stop(): void {
    this.#stopped = true;
  }

  /**
   * Reads the next octets; the first ever are those behind the connection preface.
   *
   * @returns how many were read: those of a frame's head that is not whole were not, nor
   * those from a call on that may not begin now
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
    this.#copyHeld();
    return at;
  }

  /**
   * Of what was read, the octets since the beginning of a block of headers that is not
   * whole: who decodes a part of one keeps it for ever if the other never comes.
   */
  get blockOctets(): number {
    return this.#blockOctets;
  }

  #readPayload(payload: Uint8Array): number {
    if (this.#isInBlock) this.#blockOctets += payload.length;
    this.#takePayload(payload);
    this.#left -= payload.length;
    if (this.#left === 0) this.#end();
    return payload.length;
  }

  /** 0 if it may not begin now, or is not there as far as its payload. */
  #readFrame(octets: Uint8Array): number {
    if (octets.length < HEAD_BYTES) return 0;
    this.#readHead(octets, 0);
    if (this.#isCall() && !this.#listener.mayBegin(octets)) return 0;
    const { stream, type } = this.#frame;
    const goesOn = type === FRAMES.continuation && stream === this.#blockStream;
    // RFC 9113, 6.10: who decodes this ends the connection, so it has to see it.
    if (this.#isInBlock && !goesOn) this.#endBlock();
    if (type === FRAMES.headers) {
      this.#isInBlock = true;
      this.#blockStream = stream;
    }
    if (this.#isInBlock) this.#blockOctets += HEAD_BYTES;
    this.#begin();
    return HEAD_BYTES;
  }

  #endBlock(): void {
    this.#isInBlock = false;
    this.#fragments = [];
    this.#blockBytes = 0;
    this.#blockOctets = 0;
  }

  #readHead(octets: Uint8Array, at: number): void {
    const frame = this.#frame;
    frame.length = numberAt(octets, at) >>> 8;
    frame.type = octets[at + 3] ?? 0;
    frame.flags = octets[at + 4] ?? 0;
    frame.stream = numberAt(octets, at + 5) & 0x7fff_ffff;
  }

  /** Trailers come on a stream that is there already. */
  #isCall(): boolean {
    return this.#frame.type === FRAMES.headers && this.#frame.stream > this.#latest;
  }

  #begin(): void {
    const { stream, type } = this.#frame;
    if (type === FRAMES.headers) this.#latest = Math.max(this.#latest, stream);
    this.#left = this.#frame.length;
    this.#padding = 0;
    this.#begun = 0;
    if (type !== FRAMES.data) this.#listener.frame(this.#frame);
    if (this.#left === 0) this.#end();
  }

  /** What is held longer is copied, or a few octets would keep all that came with them. */
  #copyHeld(): void {
    if (this.#parts.length > 0) this.#parts = [join(this.#parts).slice()];
    if (this.#fragments.length > 0) this.#fragments = [join(this.#fragments).slice()];
  }

  #takePayload(payload: Uint8Array): void {
    switch (this.#frame.type) {
      case FRAMES.headers:
      case FRAMES.continuation:
        this.#blockBytes += payload.length;
        if (this.#blockBytes <= MOST_BLOCK_BYTES) this.#parts.push(payload);
        break;
      case FRAMES.settings:
      case FRAMES.windowUpdate:
        if (this.#frame.length <= MOST_FRAME_BYTES) this.#parts.push(payload);
        break;
      case FRAMES.data:
        this.#takeData(payload);
        break;
    }
  }

  #end(): void {
    const { flags, stream, type } = this.#frame;
    switch (type) {
      case FRAMES.headers:
        this.forget(stream);
        if ((flags & END_STREAM) === 0) this.#beginRequest(stream);
        this.#takeFragment(withoutPadding(this.#payload(), flags));
        break;
      case FRAMES.continuation:
        this.#takeFragment(this.#payload());
        break;
      case FRAMES.data:
        if ((flags & END_STREAM) !== 0) this.forget(stream);
        this.#listener.data(this.#frame, this.#begun);
        break;
      case FRAMES.resetStream:
        this.forget(stream);
        break;
      case FRAMES.settings:
        if ((flags & ACK) === 0) this.#takeSettings(this.#payload());
        break;
      case FRAMES.windowUpdate: {
        const increment = numberAt(this.#payload(), 0) & 0x7fff_ffff;
        this.#listener.window(stream, increment);
        break;
      }
    }
  }

  #payload(): Uint8Array {
    const whole = join(this.#parts);
    this.#parts = [];
    return whole;
  }

  #takeFragment(fragment: Uint8Array): void {
    this.#fragments.push(fragment);
    if ((this.#frame.flags & END_HEADERS) === 0) return;
    const isWhole = this.#blockBytes <= MOST_BLOCK_BYTES;
    const block = isWhole ? join(this.#fragments) : undefined;
    this.#endBlock();
    this.#listener.headers(block);
  }

  /** Six octets each, RFC 9113, 6.5.1 */
  #takeSettings(payload: Uint8Array): void {
    for (let at = 0; at + 6 <= payload.length; at += 6) {
      const id = numberAt(payload, at) >>> 16;
      if (id === INITIAL_WINDOW_SIZE) {
        this.#listener.initialWindow(numberAt(payload, at + 2));
      }
    }
  }

  #beginRequest(stream: number): void {
    const message = { prefixBytes: 0, length: 0, left: 0 };
    this.#requests.set(stream, { ...message, messages: 0, bytes: 0 });
    const [oldest] = this.#requests.keys();
    if (this.#requests.size > MOST_REQUESTS && oldest !== undefined) {
      this.forget(oldest);
    }
  }

  #takeData(payload: Uint8Array): void {
    const { flags, length, stream } = this.#frame;
    const isFirst = this.#left === length;
    const isPadded = (flags & PADDED) !== 0;
    if (isFirst && isPadded) this.#padding = payload[0] ?? 0;
    const request = this.#requests.get(stream);
    if (request === undefined) return;
    const begin = isFirst && isPadded ? 1 : 0;
    const end = Math.min(payload.length, this.#left - this.#padding);
    this.#takeMessages(request, payload.subarray(begin, Math.max(begin, end)));
  }

  #takeMessages(request: Request, data: Uint8Array): void {
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
      // The first one is for compression.
      if (request.prefixBytes > 0) request.length = request.length * 256 + octet;
      request.prefixBytes += 1;
      if (request.prefixBytes < PREFIX_BYTES) continue;
      request.left = request.length;
      request.prefixBytes = 0;
      request.length = 0;
      request.messages += 1;
      this.#begun += 1;
      this.#listener.message(request.left, request.messages);
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

/** 32 bits; what is missing is 0. */
function numberAt(octets: Uint8Array, at: number): number {
  const high = ((octets[at] ?? 0) << 8) | (octets[at + 1] ?? 0);
  const low = ((octets[at + 2] ?? 0) << 8) | (octets[at + 3] ?? 0);
  return high * 0x1_0000 + low;
}

/** How many frames of headers begin in octets, the first of which begins a frame. */
export function countHeaders(octets: Uint8Array): number {
  let count = 0;
  for (let at = 0; at + HEAD_BYTES <= octets.length;) {
    if (octets[at + 3] === FRAMES.headers) count += 1;
    at += HEAD_BYTES + (numberAt(octets, at) >>> 8);
  }
  return count;
}
