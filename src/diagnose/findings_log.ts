import type { LogFields, LogLine } from "../observability/logger.ts";
import { listFew } from "../shared/quote.ts";
import {
  type Finding,
  type FindingId,
  keyOf,
  nameOf,
  type Subject,
} from "./finding.ts";
import { LOG_IN_FULL, LOG_LINES, LOG_PERIOD_MS } from "./limits.ts";

interface Logged {
  readonly finding: Finding;
  /** The times of its lines within the last period. */
  readonly linesMs: readonly number[];
  /** Whether the log has reported it as present. */
  readonly isOpen: boolean;
  /** The time of that line. */
  readonly sinceMs: number;
  /** The number of changes since then that have no line. */
  readonly unlogged: number;
}

/** A finding that appeared or is gone, with its line. */
interface Change {
  readonly finding: Finding;
  readonly isOpen: boolean;
  readonly line: LogLine;
}

/** The most commands of a remedy in one line of the log. */
const REMEDIES = 8;

/**
 * Logs each finding once when it appears and once when it is gone. A flapping finding is
 * logged twice a minute, with the number of changes in between. If many findings have one
 * id, as 250 routes can have, the first few have lines of their own, and the others share
 * one.
 */
export class FindingsLog {
  readonly #logged = new Map<string, Logged>();
  #current: ReadonlySet<string> = new Set();
  /** Findings that appeared, and findings that are gone, by id. */
  readonly #opened = new Map<FindingId, Together>();
  readonly #gone = new Map<FindingId, Together>();

  /** Takes all findings of a diagnosis, and returns the lines to log. */
  take(findings: readonly Finding[], nowMs: number): readonly LogLine[] {
    const current = new Map(findings.map((finding) => [keyOf(finding), finding]));
    const before = this.#current;
    this.#current = new Set(current.keys());
    const keys = new Set([...current.keys(), ...this.#logged.keys()]);
    const lines = [...keys].flatMap((key) => {
      const changed = current.has(key) !== before.has(key);
      const change = this.#take(key, current.get(key), changed, nowMs);
      return change === undefined ? [] : this.#inFull(change, nowMs);
    });
    return [...lines, ...this.#others(nowMs)];
  }

  /** The line of a change; none if the shared line will have it. */
  #inFull(
    { finding: { id, subject }, isOpen, line }: Change,
    nowMs: number,
  ): readonly LogLine[] {
    const [side, otherSide] = isOpen
      ? [this.#opened, this.#gone]
      : [this.#gone, this.#opened];
    const name = nameOf(subject);
    // Neither the change nor its opposite was logged, so there is nothing to log.
    if (otherSide.get(id)?.drop(name)) return [];
    const together = side.get(id) ?? new Together();
    side.set(id, together);
    return together.takeTurn(name, nowMs) ? [line] : [];
  }

  #others(nowMs: number): readonly LogLine[] {
    const lines = (
      side: Map<FindingId, Together>,
      describe: (id: FindingId, names: string) => LogLine,
    ) =>
      [...side].flatMap(([id, together]) => {
        const names = together.takeOthers(nowMs);
        if (together.isIdle(nowMs)) side.delete(id);
        return names.length === 0 ? [] : [describe(id, listFew(names))];
      });
    return [
      ...lines(this.#opened, (id, names) => ({
        level: "warn",
        message: `${id} (${names}): same finding; quilt-sidecar status lists each`,
        fields: { finding: id },
      })),
      ...lines(this.#gone, (id, names) => ({
        level: "info",
        message: `${id} (${names}): gone`,
        fields: { finding: id },
      })),
    ];
  }

  #take(
    key: string,
    current: Finding | undefined,
    changed: boolean,
    nowMs: number,
  ): Change | undefined {
    const known = this.#logged.get(key);
    const finding = current ?? known?.finding;
    if (finding === undefined) return undefined;
    const isOpen = current !== undefined;
    const linesMs = (known?.linesMs ?? []).filter((at) => nowMs - at < LOG_PERIOD_MS);
    const wasOpen = known?.isOpen ?? false;
    const unlogged = (known?.unlogged ?? 0) + (changed ? 1 : 0);
    if (isOpen === wasOpen && unlogged < 2) {
      // Nothing to log; a finding that is gone, and whose lines are old, is deleted.
      if (!isOpen && linesMs.length === 0) this.#logged.delete(key);
      else if (known !== undefined) {
        this.#logged.set(key, { ...known, finding, linesMs });
      }
      return undefined;
    }
    if (linesMs.length >= LOG_LINES) {
      if (known !== undefined) {
        this.#logged.set(key, { ...known, finding, linesMs, unlogged });
      }
      return undefined;
    }
    this.#logged.set(key, {
      finding,
      linesMs: [...linesMs, nowMs],
      isOpen,
      sinceMs: nowMs,
      unlogged: 0,
    });
    const more = unlogged > 1 ? ` (changed ${unlogged} times since it was logged)` : "";
    const fields = fieldsOf(finding);
    const line: LogLine = isOpen
      ? { level: "warn", message: describe(finding) + more, fields }
      : { level: "info", message: describeGone(finding, known, nowMs) + more, fields };
    return { finding, isOpen, line };
  }
}

/** The findings with one id: which have lines of their own, and which share one. */
class Together {
  /** The times of the lines of single findings within the last period. */
  #linesMs: readonly number[] = [];
  #othersMs = -Infinity;
  readonly #others = new Set<string>();

  /** Whether this subject has a line of its own; otherwise it is one of the others. */
  takeTurn(name: string, nowMs: number): boolean {
    this.#linesMs = this.#linesMs.filter((at) => nowMs - at < LOG_PERIOD_MS);
    const isInFull = this.#linesMs.length < LOG_IN_FULL;
    if (isInFull) this.#linesMs = [...this.#linesMs, nowMs];
    else this.#others.add(name);
    return isInFull;
  }

  /** @returns whether it was one of the others */
  drop(name: string): boolean {
    return this.#others.delete(name);
  }

  /** The others, if their line is due. */
  takeOthers(nowMs: number): readonly string[] {
    if (this.#others.size === 0 || nowMs - this.#othersMs < LOG_PERIOD_MS) return [];
    this.#othersMs = nowMs;
    const names = [...this.#others];
    this.#others.clear();
    return names;
  }

  isIdle(nowMs: number): boolean {
    return this.#others.size === 0 &&
      [this.#othersMs, ...this.#linesMs].every((at) => nowMs - at >= LOG_PERIOD_MS);
  }
}

function fieldsOf({ id, subject }: Finding): LogFields {
  return { finding: id, ...subjectFields(subject) };
}

function subjectFields(subject: Subject): LogFields {
  switch (subject.kind) {
    case "node":
      return {};
    case "device":
      return { device: subject.device };
    case "destination":
      return { destination: subject.destination };
    default:
      return subject satisfies never;
  }
}

function describe({ found, id, meaning, remedy, subject }: Finding): string {
  const lines = remedy.slice(0, REMEDIES).join(" && ");
  const rest = remedy.length - REMEDIES;
  const more = rest > 0 ? ` && … (${rest} more lines: quilt-sidecar status)` : "";
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
