import { countOf } from "../shared/quote.ts";

/** Milliseconds until the first notice: most losses are bursts. */
const GATHER_MS = 1_000;
/** Milliseconds between two notices, while losses go on. */
const INTERVAL_MS = 60_000;

/**
 * Logs that records of the audit trail were lost: soon after the first one, and then at
 * most once a minute. Each later notice also has the number since the start, so that the
 * number is right even if an earlier notice was lost as well. If the log has lost lines
 * since a notice, the notice may be among them, and is repeated.
 */
export class LossNotice {
  readonly #log: (sentence: string) => void;
  readonly #linesLost: () => number;
  #unlogged = 0;
  #total = 0;
  /** The newest notice, and how many lines the log had lost before it. */
  #newest: { readonly count: number; readonly linesLost: number } | undefined;
  #why = "";
  #timer: ReturnType<typeof setTimeout> | undefined;
  #waitMs = GATHER_MS;

  /**
   * @param log writes one sentence to the log
   * @param linesLost how many lines the log has lost until now
   */
  constructor(log: (sentence: string) => void, linesLost: () => number) {
    this.#log = log;
    this.#linesLost = linesLost;
  }

  /** @param why a part of a sentence */
  note(count: number, why: string): void {
    this.#unlogged += count;
    this.#total += count;
    this.#why = why;
    if (this.#timer === undefined) this.#wait();
  }

  /** Logs at once the losses that no notice has yet. */
  close(): void {
    clearTimeout(this.#timer);
    this.#takeBackIfLost();
    if (this.#unlogged > 0) this.#logNow();
  }

  #wait(): void {
    const timer = this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#takeBackIfLost();
      if (this.#unlogged === 0) {
        this.#waitMs = GATHER_MS;
        return;
      }
      this.#logNow();
      this.#waitMs = INTERVAL_MS;
      this.#wait();
    }, this.#waitMs);
    // `close` logs the losses that no notice has by then.
    Deno.unrefTimer(timer);
  }

  #takeBackIfLost(): void {
    if (this.#newest === undefined) return;
    const { count, linesLost } = this.#newest;
    if (this.#linesLost() > linesLost) this.#unlogged += count;
  }

  #logNow(): void {
    const lost = `Lost ${countOf(this.#unlogged, "record")} of the audit trail`;
    const all = this.#newest === undefined ? "" : `, ${this.#total} since the start`;
    this.#newest = { count: this.#unlogged, linesLost: this.#linesLost() };
    this.#log(`${lost}${all}: ${this.#why}; see docs/audit.md`);
    this.#unlogged = 0;
  }
}
