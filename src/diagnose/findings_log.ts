import type { LogLevel } from "../observability/logger.ts";
import { type Finding, keyOf, nameOf } from "./finding.ts";
import { LOG_LINES, LOG_PERIOD_MS } from "./limits.ts";

/** One line of the log. */
export interface FindingLine {
  readonly level: LogLevel;
  readonly message: string;
}

interface Logged {
  readonly finding: Finding;
  /** When each line about it was written, those of the last period. */
  readonly linesMs: readonly number[];
  /** As the log has it. */
  readonly isOpen: boolean;
  /** Since when it is so. */
  readonly sinceMs: number;
  /** How often it came or went without a line. */
  readonly unlogged: number;
}

/** Remedy lines that one line of the log has room for. */
const REMEDIES = 8;

/**
 * Says each finding once when it appears and once when it is gone. One that flaps is said
 * twice a minute, with how often it has changed in between.
 */
export class FindingsLog {
  readonly #logged = new Map<string, Logged>();
  #current: ReadonlySet<string> = new Set();

  /** Takes all findings of a diagnosis, and returns what is to be logged. */
  take(findings: readonly Finding[], nowMs: number): readonly FindingLine[] {
    const current = new Map(findings.map((finding) => [keyOf(finding), finding]));
    const before = this.#current;
    this.#current = new Set(current.keys());
    const keys = new Set([...current.keys(), ...this.#logged.keys()]);
    return [...keys].flatMap((key) => {
      const changed = current.has(key) !== before.has(key);
      return this.#take(key, current.get(key), changed, nowMs);
    });
  }

  #take(
    key: string,
    current: Finding | undefined,
    changed: boolean,
    nowMs: number,
  ): readonly FindingLine[] {
    const known = this.#logged.get(key);
    const finding = current ?? known?.finding;
    if (finding === undefined) return [];
    const isOpen = current !== undefined;
    const linesMs = (known?.linesMs ?? []).filter((at) => nowMs - at < LOG_PERIOD_MS);
    const wasOpen = known?.isOpen ?? false;
    const unlogged = (known?.unlogged ?? 0) + (changed ? 1 : 0);
    if (isOpen === wasOpen && unlogged < 2) {
      // Nothing to say; a finding whose lines are old is forgotten once it is gone.
      if (!isOpen && linesMs.length === 0) this.#logged.delete(key);
      else if (known !== undefined) {
        this.#logged.set(key, { ...known, finding, linesMs });
      }
      return [];
    }
    if (linesMs.length >= LOG_LINES) {
      if (known !== undefined) {
        this.#logged.set(key, { ...known, finding, linesMs, unlogged });
      }
      return [];
    }
    this.#logged.set(key, {
      finding,
      linesMs: [...linesMs, nowMs],
      isOpen,
      sinceMs: nowMs,
      unlogged: 0,
    });
    const more = unlogged > 1 ? ` (changed ${unlogged} times since it was logged)` : "";
    return [
      isOpen
        ? { level: "warn", message: describe(finding) + more }
        : { level: "info", message: describeGone(finding, known, nowMs) + more },
    ];
  }
}

function describe({ found, id, meaning, remedy, subject }: Finding): string {
  const lines = remedy.slice(0, REMEDIES).join(" && ");
  const rest = remedy.length - REMEDIES;
  const more = rest > 0 ? ` && … (${rest} more lines: deno task status)` : "";
  const run = remedy.length === 0 ? "" : `; run: ${lines}${more}`;
  return `${id} (${nameOf(subject)}): ${found}: ${meaning}${run}`;
}

function describeGone(
  { id, subject }: Finding,
  known: Logged | undefined,
  nowMs: number,
): string {
  const lasted = known?.isOpen === true
    ? ` after ${Math.max(1, Math.round((nowMs - known.sinceMs) / 1000))} s`
    : "";
  return `${id} (${nameOf(subject)}): gone${lasted}`;
}
