import { type ChildProcess, spawn } from "node:child_process";
import type { IpStartReason } from "../../observability/instruments.ts";
import type { InterfaceName } from "../../routing/interface_name.ts";
import {
  type BatchResult,
  type Failure,
  isRead,
  type OperationResult,
  type Read,
} from "../dataplane.ts";
import { Batch, type ReadAnswer } from "./batch.ts";
import { type BatchLine, exitsIfRefused, isDump } from "./commands.ts";
import { Deadline } from "./deadline.ts";
import { classify, isError, isOfKernel, mayBeWarning, parseFailure } from "./errors.ts";
import { IndexCache } from "./index_cache.ts";
import { IP_ENVIRONMENT } from "./ip_command.ts";
import { onLines } from "./lines.ts";
import type { Hang } from "./logs.ts";
import { decode } from "./parse.ts";
import {
  describeNeverAnswered,
  describeStartFault,
  noteStarted,
} from "./process_faults.ts";

/** With these, `ip` executes commands from its standard input until that ends. */
const IP_ARGUMENTS = ["-json", "-Numeric", "-force", "-batch", "-"];

/**
 * Characters of one line of stdout: a dump is one line, and 65,536 routes of ours with
 * their entries in table 142 have 22 million. The heap has four times as much.
 */
const MAX_JSON_LENGTH = 64 * 1024 * 1024;

/** Characters of one line of stderr. */
const MAX_STDERR_LENGTH = 64 * 1024;

/** How many lines of stderr are kept until the failure that they belong to. */
const KEPT_STDERR_LINES = 16;

/** How many lines of stderr may come before a failure or the end of the batch. */
const MAX_STDERR_LINES = 1_000;

/** How many deadlines one batch may last, although output keeps coming. */
const MAX_DEADLINES = 10;

/** Milliseconds for JSON that is still in the pipe after the sentinel. */
const AFTER_SENTINEL_MS = 250;

/** Milliseconds for the last output of an `ip` that has exited. */
const LAST_OUTPUT_MS = 100;

/** The exit code of an `ip` whose change of a neighbour the kernel refused. */
const REFUSED_CODE = 2;

/** Why a batch is lost whose `ip` exited, or was killed by a signal. */
const ENDED = "ip ended";

/** True once any `ip` has answered in this process. */
let anyAnswered = false;

/** How a process is started. */
export interface BatchProcessOptions {
  /** Options of `ip` besides those of every batch. @default {[]} */
  readonly options?: readonly string[];
  /** Called with what `ip` writes that is no answer, and affects none. */
  readonly onWarning?: (warning: string) => void;
  /** Called when it has passed its deadline and was killed. */
  readonly onHang?: ((hang: Hang) => void) | undefined;
  /** Error messages beside good answers, which every `ip` may write; shared by all. */
  readonly harmlessErrors?: Set<string>;
}

/** Why another `ip` has to take its place. */
export type Unusable = Extract<IpStartReason, "stale" | "refused" | "lost">;

/** The batch in flight, and its limits in time. */
interface BatchInFlight {
  readonly batch: Batch;
  /** Error messages that belong to no command; harmless if every read is answered. */
  strayErrors: readonly string[];
  /** Milliseconds without output. */
  readonly deadlineMs: number;
  /** When it was sent, on the clock of `performance.now()`. */
  readonly startedMs: number;
  readonly resolve: (result: BatchResult) => void;
}

/**
 * One `ip -batch` process, which executes one batch at a time ({@linkcode Batch}).
 *
 * If its output cannot be parsed, or answers another command, the batch is lost, and the
 * process is killed, because none of its later answers could be trusted.
 */
