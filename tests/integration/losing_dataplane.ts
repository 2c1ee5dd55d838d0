import type {
  BatchResult,
  Dataplane,
  KernelEvent,
  KernelWatch,
  Operation,
  Read,
} from "../../src/dataplane/dataplane.ts";

/** When an exchange is lost: before the kernel carries it out, or after. */
export type Loss = "before" | "after" | undefined;

/** A real dataplane that loses just the exchanges that the test picks. */
export class LosingDataplane implements Dataplane {
  /** Asked for each exchange; it may take as long as an `ip` that hangs. */
  loses: (operations: readonly Operation[]) => Loss | Promise<Loss> = () => undefined;
  /** True if every survey is lost: nothing is put right by a look at everything. */
  losesSurveys = false;
  /** Awaited before what a survey has read is handed on. */
  holdsSurvey: Promise<void> = Promise.resolve();
  /** Surveys that have read what they asked for. */
  surveys = 0;
  readonly #inner: Dataplane;

  constructor(inner: Dataplane) {
    this.#inner = inner;
  }

  async run(operations: readonly Operation[]): Promise<BatchResult> {
    const loss = await this.loses(operations);
    const lost: BatchResult = { kind: "lost", why: "as the test wants" };
    if (loss === "before") return lost;
    const reply = await this.#inner.run(operations);
    return loss === "after" ? lost : reply;
  }

  drainAuditLog(): Promise<boolean> {
    return this.#inner.drainAuditLog();
  }

  async dump(reads: readonly Read[]): Promise<BatchResult> {
    if (this.losesSurveys) return { kind: "lost", why: "as the test wants" };
    const exchange = await this.#inner.dump(reads);
    this.surveys += 1;
    await this.holdsSurvey;
    return exchange;
  }

  watch(listener: (event: KernelEvent) => void): KernelWatch {
    return this.#inner.watch(listener);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  abort(): void {
    this.#inner.abort();
  }
}

/** True if there is a change among the operations. */
export function writes(operations: readonly Operation[]): boolean {
  return operations.some((operation) => "cause" in operation);
}

/** True if an entry is to be taken out of table 142. */
export function forgets(operations: readonly Operation[]): boolean {
  return operations.some(({ command }) => command.kind === "delete-entry");
}
