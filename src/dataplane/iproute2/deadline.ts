/** If the timer fires later than this, the process could not read its pipes either. */
const LATE_MS = 100;

/**
 * A deadline that is set, extended and cleared thousands of times a second. One timer
 * serves them all, because setting and clearing a timer costs 10 µs (Deno 2.9.3).
 */
export class Deadline {
  readonly #onPassed: () => void;
  #dueMs = Infinity;
  /** True if the timer has fired late once already. */
  #wasLate = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param onPassed called once when it passes, never before */
  constructor(onPassed: () => void) {
    this.#onPassed = onPassed;
  }

  /** Sets it, or moves it, to so many milliseconds from now. */
  set(inMs: number): void {
    this.#wasLate = false;
    this.#dueMs = performance.now() + inMs;
    this.#timer ??= setTimeout(() => this.#check(), inMs);
  }

  /** Clears it. The timer runs on, for the next deadline. */
  clear(): void {
    this.#dueMs = Infinity;
  }

  /** Clears it and its timer; it is never set again. */
  close(): void {
    this.clear();
    clearTimeout(this.#timer);
  }

  #check(): void {
    this.#timer = undefined;
    if (this.#dueMs === Infinity) return;
    const leftMs = this.#dueMs - performance.now();
    if (leftMs > 0) this.#timer = setTimeout(() => this.#check(), leftMs);
    // Output that has arrived in the meantime is read before the timer fires again.
    else if (leftMs < -LATE_MS && !this.#wasLate) {
      this.set(LATE_MS / 2);
      this.#wasLate = true;
    } else this.#onPassed();
  }
}
