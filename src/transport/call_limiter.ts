import type { IncomingHttpHeaders } from "node:http2";
import { TokenBucket } from "./rate_limit.ts";

/** The calls of one connection, as {@linkcode CallLimiter} knows them. */
export interface Flow {
  /** Called when the call that was queued may begin. */
  readonly proceed: () => void;
  /** Its last call has cost more than one token. */
  isHeavy: boolean;
  /** When its last call came or began, in the limiter's time. */
  lastCallAt: number;
  /** It counts as interactive until then. */
  interactiveUntil: number;
  /** When its waiting call came. */
  queuedAt: number;
}

/**
 * What becomes of a call: it begins and nothing is limited, it begins and has taken a
 * token, or it is queued.
 */
export type Admission = "unlimited" | "admitted" | "queued";

/** A connection without a call for so long is idle. Calls of two within it compete. */
const IDLE_MS = 1_000;
/** After an idle period a flow is interactive for so long: two syncs of an agent. */
const INTERACTIVE_MS = 10_000;
/** Calls in a second of all flows together while they compete: a third of one slow core. */
const CALLS_PER_MS = 0.5;
const BURST = 32;
/** Tokens that bulk flows leave to the others, whose calls then begin at once. */
const RESERVE = 8;
/** The debt of bulk flows at most: one second. */
const MAX_DEBT = 500;
/** One turn in so many goes to the flow that has waited longest, of whatever class. */
const TURNS_PER_OLDEST = 8;
const POLL_MS = 2;

/**
 * Limits calls while several connections compete, and nothing as long as only one calls.
 * All flows share one token bucket; a token is one call. If there is no token, the call is
 * queued, and its connection is paused: nothing of it is decoded until its turn, because a
 * refusal costs half as much as a call.
 *
 * Sparse flows go before the others, as in RFC 8290 (FQ-CoDel). Within a class, flows take
 * turns, one call each.
 *
 * 1. *Interactive*: one call at a time, none of them heavy, and idle for a second within the
 *    last 10 s, as an agent is that syncs every 5 s. Needed beside floods of one call at a
 *    time on hundreds of connections (call_limiter_test.ts).
 * 2. *Steady*: the same without the idle second. Needed by an agent that connects during a
 *    flood (flood_beside_test.ts).
 * 3. *Bulk*: several calls at once, or heavy ones (flood_test.ts, and SyncRoutes and
 *    ListRoutes in frame_flood_test.ts).
 *
 * What a call costs is known when it has begun. Its cost beyond one token is a debt that all
 * bulk flows pay before their next call. With a debt for each flow, 300 connections could
 * begin 300 heavy calls at once (slow_readers_test.ts).
 *
 * No class starves, because one turn in 8 goes to the flow that has waited longest.
 */
export class CallLimiter {
  readonly #now: () => number;
  readonly #bucket: TokenBucket;
  /** By class, the first to go first; each in the order of its turns. */
  readonly #interactive = new Set<Flow>();
  readonly #steady = new Set<Flow>();
  readonly #bulk = new Set<Flow>();
  readonly #queues = [this.#interactive, this.#steady, this.#bulk] as const;
  /** Tokens that bulk flows have to pay before their next call. */
  #debt = 0;
  #turns = 0;
  #lastCaller: Flow | undefined;
  #lastCallAt = -Infinity;
  #competingUntil = -Infinity;
  #timer: ReturnType<typeof setInterval> | undefined;
  #isDisabled = false;

  /** @param now a clock in milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#bucket = new TokenBucket(CALLS_PER_MS, BURST, now);
  }

  /**
   * The flow of a new connection. It is not interactive before it was idle once, or new
   * connections would be the way around the limit.
   *
   * @param proceed called when a call that was queued may begin
   */
  open(proceed: () => void): Flow {
    const now = this.#now();
    const times = { lastCallAt: now, interactiveUntil: now, queuedAt: now };
    return { proceed, isHeavy: false, ...times };
  }

