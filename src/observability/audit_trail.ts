import { escapeInvisible } from "../shared/quote.ts";
import {
  type ByteWriter,
  type CountingLineWriter,
  createBufferedLineWriter,
  type LineWriter,
} from "./buffered_line_writer.ts";
import { HASH_CHAIN, withOwnHash } from "./hash_chain.ts";

/** The version of the records: a field may be added, and none changes its meaning. */
const SCHEMA = 2;

/** More than that of the log, because a record is worth more memory than a log line. */
const BACKLOG_BYTES = 4 * 1024 * 1024;

/** What the first record of a process has. */
export interface TrailStart {
  /** The sidecar's version. */
  readonly version: string;
  /** The options of `serve` that were given, e.g. `--log-level=debug`. */
  readonly options: readonly string[];
  /** What the sandbox grants, e.g. `run=ip`. */
  readonly grants: readonly string[];
}

/** How far the trail is. */
export interface AuditCounts {
  /** How many records are written, those of gaps not counted. */
  readonly written: number;
  /** How many records were lost. */
  readonly dropped: number;
  /** The hash of the record that was written last; 64 zeros before the first one. */
  readonly head: string;
}

/**
 * The audit trail of one process: a start record, a record for each mutation, and an end
 * record, numbered from 0 and chained by hashes in the order in which they are written.
 * docs/audit.md has the schema.
 */
export class AuditTrail implements LineWriter, AuditCounts {
  readonly #lines: CountingLineWriter;
  #begun = false;
  #mutations = 0;

  /** @param onDrop called with each loss: how many records, and why */
  constructor(out: ByteWriter, onDrop: (count: number, why: string) => void) {
    this.#lines = createBufferedLineWriter(out, {
      bytes: BACKLOG_BYTES,
      describeDrop: (dropped) => JSON.stringify({ time: now(), dropped }),
      seal: HASH_CHAIN,
      keepsEnd: true,
      onDrop,
    });
  }

  get written(): number {
    return this.#lines.written;
  }

  get dropped(): number {
    return this.#lines.dropped;
  }

  get head(): string {
    return this.#lines.head;
  }

  /** Writes the first record. */
  begin({ grants, options, version }: TrailStart): void {
    this.#begun = true;
    const head = { time: now(), sequence: 0, event: "start", schema: SCHEMA };
    const record = { ...head, version, options, grants };
    this.#lines.write(escapeInvisible(JSON.stringify(record)));
  }

  /** Writes the record of one mutation, a JSON object. */
  write(record: string): void {
    this.#mutations += 1;
    this.#lines.write(record);
  }

  /**
   * Writes the last record, if there is a first one.
   *
   * @param reason a stop signal's name, `hand-over` or `failed`
   */
  end(reason: string): void {
    if (!this.#begun) return;
    const mutations = this.#mutations;
    const head = { time: now(), sequence: mutations + 1, event: "end" };
    this.#lines.writeCount((lost) =>
      withOwnHash(JSON.stringify({ ...head, reason, mutations, lost }))
    );
  }

  flush(): Promise<void> {
    return this.#lines.flush();
  }

  /** As of {@linkcode CountingLineWriter}. */
  abandon(): void {
    this.#lines.abandon();
  }
}

/** RFC 3339 in UTC with milliseconds. */
function now(): string {
  return new Date().toISOString();
}
