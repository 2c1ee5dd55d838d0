import type { Read } from "../../src/dataplane/iproute2/commands.ts";
import type { Door, Errand, Reply } from "../../src/dataplane/iproute2/adapter.ts";
import type { Exchange } from "../../src/dataplane/iproute2/batch_process.ts";
import type { Dice } from "../support/fixtures.ts";

/** Which part of the exchanges a {@linkcode FaultyDoor} loses, in percent. */
export interface Faults {
  /** The exchange never reaches the kernel. */
  readonly before: number;
  /** The kernel carries out the first commands, and `ip` is lost then. */
  readonly within: number;
  /** The kernel carries all of it out, and the reply is lost. */
  readonly after: number;
}

const LOST: Reply = { kind: "lost", why: "injected by the test" };

/** A real door that loses replies at random, as an `ip` does that is killed. */
export class FaultyDoor implements Door {
  /** Exchanges lost until now. */
  lost = 0;
  /** How much is lost from now on. */
  faults: Faults = { before: 0, within: 0, after: 0 };
  readonly #inner: Door;
  readonly #dice: Dice;

  constructor(inner: Door, dice: Dice) {
    this.#inner = inner;
    this.#dice = dice;
  }

  async exchange(errands: readonly Errand[]): Promise<Reply> {
    const { after, before, within } = this.faults;
    const rolled = this.#dice.roll(100);
    if (rolled >= before + within + after) return await this.#inner.exchange(errands);
    this.lost += 1;
    if (rolled >= before) {
      const length = rolled < before + within
        ? this.#dice.roll(errands.length + 1)
        : errands.length;
      await this.#inner.exchange(errands.slice(0, length));
    }
    return LOST;
  }

  pace(): Promise<boolean> {
    return this.#inner.pace();
  }

  survey(reads: readonly Read[]): Promise<Exchange> {
    return this.#inner.survey(reads);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  abandon(): void {
    this.#inner.abandon();
  }
}
