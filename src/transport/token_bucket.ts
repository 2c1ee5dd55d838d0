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
