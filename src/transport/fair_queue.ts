/** What one connection has taken; kept by {@linkcode FairTurns}, in its clock's time. */
export interface Account {
  /** Its call goes on: it has its turn. */
  readonly proceed: () => void;
  /** Calls that it has to pay for before its next one. */
  debt: number;
  /** Calls that have come behind the one that waits. */
  behind: number;
  /** When its last call began. */
  spentAt: number;
  /** From when on it is put off for calling without a silence; may lie ahead. */
  begunAt: number;
  waits: "no" | "for a turn" | "to be let in";
  waitsSince: number;
}

/**
 * What becomes of a call: it is not limited, it has been paid for out of the share of all
 * that compete, or it waits for its turn.
 */
export type Turn = "free" | "paid" | "waits";

/** Connections that call within such a time compete, and do so for as long again. */
const COMPETING_MS = 1_000;
/** After such a silence a connection begins anew. */
const SILENCE_MS = 1_000;
/**
 * For so long it is not put off then: an agent has said by then what it says every 5 s. Or
 * it would come last in a flood of new connections that begins in the middle of its calls:
 * they have called for a shorter time.
 */
const GRACE_MS = 10_000;
/** Calls of all that compete together: a third of one core, where that is slow. */
const SHARE_PER_MS = 0.5;
const MOST_SHARE = 32;
/** Of it, what is only for who owes one call: it comes at once beside those of others. */
const RESERVE = 8;
/** So many calls begin before those who wait to be let in; then it is turn about. */
const MOST_AHEAD = RESERVE;
/** Who owes one call more waits until the others have waited so much longer. */
const PATIENCE_MS = 1_000;
/** Who has called for so long is not put off further, or it would never have a turn. */
const MOST_AGE_MS = 60_000;
const ROUND_MS = 2;

/**
 * As long as only one connection calls, nothing is limited. While several do, they share
 * a part of the time: who owes few calls, and was silent a moment ago, goes first, as the
 * agent is and does, on a new connection as well. Neither keeps the other out: between
 * calls and new connections it is turn about. Of who has to wait nothing is decoded until
 * it is its turn: that costs nothing, where a refusal costs half a call.
 */
export class FairTurns {
  readonly #now: () => number;
  /** Whose call waits. */
  readonly #callers = new Set<Account>();
  /** Who waits to be let in. */
  readonly #newcomers = new Set<Account>();
  /** Calls that have begun beyond as many turns of newcomers, since any of these wait. */
  #callsAhead = 0;
  #latest: Account | undefined;
  #latestAt = -Infinity;
  #competingUntil = -Infinity;
  #share = MOST_SHARE;
  #sharedAt = -Infinity;
  #round: ReturnType<typeof setInterval> | undefined;
  #unlimited = false;

  /** @param now a clock in milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /**
   * Lets a connection in when it is its turn: mostly at once, in a rush one after another.
   *
   * @param cost as many calls could begin instead; at least 1
   * @returns what gives its turn up
   */
  letIn(cost: number, enter: () => void): () => void {
    const account = this.open(enter);
    account.debt = cost - 1;
    this.#queue(account, "to be let in");
    this.#giveTurns();
    return () => this.close(account);
  }

  /**
   * An account for a connection that was let in.
   *
   * @param proceed called when a call that had to wait has its turn
   */
  open(proceed: () => void): Account {
    const now = this.#now();
    const times = { spentAt: now, begunAt: now, waitsSince: now };
    return { proceed, debt: 0, behind: 0, waits: "no", ...times };
  }

