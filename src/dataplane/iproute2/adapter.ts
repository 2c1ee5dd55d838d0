import type { AuditTrail, Cause } from "../audit_log.ts";
import { type Command, type Mutation, type Read, words } from "./commands.ts";
import type { Hang } from "./hang_log.ts";
import {
  type CommandResult,
  type Exchange,
  type Family,
  Session,
} from "./batch_process.ts";

/** A read, or a mutation with the cause that the audit trail names. */
export type Errand =
  | { readonly command: Read }
  | { readonly command: Mutation; readonly cause: Cause };

/** What came of a group of errands. */
export type Reply = Exchange | { readonly kind: "full" } | { readonly kind: "closed" };

/** What `node.ts` and the tests need of the door; a dry run has another one. */
export interface Door {
  /** Never rejects. Errands of one call are run in order and in one piece. */
  exchange(errands: readonly Errand[]): Promise<Reply>;
  /**
   * Between large groups of errands: lets the reader of the audit trail catch up.
   *
   * @returns false if nobody reads it: then there is nothing to wait for
   */
  pace(): Promise<boolean>;
  /** Walks large tables on an `ip` of its own, so that no call waits for it. */
  survey(reads: readonly Read[], family?: Family): Promise<Exchange>;
  /** Waits for what is under way. */
  close(): Promise<void>;
  /** Gives up what is under way, because of an `ip` that hangs, and takes nothing more. */
  abandon(): void;
}

/** How the door treats its `ip`; the defaults are what production uses. */
export interface DoorOptions {
  /** Milliseconds for one exchange, then `ip` is killed. @default 2000 */
  readonly deadlineMs?: number;
  /**
   * Routes changed by one `ip` before a fresh one takes over. It leaks about 4.1 KB for
   * each (iproute2 6.1), so 3,000 keep it near 16 MB. @default 3000
   */
  readonly mutationsPerSession?: number;
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

const ABANDONED = { kind: "lost", why: "the sidecar is shutting down" } as const;

/** What every `ip` that works can answer. */
const PROBE: Errand = { command: { kind: "own-routes" } };

/** An exchange that is over, and how long it took. */
interface Ran {
  readonly exchange: Exchange;
  readonly durationMs: number;
}

/**
 * The only way to the kernel's routes: one long-lived `ip` at a time, exchanges one
 * after another, one audit record for each mutation.
 */
export class KernelDoor implements Door {
  readonly #audit: AuditTrail;
  readonly #deadlineMs: number;
  readonly #surveyDeadlineMs = 20_000;
  readonly #mutationsPerSession: number;
  readonly #queueLimit: number;
  readonly #onReach: (fault: string | undefined) => void;
  readonly #onWarning: (warning: string) => void;
  readonly #onWrite: ((command: Mutation) => void) | undefined;
  readonly #onHang: ((hang: Hang) => void) | undefined;
  /** What each `ip` writes beside good answers. */
  readonly #noise = new Set<string>();
  /** Why `ip` does not answer; undefined while it does. */
  #fault: string | undefined;
  #session: Session | undefined;
  /** Started ahead of a change-over, so that no call waits for it. */
  #successor: Session | undefined;
  #tail: Promise<unknown> = Promise.resolve();
  /** Those that walk tables beside it. */
  readonly #surveyors = new Set<Session>();
  #queued = 0;
  #closed = false;
  #abandoned = false;

  constructor(audit: AuditTrail, options: DoorOptions = {}) {
    this.#audit = audit;
    this.#deadlineMs = options.deadlineMs ?? 2000;
    this.#mutationsPerSession = options.mutationsPerSession ?? 3000;
    this.#queueLimit = options.queueLimit ?? 256;
    this.#onReach = options.onReach ?? (() => {});
    this.#onWarning = options.onWarning ?? (() => {});
    this.#onHang = options.onHang;
    this.#onWrite = options.onWrite;
  }

