import type { LineWriter } from "../observability/buffered_line_writer.ts";
import type { Cause } from "./dataplane.ts";
import { escapeInvisible } from "../shared/quote.ts";

/** `unknown`: `ip` was lost during the batch, so that the kernel must be read again. */
export type AuditOutcome = "done" | "failed" | "unknown" | "dry-run";

/** One mutation. */
export interface AuditEntry {
  readonly cause: Cause;
  /** Exactly what `ip` was sent; the field `words` of the record. */
  readonly command: string;
  readonly outcome: AuditOutcome;
  /** The message of the kernel or of `ip` on failure; empty otherwise. */
  readonly failure: string;
  /** Milliseconds from sending the batch to its answer; the same for a whole batch. */
  readonly durationMs: number;
}

/** How many characters are written before {@linkcode AuditLog.drain} waits. */
const DRAIN_AFTER = 256 * 1024;

/** Milliseconds after which a reader that has not taken them reads nothing at all. */
const STUCK_MS = 900;

/** Writes one JSON line for each mutation, numbered without gaps from 1. */
export class AuditLog {
  readonly #sink: LineWriter;
  #sequence = 0;
  #sinceDrain = 0;
  /** The current second of UTC, up to the dot before the milliseconds. */
  #second = { atMs: 0, text: "" };

  constructor(sink: LineWriter) {
    this.#sink = sink;
  }

  /** Never blocks: a gap in `sequence` shows the reader that lines were dropped. */
  record({ cause, command, durationMs, failure, outcome }: AuditEntry): void {
    this.#sequence += 1;
    // The name of a device and a message of `ip` may contain any character.
    const line = escapeInvisible(JSON.stringify({
      time: this.#now(),
      sequence: this.#sequence,
      rpc: cause.rpc,
      peer: cause.peer,
      subject: cause.subject,
      words: command,
      outcome,
      failure,
      duration_ms: Math.round(durationMs * 1000) / 1000,
      trace_id: cause.trace?.traceId,
    }));
    this.#sinceDrain += line.length;
    this.#sink.write(line);
  }

  /**
   * Waits until the reader has caught up, if much was written since the last time: the
   * records of some thousands of mutations in a row do not fit into the buffer.
   *
   * @returns false if the reader is stuck: then there is nothing to wait for
   */
  async drain(): Promise<boolean> {
    if (this.#sinceDrain < DRAIN_AFTER) return true;
    const startedMs = performance.now();
    await this.#sink.flush();
    this.#sinceDrain = 0;
    return performance.now() - startedMs < STUCK_MS;
  }

  /** RFC 3339 in UTC. Formats the date once a second, because that takes 1 µs. */
  #now(): string {
    const ms = Date.now();
    const sinceMs = ms - this.#second.atMs;
    if (sinceMs >= 0 && sinceMs < 1000) {
      return `${this.#second.text}${String(sinceMs).padStart(3, "0")}Z`;
    }
    const text = new Date(ms).toISOString();
    this.#second = { atMs: ms - ms % 1000, text: text.slice(0, -"000Z".length) };
    return text;
  }
}
