/** A token bucket as in RFC 2697, section 3, with one colour. It starts full. */
export class TokenBucket {
  readonly #tokensPerMs: number;
  readonly #capacity: number;
  readonly #now: () => number;
  #tokens: number;
  #filledAt: number;

  /**
   * @param tokensPerMs how fast it fills
   * @param capacity the largest burst, in tokens
   * @param now a clock in milliseconds
   */
  constructor(tokensPerMs: number, capacity: number, now: () => number) {
    this.#tokensPerMs = tokensPerMs;
    this.#capacity = capacity;
    this.#now = now;
    this.#tokens = capacity;
    this.#filledAt = now();
  }

  /**
   * Takes tokens, all or none.
   *
   * @param reserve so many tokens must be left afterwards
   * @returns whether there were enough
   */
  take(count: number, reserve = 0): boolean {
    const now = this.#now();
    const filled = this.#tokens + (now - this.#filledAt) * this.#tokensPerMs;
    this.#tokens = Math.min(this.#capacity, filled);
    this.#filledAt = now;
    if (this.#tokens < count + reserve) return false;
    this.#tokens -= count;
    return true;
  }
}

/** New connections in a second, and how many of them in a burst. */
const PER_MS = 0.125;
const BURST = 6;
/** Connections that may wait. */
const MAX_WAITING = 512;
const POLL_MS = 8;

/** A connection that waits. */
interface Waiter {
  readonly cost: number;
  readonly accept: () => void;
}

/**
 * Limits the rate of new connections: 125 a second, first come, first served. Up to 6 of a
 * burst are accepted at once. A TLS handshake or a new HTTP/2 session takes the time of
 * several calls, and Deno 2.9.3 keeps 24 to 34 KB of each session for ever.
 */
export class AcceptLimiter {
  readonly #bucket: TokenBucket;
  readonly #queue = new Set<Waiter>();
  #timer: ReturnType<typeof setInterval> | undefined;
  #isDisabled = false;

  /** @param now a clock in milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#bucket = new TokenBucket(PER_MS, BURST, now);
  }

  /** Whether the queue has no room for another connection. */
  get isFull(): boolean {
    return this.#queue.size >= MAX_WAITING;
  }

  /**
   * Queues a connection.
   *
   * @param cost 1, or more for a lower rate; at most 6
   * @param accept called when it is the connection's turn, at once if nobody waits
   * @returns removes it from the queue
   */
  enqueue(cost: number, accept: () => void): () => void {
    const waiter = { cost, accept };
    this.#queue.add(waiter);
    this.#timer ??= setInterval(() => this.#serve(), POLL_MS);
    this.#serve();
    return () => void this.#queue.delete(waiter);
  }

  /** Accepts those that wait, and limits nothing from now on. */
  disable(): void {
    this.#isDisabled = true;
    this.#serve();
  }

  #serve(): void {
    for (const waiter of this.#queue) {
      if (!this.#isDisabled && !this.#bucket.take(waiter.cost)) return;
      this.#queue.delete(waiter);
      waiter.accept();
    }
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
