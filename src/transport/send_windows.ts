/** RFC 9113, 6.9.2 */
const DEFAULT_WINDOW = 65_535;

/** What was sent, and how much may be. */
interface Window {
  sent: number;
  granted: number;
}

/**
 * What one client was answered and has no room for: it waits in our memory. Deno 2.9.3
 * takes every answer off a stream at once, and does not tell when it has left, so this
 * follows the windows that the client opens (RFC 9113, 5.2).
 */
export class SendWindows {
  readonly #streams = new Map<number, Window>();
  readonly #connection: Window = { sent: 0, granted: DEFAULT_WINDOW };
  #initial = DEFAULT_WINDOW;
  /** The sum over all streams. */
  #heldOnStreams = 0;

  /** Octets that wait for a window. */
  get held(): number {
    return Math.max(this.#heldOnStreams, heldIn(this.#connection));
  }

  /** Calls whose answer has begun and not left. */
  get open(): number {
    return this.#streams.size;
  }

  /** So much of an answer goes to a stream. */
  send(stream: number, bytes: number): void {
    const window = this.#streams.get(stream) ?? { sent: 0, granted: this.#initial };
    this.#streams.set(stream, window);
    this.#change(window, () => window.sent += bytes);
    this.#connection.sent += bytes;
  }

  /** The client lets more be sent: on a stream, or with 0 on all of them together. */
  grow(stream: number, bytes: number): void {
    if (stream === 0) {
      this.#connection.granted += bytes;
      return;
    }
    const window = this.#streams.get(stream);
    if (window !== undefined) this.#change(window, () => window.granted += bytes);
  }

  /** The client says how large the window of a stream is at its beginning. */
  begin(bytes: number): void {
    const more = bytes - this.#initial;
    this.#initial = bytes;
    for (const window of this.#streams.values()) {
      this.#change(window, () => window.granted += more);
    }
  }

  /** The stream is over, and what it held is gone. */
  close(stream: number): void {
    const window = this.#streams.get(stream);
    if (window === undefined) return;
    this.#streams.delete(stream);
    const held = heldIn(window);
    this.#heldOnStreams -= held;
    this.#connection.sent -= held;
    // What the streams before it left unsent is not known; it is gone with the last one.
    if (this.#streams.size > 0) return;
    this.#connection.sent = Math.min(this.#connection.sent, this.#connection.granted);
  }

  #change(window: Window, change: () => void): void {
    const before = heldIn(window);
    change();
    this.#heldOnStreams += heldIn(window) - before;
  }
}

function heldIn({ granted, sent }: Window): number {
  return Math.max(0, sent - granted);
}
