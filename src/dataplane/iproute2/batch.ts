import {
  type Answer,
  type Failure,
  isRead,
  type OperationResult,
  type Read,
} from "../dataplane.ts";
import type { BatchLine, Command } from "./commands.ts";
import { parseRefusal } from "./errors.ts";

/** The answer to a read, or why the process can no longer be trusted. */
export type ReadAnswer =
  | { readonly kind: "answer"; readonly answer: Answer }
  | ReadFault;

/** `violation`: no `ip` of iproute2 writes that. `stale`: it knows an old index. */
export interface ReadFault {
  readonly kind: "violation" | "stale";
  readonly why: string;
}

/** The results in the order of the lines, or the first fault. */
export type BatchAnswer =
  | { readonly kind: "answered"; readonly results: readonly OperationResult[] }
  | ReadFault;

/**
 * One batch in flight, and which line of output belongs to which command.
 *
 * The last line of a batch, the sentinel, names an object that does not exist. `ip` reports
 * that failure on stderr, in order, after the failures of all lines before. A failure
 * carries the number of its line, and each read that did not fail writes one line of
 * JSON to stdout, so that every output has exactly one owner.
 */
export class Batch {
  readonly lines: readonly BatchLine[];
  /** How many lines of JSON `ip` writes if nothing fails. */
  readonly reads: number;
  readonly #firstNumber: number;
  readonly #sentinel: string;
  readonly #failures = new Map<number, Failure>();
  #failedReads = 0;
  /** The index of the last failure: failures come in the order of the lines. */
  #lastFailed = -1;
  readonly #json: string[] = [];
  #ended = false;

  /** @param firstNumber the number of the first line; `ip` counts from 1 */
  constructor(lines: readonly BatchLine[], firstNumber: number) {
    this.lines = lines;
    this.#firstNumber = firstNumber;
    this.#sentinel = `end-of-batch-${firstNumber + lines.length}`;
    let reads = 0;
    for (const { command } of lines) if (isRead(command)) reads += 1;
    this.reads = reads;
  }

  /** The input of `ip`. */
  get text(): string {
    let text = "";
    for (const line of this.lines) text += `${line.text}\n`;
    return `${text}${this.#sentinel}\n`;
  }

  /** True after {@linkcode end}: no failure can follow. */
  get ended(): boolean {
    return this.#ended;
  }

  /** How many lines of JSON are missing; negative if there are too many. */
  get missing(): number {
    return this.reads - this.#failedReads - this.#json.length;
  }

  /** Adds a line of stdout; false if `ip` has written more than there are reads. */
  addJson(line: string): boolean {
    this.#json.push(line);
    return this.#json.length <= this.reads;
  }

  /**
   * True if this failure is the sentinel's.
   *
   * @param number the number in `Command failed -:N`
   * @param message the line in front of it
   */
  isSentinel(number: number, message: string): boolean {
    return number === this.#firstNumber + this.lines.length &&
      message.startsWith("Object ") && message.includes(`"${this.#sentinel}"`);
  }

  end(): void {
    this.#ended = true;
  }

  /** True if the line of this number was sent, and can still fail. */
  canFail(number: number): boolean {
    const index = number - this.#firstNumber;
    return !this.#ended && index > this.#lastFailed && index < this.lines.length;
  }

  /** Stores the failure of a line that {@linkcode canFail}. */
  addFailure(number: number, failure: Failure): void {
    const index = number - this.#firstNumber;
    this.#failures.set(index, failure);
    this.#lastFailed = index;
    const line = this.lines[index];
    if (line !== undefined && isRead(line.command)) this.#failedReads += 1;
  }

  /** Reads the answers, after the batch has ended and nothing is missing. */
  answer(read: (command: Read, json: string) => ReadAnswer): BatchAnswer {
    const results: OperationResult[] = [];
    let answered = 0;
    for (const [index, { command }] of this.lines.entries()) {
      const failure = this.#failures.get(index);
      if (failure !== undefined) results.push(failedResult(command, failure));
      else if (!isRead(command)) results.push(DONE);
      else {
        const result = read(command, this.#json[answered] ?? "");
        if (result.kind !== "answer") return result;
        results.push({ ok: true, answer: result.answer });
        answered += 1;
      }
    }
    return { kind: "answered", results };
  }
}

const DONE: OperationResult = { ok: true, answer: { kind: "done" } };

/** A look-up asks what becomes of a packet: that the FIB refuses it is the answer. */
function failedResult(command: Command, failure: Failure): OperationResult {
  const why = command.kind === "look-up" ? parseRefusal(failure) : undefined;
  return why === undefined
    ? { ok: false, failure }
    : { ok: true, answer: { kind: "look-up", result: { kind: "refused", why } } };
}
