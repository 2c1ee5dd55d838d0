import type { Dice } from "../support/fixtures.ts";

/** The number of calls that give the current duration. */
const MEASURED = 9;

/** How fine a moment is chosen: in thousandths of its range. */
const GRAIN = 1_000;

/** How long a call takes as the test sees it, and moments during it to kill at. */
export class Pace {
  #took: readonly number[] = [];

  /** Waits for a call without a kill, and records how long it took. */
  async measure<Value>(call: Promise<Value>): Promise<Value> {
    const from = performance.now();
    const value = await call;
    this.#took = [...this.#took, performance.now() - from].slice(-MEASURED);
    return value;
  }

  /** The median of the last calls, in milliseconds; 0 before any. */
  get ms(): number {
    const sorted = this.#took.toSorted((one, other) => one - other);
    return sorted[Math.floor(sorted.length / 2)] ?? 0;
  }

  /** Waits for a moment between the call's start and twice the time that it takes. */
  async moment(dice: Dice): Promise<void> {
    await this.wait(2 * dice.roll(GRAIN) / GRAIN);
  }

  /** Waits so many times the time that a call takes, while what was written leaves. */
  async wait(times: number): Promise<void> {
    const end = performance.now() + times * this.ms;
    // A turn of the event loop each: microtasks alone would hold the call itself back.
    for (let now = 0; now < end; now = performance.now()) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
