/** The compressed flag and the length of a message: PROTOCOL-HTTP2.md. */
const PREFIX_BYTES = 5;
const COMPRESSED = 1;

/**
 * Checks that the body of a request is a sequence of Length-Prefixed-Message as in gRPC's
 * PROTOCOL-HTTP2.md. grpc-js 1.14.7 ignores an invalid compressed flag, and drops a message
 * that is cut off.
 */
export class MessageValidator {
  readonly #isCompressed: boolean;
  /** Bytes of the current prefix that were received. */
  #prefix = 0;
  #length = 0;
  /** Bytes of the current message that are not received yet. */
  #missing = 0;

  /** @param encoding the request's `grpc-encoding`; `identity`: not compressed */
  constructor(encoding: string) {
    this.#isCompressed = encoding !== "identity";
  }

  /**
   * Checks the next bytes.
   *
   * @returns why they are invalid; undefined if they are valid so far
   */
  receive(bytes: Uint8Array): string | undefined {
    let at = 0;
    while (at < bytes.length) {
      if (this.#missing > 0) {
        const taken = Math.min(this.#missing, bytes.length - at);
        this.#missing -= taken;
        at += taken;
        continue;
      }
      const fault = this.#readPrefix(bytes[at] ?? 0);
      if (fault !== undefined) return fault;
      at += 1;
    }
    return undefined;
  }

  /**
   * Checks the end of the body.
   *
   * @returns why it is invalid; undefined if it is valid
   */
  end(): string | undefined {
    return this.#prefix > 0 || this.#missing > 0
      ? "The request ends in the middle of a message"
      : undefined;
  }

  #readPrefix(byte: number): string | undefined {
    this.#prefix += 1;
    if (this.#prefix === 1) {
      this.#length = 0;
      return this.#checkFlag(byte);
    }
    this.#length = this.#length * 256 + byte;
    if (this.#prefix < PREFIX_BYTES) return undefined;
    this.#prefix = 0;
    this.#missing = this.#length;
    return undefined;
  }

  #checkFlag(flag: number): string | undefined {
    if (flag > COMPRESSED) {
      return `Invalid compressed flag ${flag} of a message; use 0 or 1`;
    }
    return flag === COMPRESSED && !this.#isCompressed
      ? "The compressed flag of a message is set, but grpc-encoding names no encoding"
      : undefined;
  }
}
