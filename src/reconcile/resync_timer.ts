/**
 * Says when to look at everything: now and then, and sooner when that is asked for.
 * There is one due time, and it only ever moves earlier: whoever asks again and again
 * does not put the look off.
 */
export class ResyncTimer {
  readonly #look: () => Promise<void>;
  readonly #everyMs: number;
  #dueMs = Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #looking: Promise<void> | undefined;
  #closed = false;

  /**
   * @param look never rejects, and never runs twice at a time
   * @param everyMs milliseconds from the end of a look to the next one
   */
  constructor(look: () => Promise<void>, everyMs: number) {
    this.#look = look;
    this.#everyMs = everyMs;
  }

  /** Looks within so many milliseconds; a look that has begun already does not count. */
  within(waitMs: number): void {
    const dueMs = performance.now() + waitMs;
    if (dueMs >= this.#dueMs) return;
    this.#dueMs = dueMs;
    if (this.#looking === undefined) this.#arm();
  }

  /** Stops; a look that has begun comes to its end. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#looking;
  }

  #arm(): void {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    const waitMs = Math.max(this.#dueMs - performance.now(), 0);
    this.#timer = setTimeout(() => {
      this.#dueMs = Infinity;
      this.#looking = this.#look().finally(() => {
        this.within(this.#everyMs);
        this.#looking = undefined;
        this.#arm();
      });
    }, waitMs);
  }
}
