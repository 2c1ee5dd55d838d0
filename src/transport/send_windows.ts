/** RFC 9113, 6.9.2 */
const DEFAULT_WINDOW = 65_535;

/** Octets of answers, and how many the client allows. */
interface Window {
  sent: number;
  granted: number;
}

/**
 * The flow-control windows that one client gives us (RFC 9113, 5.2), and the octets that wait
 * in our memory for them. Deno 2.9.3 takes every answer from a stream at once and does not
 * tell when it has left, so this class counts for itself.
 */
export class SendWindows {
  readonly #streams = new Map<number, Window>();
  readonly #connection: Window = { sent: 0, granted: DEFAULT_WINDOW };
  #initial = DEFAULT_WINDOW;
  /** The sum over all streams. */
  #blockedOnStreams = 0;

  /** Octets that wait for a window. */
  get blockedBytes(): number {
    return Math.max(this.#blockedOnStreams, blockedIn(this.#connection));
  }

  /** Streams with an answer that are not closed. */
  get openStreams(): number {
    return this.#streams.size;
  }

  /** An answer was sent on a stream. */
  send(stream: number, bytes: number): void {
    const window = this.#streams.get(stream) ?? { sent: 0, granted: this.#initial };
    this.#streams.set(stream, window);
    this.#change(window, () => window.sent += bytes);
    this.#connection.sent += bytes;
  }

  /** WINDOW_UPDATE of a stream, or with 0 of the connection. */
  update(stream: number, bytes: number): void {
    if (stream === 0) {
      this.#connection.granted += bytes;
      return;
    }
    const window = this.#streams.get(stream);
    if (window !== undefined) this.#change(window, () => window.granted += bytes);
  }

  /** SETTINGS_INITIAL_WINDOW_SIZE, which changes the open streams as well. */
  setInitialSize(bytes: number): void {
    const more = bytes - this.#initial;
    this.#initial = bytes;
    for (const window of this.#streams.values()) {
      this.#change(window, () => window.granted += more);
    }
  }

  /** The stream is closed, and its blocked octets are discarded. */
  close(stream: number): void {
    const window = this.#streams.get(stream);
    if (window === undefined) return;
    this.#streams.delete(stream);
    const blocked = blockedIn(window);
    this.#blockedOnStreams -= blocked;
    this.#connection.sent -= blocked;
    // How much of the closed streams was never sent is unknown. Without an open stream it is 0.
    if (this.#streams.size > 0) return;
    this.#connection.sent = Math.min(this.#connection.sent, this.#connection.granted);
  }

  #change(window: Window, change: () => void): void {
    const before = blockedIn(window);
    change();
    this.#blockedOnStreams += blockedIn(window) - before;
  }
}

function blockedIn({ granted, sent }: Window): number {
  return Math.max(0, sent - granted);
}
