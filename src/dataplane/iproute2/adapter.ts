import type { AuditLog } from "../audit_log.ts";
import type {
  BatchResult,
  Dataplane,
  Family,
  KernelEvent,
  KernelWatch,
  Lost,
  Mutation,
  Operation,
  OperationResult,
  Read,
} from "../dataplane.ts";
import { BatchProcess } from "./batch_process.ts";
import { type Command, render } from "./commands.ts";
import type { Hang } from "./hang_log.ts";
import { Monitor } from "./monitor.ts";

/** How the dataplane treats its `ip`; the defaults are what production uses. */
export interface Iproute2Options {
  /** Milliseconds for one exchange, then `ip` is killed. @default 2000 */
  readonly deadlineMs?: number;
  /**
   * Routes changed by one `ip` before a fresh one takes over. It leaks about 4.1 KB for
   * each (iproute2 6.1), so 3,000 keep it near 16 MB. @default 3000
   */
  readonly mutationsPerProcess?: number;
  /** Exchanges waiting at most. @default 256 */
  readonly queueLimit?: number;
  /**
   * Told when `ip` no longer answers, with the reason, and when it does again, with
   * undefined. An `ip` that dies is no such news as long as the next one answers.
   */
  readonly onReach?: ((fault: string | undefined) => void) | undefined;
  /** Told of each mutation before `ip` is. */
  readonly onWrite?: ((command: Mutation) => void) | undefined;
  /** Told of each `ip` that passed its deadline and was killed. */
  readonly onHang?: ((hang: Hang) => void) | undefined;
  /** Told of what `ip` writes that is no answer and harms none, as often as it does. */
  readonly onWarning?: ((warning: string) => void) | undefined;
}

const CLOSED: Lost = { kind: "lost", why: "the sidecar is shutting down" };
const FULL: Lost = { kind: "lost", why: "too many exchanges are waiting" };

/** What every `ip` that works can answer. */
const PROBE: Operation = { command: { kind: "own-routes" } };

/** An exchange that is over, and how long it took. */
interface Ran {
  readonly exchange: BatchResult;
  readonly durationMs: number;
}

/**
 * The only way to the kernel's routes: one long-lived `ip` at a time, exchanges one
 * after another, one audit record for each mutation.
 */
export class Iproute2Dataplane implements Dataplane {
  readonly #audit: AuditLog;
  readonly #deadlineMs: number;
  readonly #dumpDeadlineMs = 20_000;
  readonly #mutationsPerProcess: number;
  readonly #queueLimit: number;
  readonly #onReach: (fault: string | undefined) => void;
  readonly #onWarning: (warning: string) => void;
  readonly #onWrite: ((command: Mutation) => void) | undefined;
  readonly #onHang: ((hang: Hang) => void) | undefined;
  /** What each `ip` writes beside good answers. */
  readonly #noise = new Set<string>();
  /** Why `ip` does not answer; undefined while it does. */
  #fault: string | undefined;
  #process: BatchProcess | undefined;
  /** Started ahead of a change-over, so that no call waits for it. */
  #replacement: BatchProcess | undefined;
  #tail: Promise<unknown> = Promise.resolve();
  /** Those that walk tables beside it. */
  readonly #dumpers = new Set<BatchProcess>();
  #queued = 0;
  #closed = false;
  #abandoned = false;

  constructor(audit: AuditLog, options: Iproute2Options = {}) {
    this.#audit = audit;
    this.#deadlineMs = options.deadlineMs ?? 2000;
    this.#mutationsPerProcess = options.mutationsPerProcess ?? 3000;
    this.#queueLimit = options.queueLimit ?? 256;
    this.#onReach = options.onReach ?? (() => {});
    this.#onWarning = options.onWarning ?? (() => {});
    this.#onHang = options.onHang;
    this.#onWrite = options.onWrite;
  }

