/** A connection, as far as turns are concerned. */
export interface Reader {
  /** Nothing is read from it any more. */
  pause(): void;
  resume(): void;
}

/** What one connection may spend; kept by {@linkcode FairTurns}. */
export interface Account {
  readonly reader: Reader;
  /** Calls; below 0 it waits for its turn. */
  credit: number;
  /** When its last call began, by the clock of its {@linkcode FairTurns}. */
  spentAt: number;
  waits: "no" | "for a turn" | "to be let in";
}

/** Connections that call within such a time compete, and do so for as long again. */
const COMPETING_MS = 1_000;
/** Silence of less than that earns nothing: a flood in small steps is one all the same. */
const SILENCE_MS = 1_000;
/** The agent makes at most 255 calls every 5 s: it earns more than it can spend. */
const CREDIT_PER_MS = 0.1;
const MOST_CREDIT = 1_024;
/** Calls of all without credit together: about a third of one core. */
const SHARE_PER_MS = 1;
const MOST_SHARE = 32;
/** To make a connection takes as long as some calls. */
const ENTRY_COST = 4;
/** A client that keeps to our settings has at most 32 calls on the way. */
const MOST_DEBT = 64;
const ROUND_MS = 2;

/**
 * Who has been silent goes first. As long as only one connection calls, nothing is
 * limited. While several do, each spends credit that it has earned by silence; those
 * that have none share a part of the time, in turns: between them nothing is read from
 * the connection. That costs nothing, where a refusal costs half a call.
 */
export class FairTurns {
  readonly #now: () => number;
  readonly #waiting = new Set<Account>();
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

  /** Lets a connection in when it is its turn: mostly at once, in a rush at 250/s. */
  letIn(enter: () => void): void {
    const account = this.open({ pause: () => {}, resume: enter });
    account.credit = -ENTRY_COST;
    if (this.#waiting.size === 0 && this.#pay(account, this.#now())) enter();
    else this.#wait(account, "to be let in");
  }

  /** An account for a connection that was let in. */
  open(reader: Reader): Account {
    return { reader, credit: 0, spentAt: this.#now(), waits: "no" };
  }

  /** The connection has ended. */
  close(account: Account): void {
    this.#waiting.delete(account);
    if (this.#latest === account) this.#latest = undefined;
  }

  /** A call begins. */
  spend(account: Account): void {
    const now = this.#now();
    this.#noteCompetition(account, now);
    if (account.waits === "no") earn(account, now);
    account.spentAt = now;
    account.credit -= 1;
    if (account.credit >= 0 || account.waits !== "no") return;
    if (!this.#isLimited(account, now)) account.credit = 0;
    else if (this.#waiting.size > 0 || !this.#pay(account, now)) {
      account.reader.pause();
      this.#wait(account, "for a turn");
    }
  }

  /** Whether more calls than a turn pays for came before it could be paused. */
  isOverdrawn(account: Account): boolean {
    return account.credit < -MOST_DEBT;
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

  /** Whatever it owes is paid as soon as there is anything: the next ones wait longer. */
  #pay(account: Account, now: number): boolean {
    const grown = this.#share + (now - this.#sharedAt) * SHARE_PER_MS;
    this.#share = Math.min(MOST_SHARE, grown);
    this.#sharedAt = now;
    if (this.#share < 1) return false;
    this.#share += account.credit;
    account.credit = 0;
    return true;
  }

  #wait(account: Account, what: Account["waits"]): void {
    account.waits = what;
    this.#waiting.add(account);
    this.#round ??= setInterval(() => this.#giveTurns(), ROUND_MS);
  }

  #giveTurns(): void {
    const now = this.#now();
    for (const account of this.#waiting) {
      if (this.#isLimited(account, now) && !this.#pay(account, now)) return;
      this.#waiting.delete(account);
      account.waits = "no";
      account.credit = 0;
      account.spentAt = now;
      account.reader.resume();
    }
    clearInterval(this.#round);
    this.#round = undefined;
  }
}

function earn(account: Account, now: number): void {
  const silent = now - account.spentAt;
  if (silent < SILENCE_MS) return;
  account.credit = Math.min(MOST_CREDIT, account.credit + silent * CREDIT_PER_MS);
}
