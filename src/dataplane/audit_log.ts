import type { LineWriter } from "../observability/buffered_line_writer.ts";
import type { Cause } from "./dataplane.ts";
import { escapeInvisible } from "../shared/quote.ts";

/** `unknown`: `ip` was lost in the middle, and the kernel was asked again after it. */
export type AuditOutcome = "done" | "failed" | "unknown" | "dry-run";

/** What the trail keeps of one mutation. */
export interface AuditEntry extends Cause {
  /** Exactly what was handed to `ip`. */
  readonly words: string;
  readonly outcome: AuditOutcome;
  /** The kernel's words on failure; empty otherwise. */
  readonly failure: string;
  /** From handing over to the kernel's answer; shared by one exchange. */
  readonly durationMs: number;
}

/** After so many characters a large piece of work lets the reader of the trail catch up. */
const DRAIN_AFTER = 256 * 1024;

/** A reader that has not taken that much within this time reads nothing at all. */
const STUCK_MS = 900;

/** Writes one JSON line for each mutation, numbered without gaps from 1. */
export class AuditLog {
  readonly #sink: LineWriter;
  #sequence = 0;
  #sinceDrain = 0;
  #time = { ms: 0, text: "" };

  constructor(sink: LineWriter) {
    this.#sink = sink;
  }

  /** Never blocks: a gap in `sequence` on the far side tells of lines it could not take. */
  record(entry: AuditEntry): void {
    this.#sequence += 1;
    // The name of a device and the words of ip may hold any character.
    const line = escapeInvisible(JSON.stringify({
      time: this.#now(),
      sequence: this.#sequence,
      rpc: entry.rpc,
      peer: entry.peer,
      subject: entry.subject,
      words: entry.words,
      outcome: entry.outcome,
      failure: entry.failure,
      duration_ms: Math.round(entry.durationMs * 1000) / 1000,
    }));
    this.#sinceDrain += line.length;
    this.#sink.write(line);
  }

  /**
   * Waits, if much was written since it last did, until the reader has caught up: some
   * thousands of mutations in a row would not fit into the room that the trail has.
   *
   * @returns false if nobody reads: then there is nothing to wait for
   */
  async drain(): Promise<boolean> {
    if (this.#sinceDrain < DRAIN_AFTER) return true;
    const began = performance.now();
    await this.#sink.flush();
    this.#sinceDrain = 0;
    return performance.now() - began < STUCK_MS;
  }

  /** Written out once a millisecond: a SyncRoutes makes hundreds of records in one. */
  #now(): string {
    const ms = Date.now();
    if (ms !== this.#time.ms) this.#time = { ms, text: new Date(ms).toISOString() };
    return this.#time.text;
  }
}
