/**
 * The dataplane that executes `ip` of iproute2, and the only component that starts a
 * process. A batch goes this way: `Iproute2Dataplane` (queue, audit log, replacement of
 * processes) → `BatchProcess` (one `ip -batch`) → `Batch` (which output belongs to which
 * command) → parse.ts and errors.ts. `MonitorProcess` runs an `ip monitor` beside it for
 * each of the two watches.
 *
 * May import: dataplane, ipam, observability, routing and shared.
 */
import {
  type ExchangeKind,
  type Instruments,
  type IpStartReason,
  NO_INSTRUMENTS,
  type OperationOutcome,
} from "../../observability/instruments.ts";
import type { TraceParent } from "../../shared/trace_parent.ts";
import type { AuditLog } from "../audit_log.ts";
import type { DataPathEvent } from "../data_path.ts";
import {
  type BatchResult,
  type Dataplane,
  type FailureKind,
  isRead,
  type KernelEvent,
  type KernelWatch,
  type Lost,
  type Mutation,
  type Operation,
  type OperationResult,
  type Read,
} from "../dataplane.ts";
import { BatchProcess } from "./batch_process.ts";
import { type BatchLine, partsOf, toLine } from "./commands.ts";
import { watchDataPath } from "./data_path_monitor.ts";
import { type DumpPart, runParts } from "./dump.ts";
import { startExchangeSpans } from "./exchange_spans.ts";
import type { Hang } from "./logs.ts";
import { watchKernel } from "./monitor.ts";

/** How the dataplane runs `ip`; the defaults are for production. */
export interface Iproute2Options {
  /** Milliseconds for one batch without output, then `ip` is killed. @default {2000} */
  readonly deadlineMs?: number;
  /**
   * How many routes one `ip` changes before another one replaces it. It leaks about 4.1 KB
   * for each (iproute2 6.1), so 3,000 keep it near 16 MB. @default {3000}
   */
  readonly mutationsPerProcess?: number;
  /** The largest number of waiting batches. @default {256} */
  readonly queueLimit?: number;
  /**
   * Called with the reason when `ip` no longer answers, and with undefined when it answers
   * again. An `ip` that exits is not reported if the next one answers.
   */
  readonly onReach?: ((fault: string | undefined) => void) | undefined;
  /** Called with each mutation before it is sent to `ip`. */
  readonly onWrite?: ((command: Mutation) => void) | undefined;
  /** Called for each `ip` that passed its deadline and was killed. */
  readonly onHang?: ((hang: Hang) => void) | undefined;
  /** Called with each line of `ip` that is not an answer and does not affect one. */
  readonly onWarning?: ((warning: string) => void) | undefined;
  /** Where batches, operations and processes are counted. @default nowhere */
  readonly instruments?: DataplaneInstruments;
}

/** The metrics of the dataplane. */
export type DataplaneInstruments = Pick<
  Instruments,
  "batchWaited" | "exchangeEnded" | "ipStarted" | "operationsEnded"
>;

const CLOSED: Lost = { kind: "lost", why: "the sidecar is shutting down" };
const QUEUE_FULL: Lost = { kind: "lost", why: "too many batches are waiting" };

/** A read that every working `ip` answers. */
const PROBE: Read = { kind: "own-routes" };

/** A finished batch. */
interface FinishedBatch {
  readonly lines: readonly BatchLine[];
  readonly result: BatchResult;
  readonly durationMs: number;
}