  exchange(errands: readonly Errand[]): Promise<Reply> {
    if (this.#closed) return Promise.resolve({ kind: "closed" });
    if (this.#queued >= this.#queueLimit) return Promise.resolve({ kind: "full" });
    this.#queued += 1;
    const run = this.#tail.then(() => this.#run(errands));
    this.#tail = run;
    return this.#conclude(errands, run);
  }

  pace(): Promise<boolean> {
    return this.#audit.pace();
  }

  async survey(reads: readonly Read[], family?: Family): Promise<Exchange> {
    const surveyed = await this.#surveyApart(reads, family);
    if (surveyed.kind === "lost" || this.#fault !== undefined) await this.#probe();
    return surveyed;
  }

  /** Waits for the exchanges under way, then lets `ip` end. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#tail;
    await Promise.all([this.#session?.close(), this.#successor?.close()]);
  }

  abandon(): void {
    this.#closed = true;
    this.#abandoned = true;
    for (const session of [this.#session, this.#successor, ...this.#surveyors]) {
      session?.abandon(ABANDONED.why);
    }
  }

  /** Only the `ip` that calls meet can tell whether they can be answered. */
  async #probe(): Promise<void> {
    const { kind } = await this.exchange([PROBE]);
    // That one may have died unseen: then the next one tells.
    if (kind === "lost") await this.exchange([PROBE]);
  }

  async #surveyApart(
    reads: readonly Read[],
    family: Family | undefined,
  ): Promise<Exchange> {
    if (this.#closed) return ABANDONED;
    const session = this.#newSession(family);
    this.#surveyors.add(session);
    const exchange = await session.exchange(reads, this.#surveyDeadlineMs);
    await session.close();
    this.#surveyors.delete(session);
    return exchange;
  }

  /** In a later turn: `ip` is handed the next exchange while this one is written down. */
  async #conclude(errands: readonly Errand[], run: Promise<Ran>): Promise<Exchange> {
    const { durationMs, exchange } = await run;
    await Promise.resolve();
    this.#record(errands, exchange, durationMs);
    return exchange;
  }

  async #run(errands: readonly Errand[]): Promise<Ran> {
    const started = performance.now();
    const exchange = this.#abandoned ? ABANDONED : await this.#ask(errands);
    const durationMs = performance.now() - started;
    this.#queued -= 1;
    this.#prepareSuccessor(errands, exchange);
    return { exchange, durationMs };
  }

  async #ask(errands: readonly Errand[]): Promise<Exchange> {
    const session = this.#currentSession();
    const isFirst = !session.hasAnswered;
    for (const each of errands) {
      if ("cause" in each) this.#onWrite?.(each.command);
    }
    const commands = errands.map(({ command }) => command);
    const exchange = await session.exchange(commands, this.#deadlineMs);
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
    const session = this.#currentSession();
    const probed = await session.exchange([PROBE.command], this.#deadlineMs);
    this.#judge(probed.kind === "lost" ? probed.why : undefined);
  }

  #newSession(family?: Family): Session {
    return new Session({
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

  #currentSession(): Session {
    const current = this.#session;
    const worn = (current?.mutations ?? 0) >= this.#mutationsPerSession;
    if (current !== undefined && !current.spent && !worn) return current;
    if (current !== undefined) void current.close();
    const successor = this.#successor;
    this.#successor = undefined;
    this.#session = successor === undefined || successor.spent
      ? this.#newSession()
      : successor;
    return this.#session;
  }

  #prepareSuccessor(errands: readonly Errand[], exchange: Exchange): void {
    const session = this.#session;
    if (session === undefined || this.#closed) return;
    // `ip` keeps a device's index for ever: one that could not write a route through
    // a device that was there a moment ago may never be able to.
    const stale = exchange.kind === "answered" &&
      errands.some((errand, index) =>
        "cause" in errand && isNoDevice(exchange.results[index])
      );
    if (stale) session.spent = true;
    const wearing = session.mutations >= this.#mutationsPerSession * 0.8;
    if (wearing && this.#successor === undefined) this.#successor = this.#newSession();
  }

  #record(errands: readonly Errand[], exchange: Exchange, durationMs: number): void {
    errands.forEach((errand, index) => {
      if (!("cause" in errand)) return;
      const result = exchange.kind === "answered" ? exchange.results[index] : undefined;
      this.#audit.record({
        ...errand.cause,
        words: words(errand.command),
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

function isNoDevice(result: CommandResult | undefined): boolean {
  return result !== undefined && !result.ok && result.failure.kind === "no-device";
}
