/** A timer that comes so much too late tells of a process that could not read either. */
const LATE_MS = 100;

/**
 * A deadline that is set, put off and lifted thousands of times a second. One timer
 * serves them all: to set and clear one each time costs 10 µs (Deno 2.9.3).
 */
export class Deadline {
  readonly #onPassed: () => void;
  #dueMs = Infinity;
  /** True if it has come round too late once already. */
  #wasLate = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param onPassed called when it passes, not before and at most a moment later */
  constructor(onPassed: () => void) {
    this.#onPassed = onPassed;
  }

  /** Sets it, or puts it off, to so many milliseconds from now. */
  set(inMs: number): void {
    this.#wasLate = false;
    this.#dueMs = performance.now() + inMs;
    this.#timer ??= setTimeout(() => this.#check(), inMs);
  }

  /** It no longer matters. The timer runs on, for the next one. */
  lift(): void {
    this.#dueMs = Infinity;
  }

  /** It will never be set again. */
  close(): void {
    this.lift();
    clearTimeout(this.#timer);
  }

  #check(): void {
    this.#timer = undefined;
    if (this.#dueMs === Infinity) return;
    const leftMs = this.#dueMs - performance.now();
    if (leftMs > 0) this.#timer = setTimeout(() => this.#check(), leftMs);
    // What has arrived meanwhile is read before the timer comes round again.
    else if (leftMs < -LATE_MS && !this.#wasLate) {
      this.set(LATE_MS / 2);
      this.#wasLate = true;
    } else this.#onPassed();
  }
}