  /** The connection has ended. */
  close(account: Account): void {
    this.#forget(account);
    if (this.#latest === account) this.#latest = undefined;
  }

  /**
   * A call has come, on a connection that does not wait for a turn.
   *
   * @param behind how many more have come with it
   * @returns `waits` if it does not begin now: then the account's `proceed` says when
   */
  spend(account: Account, behind: () => number = () => 0): Turn {
    const now = this.#now();
    this.#noteCompetition(account, now);
    if (now - account.spentAt >= SILENCE_MS) {
      account.begunAt = now + GRACE_MS;
      account.debt = 0;
    }
    account.spentAt = now;
    if (!this.#isLimited(account, now)) return "free";
    account.behind = behind();
    account.waitsSince = now;
    const first = firstOf(this.#callers);
    const isFirst = first === undefined || rank(account) <= rank(first);
    const isNext = isFirst && account.debt === 0 && !this.#newcomersAreNext();
    if (isNext && this.#pay(account, now)) return "paid";
    this.#queue(account, "for a turn");
    return "waits";
  }

  /** What a call has taken besides is paid for, before the next one of its connection. */
  charge(account: Account, calls: number): void {
    if (calls > 0 && this.#isLimited(account, this.#now())) account.debt += calls;
  }

  /** Limits nothing from now on: what has come so far is to be served, and soon. */
  openUp(): void {
    this.#unlimited = true;
    this.#giveTurns();
  }

  #noteCompetition(account: Account, now: number): void {
    const another = this.#latest !== undefined && this.#latest !== account;
    if (another && now - this.#latestAt < COMPETING_MS) {
      this.#competingUntil = now + COMPETING_MS;
    }
    this.#latest = account;
    this.#latestAt = now;
  }

  #isLimited({ waits }: Account, now: number): boolean {
    if (this.#unlimited) return false;
    return waits === "to be let in" || now <= this.#competingUntil;
  }

  /** Pays for one call, the next one or one that is owed. */
  #pay(account: Account, now: number): boolean {
    const grown = this.#share + (now - this.#sharedAt) * SHARE_PER_MS;
    this.#share = Math.min(MOST_SHARE, grown);
    this.#sharedAt = now;
    const left = owed(account) > 1 ? RESERVE : 0;
    if (this.#share < left + 1) return false;
    this.#share -= 1;
    this.#countAhead(account);
    return true;
  }

  #countAhead({ waits }: Account): void {
    const difference = waits === "to be let in" ? -1 : 1;
    const ahead = Math.max(0, this.#callsAhead + difference);
    this.#callsAhead = this.#newcomers.size > 0 ? ahead : 0;
  }

  #newcomersAreNext(): boolean {
    return this.#newcomers.size > 0 && this.#callsAhead >= MOST_AHEAD;
  }

  #queue(account: Account, what: "for a turn" | "to be let in"): void {
    account.waits = what;
    (what === "for a turn" ? this.#callers : this.#newcomers).add(account);
    this.#round ??= setInterval(() => this.#giveTurns(), ROUND_MS);
  }

  #giveTurns(): void {
    const now = this.#now();
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      if (!this.#isLimited(next, now)) next.debt = 0;
      else if (!this.#pay(next, now)) return;
      if (next.debt > 0) next.debt -= 1;
      else this.#release(next, now);
    }
    clearInterval(this.#round);
    this.#round = undefined;
  }

  #release(account: Account, now: number): void {
    this.#forget(account);
    account.waits = "no";
    account.spentAt = now;
    account.proceed();
  }

  #next(): Account | undefined {
    const caller = firstOf(this.#callers);
    if (caller !== undefined && !this.#newcomersAreNext()) return caller;
    return firstOf(this.#newcomers);
  }

  #forget(account: Account): void {
    this.#callers.delete(account);
    this.#newcomers.delete(account);
  }
}

function firstOf(accounts: Iterable<Account>): Account | undefined {
  let first: Account | undefined;
  for (const account of accounts) {
    if (first === undefined || rank(account) < rank(first)) first = account;
  }
  return first;
}

/** The call that waits, what has to be paid before it, and what waits behind it. */
function owed({ behind, debt }: Account): number {
  return debt + 1 + behind;
}

/** The lowest is first. */
function rank(account: Account): number {
  const { begunAt, waitsSince } = account;
  const age = Math.min(Math.max(0, waitsSince - begunAt), MOST_AGE_MS);
  return waitsSince + age + owed(account) * PATIENCE_MS;
}
