import type { LineWriter } from "../observability/buffered_line_writer.ts";
import { escapeInvisible } from "../shared/quote.ts";

/** Why a mutation is made: what asked for it, and who. */
export interface Cause {
  /** An RPC's name, or what else set the sidecar in motion, e.g. `repair`. */
  readonly rpc: string;
  /** The caller's address; empty when no caller stands behind it. */
  readonly peer: string;
  /** Whom the caller's certificate is for; only under mTLS. */
  readonly subject?: string;
}

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
const PACE = 256 * 1024;

/** A reader that has not taken that much within this time reads nothing at all. */
const STUCK_MS = 900;

/** Writes one JSON line for each mutation, numbered without gaps from 1. */
export class AuditTrail {
  readonly #sink: LineWriter;
  #sequence = 0;
  #sincePace = 0;
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
    this.#sincePace += line.length;
    this.#sink.write(line);
  }

  /**
   * Waits, if much was written since it last did, until the reader has caught up: some
   * thousands of mutations in a row would not fit into the room that the trail has.
   *
   * @returns false if nobody reads: then there is nothing to wait for
   */
  async pace(): Promise<boolean> {
    if (this.#sincePace < PACE) return true;
    const began = performance.now();
    await this.#sink.flush();
    this.#sincePace = 0;
    return performance.now() - began < STUCK_MS;
  }

  /** Written out once a millisecond: a SyncRoutes makes hundreds of records in one. */
  #now(): string {
    const ms = Date.now();
    if (ms !== this.#time.ms) this.#time = { ms, text: new Date(ms).toISOString() };
    return this.#time.text;
  }
}