export class BatchProcess {
  /** How many routes it has changed: iproute2 6.1 leaks about 4 KB for each. */
  mutations = 0;
  /** Set once its answers cannot be trusted any more: no batch may follow. */
  unusable: Unusable | undefined;
  /** True once it has answered: then the next `ip` will most likely answer as well. */
  hasAnswered = false;
  readonly #child: ChildProcess | undefined;
  readonly #onWarning: (warning: string) => void;
  readonly #onHang: (hang: Hang) => void;
  readonly #closed = Promise.withResolvers<void>();
  readonly #indexes = new IndexCache();
  /** Nearly every call reads the same device, and parsing its JSON takes 5 µs. */
  #lastLink:
    | {
      readonly device: InterfaceName;
      readonly json: string;
      readonly answer: ReadAnswer;
    }
    | undefined;
  /** Lines of stderr that were no failure of a command. */
  readonly #knownWarnings = new Set<string>();
  readonly #harmlessErrors: Set<string>;
  /** Warnings from before its first answer: they may be the usage of another program. */
  readonly #earlyWarnings: string[] = [];
  /** The first line that it wrote. */
  #firstLine: string | undefined;
  /** How it violated the protocol before it ever answered. */
  #violation: string | undefined;
  #exitCode: number | undefined;
  #lastOutputTimer: ReturnType<typeof setTimeout> | undefined;
  /** Why it is unusable, for a caller that sends a batch nevertheless. */
  #why = ENDED;
  /** How many lines were sent. */
  #lines = 0;
  #inFlight: BatchInFlight | undefined;
  /** Lines of stderr whose failure has not come yet. */
  #stderr: string[] = [];
  /** How many lines of stderr came since the last failure or the last batch. */
  #stderrLines = 0;
  readonly #deadline = new Deadline(() => this.#onDeadline());

