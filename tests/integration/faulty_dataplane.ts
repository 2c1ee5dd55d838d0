import type { DataPathEvent } from "../../src/dataplane/data_path.ts";
import type {
  BatchResult,
  Dataplane,
  KernelEvent,
  KernelWatch,
  Operation,
  Read,
} from "../../src/dataplane/dataplane.ts";
import type { Dice } from "../support/fixtures.ts";

/** The share of batches a {@linkcode FaultyDataplane} loses, in percent. */
export interface Faults {
  /** The batch never reaches the kernel. */
  readonly before: number;
  /** The kernel executes the first commands, and then `ip` is lost. */
  readonly within: number;
  /** The kernel executes the whole batch, and the reply is lost. */
  readonly after: number;
}

const LOST: BatchResult = { kind: "lost", why: "injected by the test" };

/** A real dataplane that loses replies at random, as an `ip` does that is killed. */
export class FaultyDataplane implements Dataplane {
  /** Batches lost until now. */
  lost = 0;
  /** How much is lost from now on. */
  faults: Faults = { before: 0, within: 0, after: 0 };
  readonly #inner: Dataplane;
  readonly #dice: Dice;

  constructor(inner: Dataplane, dice: Dice) {
    this.#inner = inner;
    this.#dice = dice;
  }

  async run(operations: readonly Operation[]): Promise<BatchResult> {
    const { after, before, within } = this.faults;
    const rolled = this.#dice.roll(100);
    if (rolled >= before + within + after) {
      return await this.#inner.run(operations);
    }
    this.lost += 1;
    if (rolled >= before) {
      const length = rolled < before + within
        ? this.#dice.roll(operations.length + 1)
        : operations.length;
      await this.#inner.run(operations.slice(0, length));
    }
    return LOST;
  }

  drainAuditLog(): Promise<boolean> {
    return this.#inner.drainAuditLog();
  }

  dump(reads: readonly Read[]): Promise<BatchResult> {
    return this.#inner.dump(reads);
  }

  watch(listener: (event: KernelEvent) => void): KernelWatch {
    return this.#inner.watch(listener);
  }

  watchDataPath(listener: (event: DataPathEvent) => void): KernelWatch {
    return this.#inner.watchDataPath(listener);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  abort(): void {
    this.#inner.abort();
  }
}