/**
 * Runs batches one after another on one long-lived `ip`, and writes one audit record for
 * each mutation. Dumps run on processes of their own.
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
  readonly #instruments: DataplaneInstruments;
  /** Error messages that every `ip` writes together with valid answers. */
  readonly #harmlessErrors = new Set<string>();
  /** Why `ip` does not answer; undefined while it does. */
  #fault: string | undefined;
  #process: BatchProcess | undefined;
  /** Started before it is needed, so that no call waits for its start. */
  #replacement: BatchProcess | undefined;
  #tail: Promise<unknown> = Promise.resolve();
  readonly #dumpers = new Set<BatchProcess>();
  #queued = 0;
  #closed = false;
  #aborted = false;

  constructor(audit: AuditLog, options: Iproute2Options = {}) {
    this.#audit = audit;
    this.#deadlineMs = options.deadlineMs ?? 2000;
    this.#mutationsPerProcess = options.mutationsPerProcess ?? 3000;
    this.#queueLimit = options.queueLimit ?? 256;
    this.#onReach = options.onReach ?? (() => {});
    this.#onWarning = options.onWarning ?? (() => {});
    this.#onHang = options.onHang;
    this.#onWrite = options.onWrite;
    this.#instruments = options.instruments ?? NO_INSTRUMENTS;
  }

  /** The number of batches that wait for `ip` or run. */
  get queueDepth(): number {
    return this.#queued;
  }

  run(
    operations: readonly Operation[],
    traces: readonly TraceParent[] = [],
  ): Promise<BatchResult> {
    if (this.#closed) return Promise.resolve(CLOSED);
    if (this.#queued >= this.#queueLimit) return Promise.resolve(QUEUE_FULL);
    this.#queued += 1;
    const queuedMs = performance.now();
    const batch = this.#tail.then(() => this.#runNext(operations, traces, queuedMs));
    this.#tail = batch;
    return this.#conclude(operations, batch);
  }

  watch(listener: (event: KernelEvent) => void): KernelWatch {
    return watchKernel(listener, this.#onWarning);
  }

  drainAuditLog(): Promise<boolean> {
    return this.#audit.drain();
  }

  watchDataPath(listener: (event: DataPathEvent) => void): KernelWatch {
    return watchDataPath(listener, this.#onWarning);
  }

  async dump(reads: readonly Read[]): Promise<BatchResult> {
    const dumped = await runParts(reads, (part) => this.#dump(part));
    if (dumped.kind === "lost" || this.#fault !== undefined) await this.#probe();
    return dumped;
  }

  /** Waits for the batches in flight, then lets `ip` exit. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#tail;
    await Promise.all([this.#process?.close(), this.#replacement?.close()]);
  }

  abort(): void {
    this.#closed = true;
    this.#aborted = true;
    for (const process of [this.#process, this.#replacement, ...this.#dumpers]) {
      process?.abort(CLOSED.why);
    }
  }

  /** Tests the `ip` that calls use, because no other one shows whether they can succeed. */
  async #probe(): Promise<void> {
    const { kind } = await this.run([{ command: PROBE }]);
    // If it has exited and that was not noticed yet, the next one answers the question.
    if (kind === "lost") await this.run([{ command: PROBE }]);
  }

  async #dump({ options, reads }: DumpPart): Promise<BatchResult> {
    if (this.#closed) return CLOSED;
    const process = this.#newProcess(options);
    this.#dumpers.add(process);
    const result = await this.#exchange(process, reads.map(toLine), "dump");
    await process.close();
    this.#dumpers.delete(process);
    this.#countOperations(reads, result);
    return result;
  }

  /** Writes the audit records one turn later, after the next batch was sent to `ip`. */
  async #conclude(
    operations: readonly Operation[],
    batch: Promise<FinishedBatch>,
  ): Promise<BatchResult> {
    const finished = await batch;
    await Promise.resolve();
    this.#record(operations, finished);
    this.#countOperations(operations.map(({ command }) => command), finished.result);
    return finished.result;
  }

  async #runNext(
    operations: readonly Operation[],
    traces: readonly TraceParent[],
    queuedMs: number,
  ): Promise<FinishedBatch> {
    const startedMs = performance.now();
    this.#instruments.batchWaited((startedMs - queuedMs) / 1000);
    const lines = operations.map(({ command }) => toLine(command));
    const endSpans = startExchangeSpans(traces, {
      operations: operations.length,
      waitedMs: startedMs - queuedMs,
    });
    const result = await this.#execute(lines);
    const durationMs = performance.now() - startedMs;
    endSpans(result);
    this.#queued -= 1;
    this.#prepareReplacement(operations, result);
    return { lines, result, durationMs };
  }

  async #execute(lines: readonly BatchLine[]): Promise<BatchResult> {
    const results: OperationResult[] = [];
    for (const part of partsOf(lines)) {
      const result = this.#aborted ? CLOSED : await this.#send(part);
      if (result.kind === "lost") return result;
      results.push(...result.results);
    }
    return { kind: "answered", results };
  }

  async #send(lines: readonly BatchLine[]): Promise<BatchResult> {
    const process = this.#currentProcess();
    const isFirst = !process.hasAnswered;
    for (const { command } of lines) {
      if (!isRead(command)) this.#onWrite?.(command);
    }
    const result = await this.#exchange(process, lines, "batch");
    if (result.kind === "answered") {
      // An empty batch shows nothing about the kernel.
      if (lines.length > 0) this.#setFault(undefined);
    } else if (isFirst && !this.#aborted) await this.#diagnose(lines, result.why);
    return result;
  }

  /**
   * A new `ip` was lost. Either this batch caused that, or no `ip` can answer; a probe shows
   * which of the two is true. During a fault each batch is its own probe, so that calls do
   * not wait for another one.
   */
  async #diagnose(lines: readonly BatchLine[], why: string): Promise<void> {
    const isProbe = lines.length === 1 && lines[0]?.command === PROBE;
    if (isProbe || this.#fault !== undefined) return this.#setFault(why);
    const process = this.#currentProcess();
    const probed = await this.#exchange(process, [toLine(PROBE)], "batch");
    this.#setFault(probed.kind === "lost" ? probed.why : undefined);
  }

  /** Sends lines to an `ip`, and measures how long it takes to answer. */
  async #exchange(
    process: BatchProcess,
    lines: readonly BatchLine[],
    kind: ExchangeKind,
  ): Promise<BatchResult> {
    const deadlineMs = kind === "dump" ? this.#dumpDeadlineMs : this.#deadlineMs;
    const startedMs = performance.now();
    const result = await process.run(lines, deadlineMs);
    const seconds = (performance.now() - startedMs) / 1000;
    this.#instruments.exchangeEnded({ kind, outcome: result.kind, seconds });
    return result;
  }

  #newProcess(options: readonly string[] = []): BatchProcess {
    return new BatchProcess({
      options,
      onWarning: this.#onWarning,
      onHang: this.#onHang,
      harmlessErrors: this.#harmlessErrors,
    });
  }

  #setFault(fault: string | undefined): void {
    const before = this.#fault;
    this.#fault = fault;
    if ((before === undefined) !== (fault === undefined)) this.#onReach(fault);
  }

  #currentProcess(): BatchProcess {
    const current = this.#process;
    const reason = this.#reasonToReplace(current);
    if (current !== undefined && reason === undefined) return current;
    if (current !== undefined) void current.close();
    const replacement = this.#replacement;
    this.#replacement = undefined;
    this.#process = replacement === undefined || replacement.unusable !== undefined
      ? this.#newProcess()
      : replacement;
    this.#instruments.ipStarted(reason ?? "first");
    return this.#process;
  }

  #reasonToReplace(process: BatchProcess | undefined): IpStartReason | undefined {
    if (process?.unusable !== undefined) return process.unusable;
    const mutations = process?.mutations ?? 0;
    return mutations >= this.#mutationsPerProcess ? "rotation" : undefined;
  }

  #prepareReplacement(operations: readonly Operation[], result: BatchResult): void {
    const process = this.#process;
    if (process === undefined || this.#closed) return;
    // `ip` looks up the index of a device only once. If it cannot write a route through a
    // device that existed a moment ago, its index is old, and every later try fails too.
    const isStale = result.kind === "answered" &&
      operations.some(({ command }, index) =>
        (!isRead(command) || command.kind === "look-up") &&
        isNoDevice(result.results[index])
      );
    if (isStale) process.unusable ??= "stale";
    const rotationNear = process.mutations >= this.#mutationsPerProcess * 0.8;
    if (rotationNear && this.#replacement === undefined) {
      this.#replacement = this.#newProcess();
    }
  }

  /** Counts equal ones together, because a large batch has hundreds of a few kinds. */
  #countOperations(
    commands: readonly (Mutation | Read)[],
    result: BatchResult,
  ): void {
    const counts = new Map<OperationOutcome, Map<string, number>>();
    for (const [index, command] of commands.entries()) {
      const { kind } = command;
      const outcome = outcomeOf(
        command,
        result.kind === "answered" ? result.results[index] : undefined,
      );
      const kinds = counts.get(outcome) ?? new Map<string, number>();
      counts.set(outcome, kinds.set(kind, (kinds.get(kind) ?? 0) + 1));
    }
    for (const [outcome, kinds] of counts) {
      for (const [kind, count] of kinds) {
        this.#instruments.operationsEnded(kind, outcome, count);
      }
    }
  }

  #record(
    operations: readonly Operation[],
    { durationMs, lines, result }: FinishedBatch,
  ): void {
    for (const [index, operation] of operations.entries()) {
      if (!("cause" in operation)) continue;
      const { cause } = operation;
      const command = lines[index]?.text ?? "";
      const audited = { cause, command, durationMs };
      if (result.kind === "lost") {
        this.#audit.record({ ...audited, outcome: "unknown", failure: result.why });
        continue;
      }
      const one = result.results[index];
      this.#audit.record(
        one === undefined || one.ok
          ? { ...audited, outcome: one === undefined ? "unknown" : "done", failure: "" }
          : { ...audited, outcome: "failed", failure: one.failure.message },
      );
    }
  }
}

/** The outcome of one operation; without a result its batch was lost. */
function outcomeOf(
  command: Mutation | Read,
  result: OperationResult | undefined,
): OperationOutcome {
  if (result === undefined) return "unknown";
  if (result.ok) return "done";
  return isRead(command) && ABSENT.has(result.failure.kind) ? "absent" : "failed";
}

/** The kernel's answer that there is nothing to read. */
const ABSENT: ReadonlySet<FailureKind> = new Set<FailureKind>([
  "absent",
  "no-device",
  "no-table",
  "unreachable",
]);

function isNoDevice(result: OperationResult | undefined): boolean {
  return result !== undefined && !result.ok && result.failure.kind === "no-device";
}