  run(operations: readonly Operation[]): Promise<BatchResult> {
    if (this.#closed) return Promise.resolve(CLOSED);
    if (this.#queued >= this.#queueLimit) return Promise.resolve(FULL);
    this.#queued += 1;
    const run = this.#tail.then(() => this.#run(operations));
    this.#tail = run;
    return this.#conclude(operations, run);
  }

  watch(listener: (event: KernelEvent) => void): KernelWatch {
    return new Monitor(listener, this.#onWarning);
  }

  drainAuditLog(): Promise<boolean> {
    return this.#audit.drain();
  }

  async dump(reads: readonly Read[], family?: Family): Promise<BatchResult> {
    const dumped = await this.#dumpApart(reads, family);
    if (dumped.kind === "lost" || this.#fault !== undefined) await this.#probe();
    return dumped;
  }

  /** Waits for the exchanges under way, then lets `ip` end. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#tail;
    await Promise.all([this.#process?.close(), this.#replacement?.close()]);
  }

  abort(): void {
    this.#closed = true;
    this.#abandoned = true;
    for (const process of [this.#process, this.#replacement, ...this.#dumpers]) {
      process?.abort(CLOSED.why);
    }
  }

  /** Only the `ip` that calls meet can tell whether they can be answered. */
  async #probe(): Promise<void> {
    const { kind } = await this.run([PROBE]);
    // That one may have died unseen: then the next one tells.
    if (kind === "lost") await this.run([PROBE]);
  }

  async #dumpApart(
    reads: readonly Read[],
    family: Family | undefined,
  ): Promise<BatchResult> {
    if (this.#closed) return CLOSED;
    const process = this.#newProcess(family);
    this.#dumpers.add(process);
    const exchange = await process.run(reads, this.#dumpDeadlineMs);
    await process.close();
    this.#dumpers.delete(process);
    return exchange;
  }

  /** In a later turn: `ip` is handed the next exchange while this one is written down. */
  async #conclude(
    operations: readonly Operation[],
    run: Promise<Ran>,
  ): Promise<BatchResult> {
    const { durationMs, exchange } = await run;
    await Promise.resolve();
    this.#record(operations, exchange, durationMs);
    return exchange;
  }

  async #run(operations: readonly Operation[]): Promise<Ran> {
    const started = performance.now();
    const exchange = this.#abandoned ? CLOSED : await this.#ask(operations);
    const durationMs = performance.now() - started;
    this.#queued -= 1;
    this.#prepareReplacement(operations, exchange);
    return { exchange, durationMs };
  }

  async #ask(operations: readonly Operation[]): Promise<BatchResult> {
    const process = this.#currentProcess();
    const isFirst = !process.hasAnswered;
    for (const each of operations) {
      if ("cause" in each) this.#onWrite?.(each.command);
    }
    const commands = operations.map(({ command }) => command);
    const exchange = await process.run(commands, this.#deadlineMs);
    if (exchange.kind === "answered") {
      // Nothing was asked of the kernel by none.
      if (commands.length > 0) this.#judge(undefined);
    } else if (isFirst && !this.#abandoned) await this.#suspect(commands, exchange.why);
    return exchange;
  }

  /**
   * A fresh `ip` was lost: by what it was asked, or because none can answer. Once that is
   * so, each exchange is a question of its own, and calls do not wait for another one.
   */
  async #suspect(commands: readonly Command[], why: string): Promise<void> {
    const isProbe = commands.length === 1 && commands[0] === PROBE.command;
    if (isProbe || this.#fault !== undefined) return this.#judge(why);
    const process = this.#currentProcess();
    const probed = await process.run([PROBE.command], this.#deadlineMs);
    this.#judge(probed.kind === "lost" ? probed.why : undefined);
  }

  #newProcess(family?: Family): BatchProcess {
    return new BatchProcess({
      family,
      onWarning: this.#onWarning,
      onHang: this.#onHang,
      noise: this.#noise,
    });
  }

  #judge(fault: string | undefined): void {
    const before = this.#fault;
    this.#fault = fault;
    if ((before === undefined) !== (fault === undefined)) this.#onReach(fault);
  }

  #currentProcess(): BatchProcess {
    const current = this.#process;
    const rotationDue = (current?.mutations ?? 0) >= this.#mutationsPerProcess;
    if (current !== undefined && !current.unusable && !rotationDue) return current;
    if (current !== undefined) void current.close();
    const replacement = this.#replacement;
    this.#replacement = undefined;
    this.#process = replacement === undefined || replacement.unusable
      ? this.#newProcess()
      : replacement;
    return this.#process;
  }

  #prepareReplacement(operations: readonly Operation[], exchange: BatchResult): void {
    const process = this.#process;
    if (process === undefined || this.#closed) return;
    // `ip` keeps a device's index for ever: one that could not write a route through
    // a device that was there a moment ago may never be able to.
    const stale = exchange.kind === "answered" &&
      operations.some((operation, index) =>
        "cause" in operation && isNoDevice(exchange.results[index])
      );
    if (stale) process.unusable = true;
    const wearing = process.mutations >= this.#mutationsPerProcess * 0.8;
    if (wearing && this.#replacement === undefined) {
      this.#replacement = this.#newProcess();
    }
  }

  #record(
    operations: readonly Operation[],
    exchange: BatchResult,
    durationMs: number,
  ): void {
    operations.forEach((operation, index) => {
      if (!("cause" in operation)) return;
      const result = exchange.kind === "answered" ? exchange.results[index] : undefined;
      this.#audit.record({
        ...operation.cause,
        words: render(operation.command),
        outcome: result === undefined ? "unknown" : result.ok ? "done" : "failed",
        failure: result === undefined
          ? exchange.kind === "lost" ? exchange.why : ""
          : result.ok
          ? ""
          : result.failure.words,
        durationMs,
      });
    });
  }
}

function isNoDevice(result: OperationResult | undefined): boolean {
  return result !== undefined && !result.ok && result.failure.kind === "no-device";
}
