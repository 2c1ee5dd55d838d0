import { runDetached } from "../observability/tracing.ts";
import type { NotExecuted } from "./ports.ts";
import type { AnyKey } from "./reconciler.ts";
import { BATCH, QUEUE_LIMIT } from "./limits.ts";

/** A call's key; those of distinct subjects share a batch. */
interface QueuedKey {
  readonly kind: "key";
  /** Its subject, e.g. a destination; undefined: it conflicts with no other key. */
  readonly subject: string | undefined;
  readonly key: AnyKey;
}

/** Work about more than one subject: it runs alone. */
interface LoneWork {
  readonly kind: "alone";
  /** True if keys of calls may overtake it. */
  readonly patient: boolean;
  run(): Promise<void>;
}

/** Calls that may run in between parts of long work. */
export interface WaitingCalls {
  /** True if there are any now. */
  readonly waiting: boolean;
  /** Resolves when there are any. */
  arrived(): Promise<void>;
  /** Reconciles one batch of the waiting calls. */
  admit(): Promise<void>;
}

/**
 * Runs all work on the kernel one after another. So no other work of this process can make
 * a plan wrong before it is applied.
 */
export class WorkQueue {
  readonly #reconcile: (keys: readonly AnyKey[]) => Promise<void>;
  readonly #work: (QueuedKey | LoneWork)[] = [];
  #running: Promise<void> | undefined;
  /** Resolves with the next call. */
  #arrival: PromiseWithResolvers<void> | undefined;
  #closing = false;

  /** @param reconcile commits each key; never rejects */
  constructor(reconcile: (keys: readonly AnyKey[]) => Promise<void>) {
    this.#reconcile = reconcile;
  }

  /** Why a call would be refused now. */
  refusal(): NotExecuted | undefined {
    if (this.#closing) return { kind: "shutting-down" };
    return this.#work.length >= QUEUE_LIMIT ? { kind: "queue-full" } : undefined;
  }

  /** Appends the key of a call. */
  push(subject: string | undefined, key: AnyKey): void {
    this.#work.push({ kind: "key", subject, key });
    this.#start();
    this.#arrival?.resolve();
    this.#arrival = undefined;
  }

  /** Runs work alone, after all earlier work. */
  alone<Value>(run: (calls: WaitingCalls) => Promise<Value>): Promise<Value> {
    return this.#pushLone(false, () => run(this.#waitingCalls()));
  }

  /**
   * Runs a repair alone. Calls may overtake it, because it uses the desired state at the
   * time of its start.
   */
  repair(run: () => Promise<void>): Promise<void> {
    return this.#pushLone(true, run);
  }

  /** Refuses calls from now on; resolves when the queue is empty. */
  async close(): Promise<void> {
    this.#closing = true;
    while (this.#running !== undefined) await this.#running;
  }

  #pushLone<Value>(
    patient: boolean,
    run: () => Promise<Value>,
  ): Promise<Value> {
    const { promise, reject, resolve } = Promise.withResolvers<Value>();
    this.#work.push({ kind: "alone", patient, run: () => run().then(resolve, reject) });
    this.#start();
    return promise;
  }

  #waitingCalls(): WaitingCalls {
    const isWaiting = (): boolean =>
      this.#work.find((work) => work.kind === "key" || !work.patient)?.kind === "key";
    return {
      get waiting() {
        return isWaiting();
      },
      arrived: async () => {
        while (!isWaiting()) {
          this.#arrival ??= Promise.withResolvers();
          await this.#arrival.promise;
        }
      },
      admit: async () => {
        const keys = this.#takeBatch();
        if (keys.length > 0) await this.#reconcile(keys);
      },
    };
  }

  #start(): void {
    // The first of many starts it, and its span must not pass for that of the others.
    this.#running ??= runDetached(() => this.#drain());
  }

  async #drain(): Promise<void> {
    // A turn of the event loop first: calls that arrived together share a batch.
    await Promise.resolve();
    for (let work = this.#work[0]; work !== undefined; work = this.#work[0]) {
      if (work.kind === "alone") {
        this.#work.shift();
        await work.run();
      } else {
        await this.#reconcile(this.#takeBatch());
      }
    }
    // In the same turn as the last check of the queue, or work pushed now would wait
    // for a run that is over.
    this.#running = undefined;
  }

  /** The longest run of distinct subjects: only repairs are overtaken. */
  #takeBatch(): readonly AnyKey[] {
    const taken: AnyKey[] = [];
    const overtaken: LoneWork[] = [];
    const subjects = new Set<string>();
    for (const work of this.#work) {
      if (work.kind === "alone") {
        if (!work.patient) break;
        overtaken.push(work);
        continue;
      }
      if (taken.length >= BATCH) break;
      const { key, subject } = work;
      if (subject !== undefined) {
        if (subjects.has(subject)) break;
        subjects.add(subject);
      }
      taken.push(key);
    }
    this.#work.splice(0, overtaken.length + taken.length, ...overtaken);
    return taken;
  }
}
