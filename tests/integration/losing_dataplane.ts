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
  /** True if every dump is lost: no resync repairs anything. */
  losesDumps = false;
  /** Awaited before what a dump has read is handed on. */
  holdsDump: Promise<void> = Promise.resolve();
  /** Dumps that have read what they asked for. */
  dumps = 0;
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
    if (this.losesDumps) return { kind: "lost", why: "as the test wants" };
    const exchange = await this.#inner.dump(reads);
    this.dumps += 1;
    await this.holdsDump;
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
