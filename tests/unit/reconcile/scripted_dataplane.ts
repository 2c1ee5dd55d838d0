import type {
  Answer,
  BatchResult,
  Dataplane,
  FailureKind,
  KernelWatch,
  Operation,
  OperationResult,
  Read,
} from "../../../src/dataplane/dataplane.ts";

/** How a batch goes. */
export type Script = (
  operations: readonly Operation[],
  batch: number,
) => BatchResult | Promise<BatchResult>;

/** A dataplane that answers as the test says, and keeps what it was asked. */
export class ScriptedDataplane implements Dataplane {
  /** The batches until now. */
  readonly batches: (readonly Operation[])[] = [];
  /** The most batches that were in flight at the same time. */
  mostInFlight = 0;
  /** What {@linkcode drainAuditLog} answers. */
  readsAuditLog: boolean | Promise<boolean> = true;
  /** How often the audit log was drained. */
  drains = 0;
  readonly #script: Script;
  #inFlight = 0;

  constructor(script: Script) {
    this.#script = script;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  async run(operations: readonly Operation[]): Promise<BatchResult> {
    this.#inFlight += 1;
    this.mostInFlight = Math.max(this.mostInFlight, this.#inFlight);
    const batch = this.batches.push(operations) - 1;
    // As a real one, it never answers in the very turn in which it is asked.
    await Promise.resolve();
    const result = await this.#script(operations, batch);
    this.#inFlight -= 1;
    return result;
  }

  drainAuditLog(): Promise<boolean> {
    this.drains += 1;
    return Promise.resolve(this.readsAuditLog);
  }

  dump(reads: readonly Read[]): Promise<BatchResult> {
    return this.run(reads.map((command) => ({ command })));
  }

  watch(): KernelWatch {
    throw new Error("The loop watches nothing");
  }

  watchDataPath(): KernelWatch {
    throw new Error("The loop watches nothing");
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  abort(): void {}
}

/** The results of a batch by those of its operations. */
export function answered(
  operations: readonly Operation[],
  answer: (operation: Operation) => OperationResult,
): BatchResult {
  return { kind: "answered", results: operations.map(answer) };
}

/** An operation that succeeded. */
export function ok(answer: Answer): OperationResult {
  return { ok: true, answer };
}

/** A mutation that succeeded. */
export const DONE: OperationResult = ok({ kind: "done" });

/** An operation that failed. */
export function failed(
  kind: FailureKind,
  message = `${kind} by the test`,
): OperationResult {
  return { ok: false, failure: { kind, message } };
}

/** A batch that was lost. */
export const LOST: BatchResult = { kind: "lost", why: "as the test wants" };