  /** The connection has ended. */
  close(flow: Flow): void {
    this.#dequeue(flow);
    if (this.#lastCaller === flow) this.#lastCaller = undefined;
  }

  /**
   * A call has come, on a connection none of whose calls is queued.
   *
   * @param countBacklog how many more have come with it
   */
  admit(flow: Flow, countBacklog: () => number = () => 0): Admission {
    const now = this.#now();
    this.#noteCaller(flow, now);
    if (now - flow.lastCallAt >= IDLE_MS) {
      flow.interactiveUntil = now + INTERACTIVE_MS;
      flow.isHeavy = false;
    }
    flow.lastCallAt = flow.queuedAt = now;
    if (!this.#isLimited(now)) {
      this.#debt = 0;
      return "unlimited";
    }
    const queue = this.#queueOf(flow, countBacklog(), now);
    queue.add(flow);
    const isFree = queue !== this.#bulk || this.#debt === 0;
    if (isFree && this.#next() === flow && this.#takeToken(queue)) {
      queue.delete(flow);
      flow.isHeavy = false;
      return "admitted";
    }
    this.#timer ??= setInterval(() => this.#serve(), POLL_MS);
    return "queued";
  }

  /** Whether calls wait for their turn. */
  get hasQueue(): boolean {
    return this.#next() !== undefined;
  }

  /** A call of the flow has cost more than one token. */
  charge(flow: Flow, tokens: number): void {
    if (tokens <= 0 || !this.#isLimited(this.#now())) return;
    flow.isHeavy = true;
    this.#debt = Math.min(MAX_DEBT, this.#debt + tokens);
  }

  /** Begins with every call that is queued, and limits nothing from now on. */
  disable(): void {
    this.#isDisabled = true;
    this.#serve();
  }

  #noteCaller(flow: Flow, now: number): void {
    const isAnother = this.#lastCaller !== undefined && this.#lastCaller !== flow;
    if (isAnother && now - this.#lastCallAt < IDLE_MS) {
      this.#competingUntil = now + IDLE_MS;
    }
    this.#lastCaller = flow;
    this.#lastCallAt = now;
  }

  #isLimited(now: number): boolean {
    return !this.#isDisabled && now <= this.#competingUntil;
  }

  #queueOf(flow: Flow, backlog: number, now: number): Set<Flow> {
    if (flow.isHeavy || backlog > 0) return this.#bulk;
    return now < flow.interactiveUntil ? this.#interactive : this.#steady;
  }

  #takeToken(queue: Set<Flow>): boolean {
    return this.#bucket.take(1, queue === this.#bulk ? RESERVE : 0);
  }

  /** The flow whose turn is next. */
  #next(): Flow | undefined {
    for (const queue of this.#queues) {
      for (const first of queue) return first;
    }
    return undefined;
  }

  #oldest(): Flow | undefined {
    let oldest: Flow | undefined;
    for (const [first] of this.#queues) {
      if (first === undefined) continue;
      if (oldest === undefined || first.queuedAt < oldest.queuedAt) oldest = first;
    }
    return oldest;
  }

  #serve(): void {
    const now = this.#now();
    const isLimited = this.#isLimited(now);
    if (!isLimited) this.#debt = 0;
    while (true) {
      const isForOldest = (this.#turns + 1) % TURNS_PER_OLDEST === 0;
      const next = isForOldest ? this.#oldest() : this.#next();
      if (next === undefined) break;
      const isBulk = this.#bulk.has(next);
      const reserve = isBulk && !isForOldest ? RESERVE : 0;
      if (isLimited && !this.#bucket.take(1, reserve)) return;
      this.#turns += 1;
      if (isBulk && this.#debt > 0) this.#debt -= 1;
      else this.#begin(next, now);
    }
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #begin(flow: Flow, now: number): void {
    this.#dequeue(flow);
    flow.isHeavy = false;
    flow.lastCallAt = now;
    flow.proceed();
  }

  #dequeue(flow: Flow): void {
    for (const queue of this.#queues) queue.delete(flow);
  }
}

/** A request or an answer of this size costs nothing besides the call. */
const FREE_BYTES = 512;
/** Costs as much as one call: 7 routes of a SyncRoutes that changes nothing. */
const REQUEST_BYTES = 180;
/** The same for an answer: 25 routes of a ListRoutes. */
const ANSWER_BYTES = 1_500;
/** The same for headers. */
const HEADER_BYTES = 4 * 1024;

/** What the parts of a call cost besides the call itself, in calls. */
export class CallCosts {
  /** The cost of the latest answer, by method. */
  readonly #answers = new Map<string, number>();

  /** A message of a request. */
  ofRequest(bytes: number): number {
    return costOf(bytes, REQUEST_BYTES);
  }

  /** The headers of a call, and the answer that it usually gets. */
  ofHeaders(headers: IncomingHttpHeaders): number {
    const answer = this.#answers.get(headers[":path"] ?? "") ?? 0;
    return answer + costOf(headerListSize(headers), HEADER_BYTES);
  }

  /** What an answer costs more than the usual one, which was paid when the call began. */
  ofAnswer(path: string, bytes: number): number {
    const usual = this.#answers.get(path) ?? 0;
    const cost = costOf(bytes, ANSWER_BYTES);
    this.#answers.set(path, cost);
    return cost - usual;
  }
}

function costOf(bytes: number, unit: number): number {
  return Math.floor(Math.max(0, bytes - FREE_BYTES) / unit);
}

/** RFC 9113, 6.5.2 */
function headerListSize(headers: IncomingHttpHeaders): number {
  return Object.entries(headers).reduce(
    (size, [name, value]) => size + name.length + String(value).length + 32,
    0,
  );
}