  constructor(options: BatchProcessOptions = {}) {
    this.#onHang = options.onHang ?? (() => {});
    this.#onWarning = options.onWarning ?? (() => {});
    this.#harmlessErrors = options.harmlessErrors ?? new Set();
    this.#child = this.#start(options.options ?? []);
    // If it could not be started, it has no streams, contrary to its type.
    const { stderr, stdin, stdout } = this.#child ?? {};
    if (!stderr || !stdin || !stdout) return;
    stdin.on("error", () => this.#onViolation("ip closed its input"));
    onLines(stdout, {
      limit: MAX_JSON_LENGTH,
      onLine: (line) => this.#onStdout(line),
      onOverflow: () => this.abort("ip wrote a line that is too long"),
    });
    onLines(stderr, {
      limit: MAX_STDERR_LENGTH,
      onLine: (line) => this.#onStderr(line),
      onOverflow: () => this.abort("ip wrote too much to stderr"),
    });
    stdout.on("data", () => this.#extendDeadline());
  }

  /** Not by Deno.Command, because its web streams cost 40 µs more for every batch. */
  #start(options: readonly string[]): ChildProcess | undefined {
    try {
      const child = spawn("ip", [...options, ...IP_ARGUMENTS], {
        env: { ...IP_ENVIRONMENT },
      });
      child.on("exit", (code) => this.#onExit(code));
      // All of its output has been read by then.
      child.on("close", () => this.#onClosed(ENDED));
      child.on("spawn", noteStarted);
      child.on("error", (error) => this.#onClosed(describeStartFault(error)));
      return child;
    } catch (error) {
      // The sandbox denied it.
      this.#onClosed(describeStartFault(error));
      return undefined;
    }
  }

  /**
   * Executes lines as a batch; the caller waits for the result before the next one. Never
   * rejects.
   *
   * @param deadlineMs milliseconds without output, after which `ip` is killed; a long dump
   * may take many times that
   */
  run(lines: readonly BatchLine[], deadlineMs: number): Promise<BatchResult> {
    return this.#indexes.send(lines, (batch) => this.#send(batch, deadlineMs));
  }

  #send(lines: readonly BatchLine[], deadlineMs: number): Promise<BatchResult> {
    if (this.unusable !== undefined) {
      return Promise.resolve({ kind: "lost", why: this.#why });
    }
    const { promise, resolve } = Promise.withResolvers<BatchResult>();
    const batch = new Batch(lines, this.#lines + 1);
    this.#lines += lines.length + 1;
    this.#deadline.set(deadlineMs);
    const startedMs = performance.now();
    this.#inFlight = { batch, strayErrors: [], deadlineMs, startedMs, resolve };
    this.#child?.stdin?.write(batch.text);
    return promise;
  }

  /** Closes its input, so that it exits after what was sent; takes 1 s at most. */
  async close(): Promise<void> {
    this.unusable ??= "lost";
    // A stopped process reacts to SIGKILL only, and one that hangs in the kernel not at all.
    const timers = [
      setTimeout(() => this.#child?.kill("SIGKILL"), 900),
      setTimeout(() => this.#closed.resolve(), 1000),
    ];
    this.#child?.stdin?.end();
    await this.#closed.promise;
    for (const timer of timers) clearTimeout(timer);
  }

  /** Kills it now; the batch in flight is lost. */
  abort(reason: string, unusable: Unusable = "lost"): void {
    const inFlight = this.#inFlight;
    const why = this.#explain(reason);
    if (this.unusable === undefined) {
      this.unusable = unusable;
      this.#why = why;
      this.#child?.kill("SIGKILL");
    }
    clearTimeout(this.#lastOutputTimer);
    if (inFlight !== undefined) this.#resolve(inFlight, { kind: "lost", why });
  }

  #resolve({ resolve }: BatchInFlight, result: BatchResult): void {
    this.#deadline.clear();
    this.#inFlight = undefined;
    resolve(result);
  }

  /** Explains the loss of an `ip` that never answered by the kind of the program. */
  #explain(why: string): string {
    if (this.hasAnswered || this.unusable !== undefined) return why;
    if (why !== ENDED && why !== this.#violation) return why;
    const code = this.#exitCode;
    if (code === undefined && why === ENDED) return why;
    return describeNeverAnswered(
      code === undefined ? { kind: "violation", why } : { kind: "exited", code },
      this.#firstLine,
      anyAnswered,
    );
  }

  #onDeadline(): void {
    const inFlight = this.#inFlight;
    if (inFlight === undefined) return;
    const { batch, deadlineMs, startedMs } = inFlight;
    this.abort(`ip did not answer within ${deadlineMs} ms`);
    const durationMs = performance.now() - startedMs;
    this.#onHang({ commands: batch.lines.map(({ text }) => text), durationMs });
  }

  #extendDeadline(): void {
    if (this.#inFlight === undefined) return;
    const { batch, deadlineMs, startedMs } = this.#inFlight;
    const endMs = startedMs + MAX_DEADLINES * deadlineMs;
    const leftMs = Math.max(0, endMs - performance.now());
    const limitMs = batch.ended ? AFTER_SENTINEL_MS : Infinity;
    this.#deadline.set(Math.min(deadlineMs, limitMs, leftMs));
  }

  /** @param code null if a signal ended it */
  #onExit(code: number | null): void {
    this.#exitCode = code ?? undefined;
    const mayBeRefusal = code === REFUSED_CODE && this.#mayExit();
    const isOver = this.hasAnswered || this.unusable !== undefined || code === null;
    if (!mayBeRefusal && isOver) return this.#onClosed(ENDED);
    // Its last output may still be in the pipes, and a child of its own may keep them open.
    this.#lastOutputTimer ??= setTimeout(() => this.#onClosed(ENDED), LAST_OUTPUT_MS);
  }

  /** True if it exits at the command in flight when the kernel refuses that. */
  #mayExit(): boolean {
    const lines = this.#inFlight?.batch.lines ?? [];
    const [line, ...others] = lines;
    return line !== undefined && others.length === 0 && exitsIfRefused(line.command);
  }

  /** The failure of the command in flight, if that made it exit. */
  #takeRefusal(): Failure | undefined {
    if (this.#exitCode !== REFUSED_CODE || !this.#mayExit()) return undefined;
    const failure = this.#takeFailure();
    return failure !== undefined && isOfKernel(failure) ? failure : undefined;
  }

  #onClosed(why: string): void {
    const inFlight = this.#inFlight;
    const failure = this.#takeRefusal();
    if (inFlight !== undefined && failure !== undefined) {
      this.unusable ??= "refused";
      this.#onAnswered(inFlight, [{ ok: false, failure }]);
    }
    this.abort(why);
    this.#deadline.close();
    this.#closed.resolve();
  }

  /**
   * Handles what the `ip` of iproute2 never does. If this one has never answered, its exit
   * code and its output in the next moments explain more.
   */
  #onViolation(why: string): void {
    if (this.hasAnswered || this.unusable !== undefined) return this.abort(why);
    if (this.#violation !== undefined) return;
    this.#violation = why;
    this.#lastOutputTimer ??= setTimeout(() => this.abort(why), LAST_OUTPUT_MS);
  }

  /** True for output that does not count any more. Keeps the first line of each process. */
  #isIgnored(line: string): boolean {
    // Output of a batch that was lost may still be in the pipes.
    if (this.unusable !== undefined && this.#inFlight === undefined) return true;
    if (!this.hasAnswered && line.trim() !== "") this.#firstLine ??= line.trim();
    return this.#violation !== undefined;
  }

  #onStdout(line: string): void {
    if (this.#isIgnored(line)) return;
    const inFlight = this.#inFlight;
    if (inFlight === undefined) {
      return this.#onViolation("ip gave an answer without a command");
    }
    if (!inFlight.batch.addJson(line)) return this.#onViolation(TOO_MANY_ANSWERS);
    this.#resolveIfComplete(inFlight);
  }

  #onStderr(line: string): void {
    if (this.#isIgnored(line)) return;
    const failed = /^Command failed -:(\d+)$/.exec(line);
    if (failed !== null) return this.#onFailure(Number(failed[1]));
    if (line.includes("Command failed")) {
      return this.#onViolation("ip reported a failure that cannot be read");
    }
    this.#stderrLines += 1;
    if (this.#stderrLines > MAX_STDERR_LINES) {
      return this.abort("ip wrote too much to stderr");
    }
    if (line.trim() === "") return;
    this.#stderr.push(line);
    if (this.#stderr.length <= KEPT_STDERR_LINES) return;
    const [stray] = this.#takeWarnings(this.#stderr.splice(0, 1));
    if (stray !== undefined) this.abort(stray);
  }

  /** Handles `Command failed -:N`; the lines before are the reason, and warnings. */
  #onFailure(number: number): void {
    const inFlight = this.#inFlight;
    if (inFlight === undefined) {
      return this.abort("ip reported a failure without a command");
    }
    const { batch } = inFlight;
    if (batch.isSentinel(number, this.#stderr.at(-1) ?? "")) {
      return this.#onSentinel(inFlight, this.#takeStderr().slice(0, -1));
    }
    if (!batch.canFail(number)) {
      return this.abort("ip reported a failure of a line that was not sent");
    }
    const failure = this.#takeFailure();
    if (failure !== undefined) batch.addFailure(number, failure);
  }

  /** The failure in the last lines of stderr; undefined if they end the process. */
  #takeFailure(): Failure | undefined {
    const { message, stray, warnings } = parseFailure(
      this.#takeStderr(),
      (line) => this.#knownWarnings.has(line),
    );
    this.#takeWarnings(warnings);
    if (stray === undefined || this.#harmlessErrors.has(stray)) {
      return classify(message);
    }
    this.abort(stray);
    return undefined;
  }

  #takeStderr(): readonly string[] {
    this.#stderrLines = 0;
    return this.#stderr.splice(0);
  }

  #onSentinel(inFlight: BatchInFlight, lines: readonly string[]): void {
    const { batch } = inFlight;
    if (batch.ended) return this.abort("ip ended a batch twice");
    const errors = this.#takeWarnings(lines);
    const onlyReads = batch.reads === batch.lines.length;
    const fatal = errors.find((line) => !onlyReads || !mayBeWarning(line));
    if (fatal !== undefined) return this.abort(fatal);
    inFlight.strayErrors = errors;
    batch.end();
    this.#resolveIfComplete(inFlight);
  }

  /**
   * Logs lines that belong to no failed command.
   *
   * @returns those that are error messages, e.g. of a dump that was interrupted
   */
  #takeWarnings(lines: readonly string[]): readonly string[] {
    const isStray = (line: string) => isError(line) && !this.#harmlessErrors.has(line);
    for (const line of lines) {
      if (isStray(line)) continue;
      if (this.#knownWarnings.size < KEPT_STDERR_LINES) this.#knownWarnings.add(line);
      if (this.hasAnswered) this.#onWarning(line);
      else if (this.#earlyWarnings.length < KEPT_STDERR_LINES) {
        this.#earlyWarnings.push(line);
      }
    }
    return lines.filter(isStray);
  }

  #resolveIfComplete(inFlight: BatchInFlight): void {
    const { batch } = inFlight;
    if (!batch.ended) return;
    // `ip` flushed the JSON before it reported the sentinel: it is in the pipe.
    if (batch.missing > 0) return this.#extendDeadline();
    if (batch.missing < 0) return this.abort(TOO_MANY_ANSWERS);
    const answer = batch.answer((command, json) => this.#read(command, json));
    switch (answer.kind) {
      case "answered":
        return this.#onAnswered(inFlight, answer.results);
      case "violation":
        return this.#onViolation(answer.why);
      case "stale":
        return this.abort(answer.why, "stale");
      default:
        answer satisfies never;
    }
  }

  #onAnswered(
    inFlight: BatchInFlight,
    results: readonly OperationResult[],
  ): void {
    const { batch, strayErrors } = inFlight;
    for (const line of strayErrors) {
      if (this.#harmlessErrors.size < KEPT_STDERR_LINES) this.#harmlessErrors.add(line);
      this.#onWarning(line);
    }
    this.#count(batch.lines, results);
    this.hasAnswered = anyAnswered = true;
    for (const line of this.#earlyWarnings.splice(0)) this.#onWarning(line);
    this.#resolve(inFlight, { kind: "answered", results });
  }

  #read(command: Read, json: string): ReadAnswer {
    const last = this.#lastLink;
    if (command.kind === "link" && last?.device === command.device) {
      if (last.json === json) return last.answer;
    }
    const decoded = decode(command, json);
    if (decoded.kind === "unreadable") return { kind: "violation", why: decoded.why };
    for (const entry of decoded.skipped) {
      this.#onWarning(`an entry that cannot be read: ${JSON.stringify(entry)}`);
    }
    const { answer } = decoded;
    // `ip` filters the answer out, `[{}]`, if the name has another index by now. After a
    // route has shown it the new device it knows both: then the index is another one.
    const isStale = command.kind === "link" && answer.kind === "link" &&
      answer.link.kind === "present" &&
      !this.#indexes.confirm(command.device, answer.ifindex);
    if (isStale) return { kind: "stale", why: "a device has a new index" };
    const result: ReadAnswer = { kind: "answer", answer };
    if (command.kind === "link") {
      this.#lastLink = { device: command.device, json, answer: result };
    }
    return result;
  }

  #count(lines: readonly BatchLine[], results: readonly OperationResult[]): void {
    for (const [index, { command }] of lines.entries()) {
      const ok = results[index]?.ok === true;
      if (ok && !isRead(command)) this.mutations += 1;
      // A dump that fails leaves "[" behind, in front of the next line of JSON.
      if (!ok && isDump(command)) this.unusable ??= "refused";
    }
  }
}

const TOO_MANY_ANSWERS = "ip gave more answers than it received commands";
