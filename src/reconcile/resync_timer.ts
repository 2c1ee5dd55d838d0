/**
 * Starts resyncs: at an interval, and sooner on request. There is one due time, and it only
 * ever moves earlier, so that many requests do not put the resync off.
 */
export class ResyncTimer {
  readonly #resync: () => Promise<void>;
  readonly #everyMs: number;
  #dueMs = Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running: Promise<void> | undefined;
  #closed = false;

  /**
   * @param resync never rejects, and never runs twice at a time
   * @param everyMs milliseconds from the end of a resync to the next one
   */
  constructor(resync: () => Promise<void>, everyMs: number) {
    this.#resync = resync;
    this.#everyMs = everyMs;
  }

  /** Resyncs within so many milliseconds; one that has begun already does not count. */
  within(waitMs: number): void {
    const dueMs = performance.now() + waitMs;
    if (dueMs >= this.#dueMs) return;
    this.#dueMs = dueMs;
    if (this.#running === undefined) this.#arm();
  }

  /** Stops; a resync that has begun comes to its end. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  #arm(): void {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    const waitMs = Math.max(this.#dueMs - performance.now(), 0);
    this.#timer = setTimeout(() => {
      this.#dueMs = Infinity;
      this.#running = this.#resync().finally(() => {
        this.within(this.#everyMs);
        this.#running = undefined;
        this.#arm();
      });
    }, waitMs);
  }
}
