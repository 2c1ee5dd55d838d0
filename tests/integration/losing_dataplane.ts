import type { DataPathEvent } from "../../src/dataplane/data_path.ts";
import type {
  BatchResult,
  Dataplane,
  KernelEvent,
  KernelWatch,
  Operation,
  Read,
} from "../../src/dataplane/dataplane.ts";

/** When a batch is lost: before the kernel executes it, or after. */
export type Loss = "before" | "after" | undefined;

/** A real dataplane that loses exactly the batches that the test picks. */
export class LosingDataplane implements Dataplane {
  /** Called for each batch; it may take as long as an `ip` that hangs. */
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
    const result = await this.#inner.dump(reads);
    this.dumps += 1;
    await this.holdsDump;
    return result;
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

/** True if there is a change among the operations. */
export function writes(operations: readonly Operation[]): boolean {
  return operations.some((operation) => "cause" in operation);
}
