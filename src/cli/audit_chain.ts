/**
 * Whether the chain of an audit trail is whole, and where not.
 *
 * Each line names the hash of the line before it. The lines that follow one another so
 * are a chain, and a trail is whole if it is one chain for each process. An edit tears a
 * chain: the lines behind it name a hash that no line has, or one of a line further back.
 * What tore it is known only some lines later, so a torn piece waits: until the line
 * comes that it names (reordered), until the chain before it goes on (inserted), or until
 * neither is to be expected (removed or changed).
 */
import {
  type ChainLink,
  isBeginning,
  NO_HASH,
  readAppendedLink,
  readChainLink,
} from "./audit_chain_line.ts";

/** Where a line stands. */
export interface Place {
  readonly file: string;
  /** From 1 in each file. */
  readonly line: number;
}

/** What is wrong at a place. */
export type ChainFault =
  /** The next record names another hash than this one has. */
  | { readonly kind: "changed" }
  /** It does not have the hash that it names as its own. */
  | { readonly kind: "changed-itself" }
  /** This one or the record before it was changed: which one, the hashes do not tell. */
  | { readonly kind: "changed-here-or-before" }
  /** So many records are missing before it; undefined if that is not known. */
  | { readonly kind: "removed"; readonly records: number | undefined }
  /** So many records from here on stand before the one that they follow. */
  | { readonly kind: "reordered"; readonly records: number }
  /** So many records from here on belong to no chain. */
  | { readonly kind: "inserted"; readonly records: number }
  /** The same record stands there already. */
  | { readonly kind: "copied"; readonly from: Place }
  /** It goes on with a process that began there, in the middle of another one. */
  | { readonly kind: "mixed"; readonly began: Place }
  /** So many lines from here on are no records. */
  | { readonly kind: "not-a-record"; readonly lines: number }
  /** A line ends in the middle of a record. */
  | { readonly kind: "cut" }
  /** The last record of a process that began there, and no end record. */
  | { readonly kind: "open"; readonly began: Place }
  /** The first record of the trail is no start record. */
  | { readonly kind: "begins-late" }
  /** The first record does not name the hash that it must. */
  | { readonly kind: "not-after" }
  /** The last record has not the hash that it must; the one that has stands there. */
  | { readonly kind: "not-head"; readonly head: Place | undefined }
  /** So many records from here on have no hash. */
  | { readonly kind: "unchained"; readonly records: number };

/** A fault and its place. */
export type ChainFinding = ChainFault & {
  readonly place: Place;
  /** The number of the line in the whole trail. */
  readonly at: number;
};

/** What a trail must be, besides whole. */
export interface Expectations {
  /** The hash that the first record must name; undefined: it must be a start record. */
  readonly after: string | undefined;
  /** The hash that the last record must have; undefined: any. */
  readonly head: string | undefined;
}

/** What a trail is. */
export interface TrailSummary {
  /** Whether there is no finding. */
  readonly isWhole: boolean;
  readonly records: number;
  /** How many processes wrote it, as far as the trail shows. */
  readonly processes: number;
  /** Records that were counted as lost and are there: their chain covers none of them. */
  readonly uncovered: number;
  /** The hash of the last record; undefined if there is none. */
  readonly head: string | undefined;
}

/**
 * How many lines back a record is looked for that a line names: far more than standard
 * output can keep of a failed write (some KiB), and than two lines are swapped by hand.
 */
const RECENT_LINES = 4096;

/** How many lines a torn piece waits for what would explain it: as far as is looked back. */
const MOST_WAITING_LINES = RECENT_LINES;

/**
 * How many chains may wait to go on: those of processes that were killed, of those that
 * write to one file at once, and torn pieces. For one more, the oldest torn piece is
 * judged, or else the oldest process given up.
 */
const MOST_OPEN = 64;

/** A place, and the number of the line in the whole trail. */
type Position = Place & { readonly at: number };

/** How a chain begins. */
type Origin =
  /** As the chain of a process, or as what must be taken for one. */
  | { readonly kind: "process" }
  /** With the name of a hash that no line before it has. */
  | { readonly kind: "torn"; readonly before: Chain | undefined }
  /** Behind a line that has another successor already; undefined: the one of its first. */
  | { readonly kind: "branch"; readonly from: Recent | undefined; readonly of: Chain };

/** Lines that follow one another. */
interface Chain {
  origin: Origin;
  readonly first: Position;
  /** The hash that its first line names. */
  readonly prev: string;
  /** How many lines that are no records stood directly before it. */
  readonly badBefore: number;
  /** The line that it begins with. */
  readonly beginning: ChainLink;
  last: Position;
  /** The line of the trail that it was added to last. */
  addedAt: number;
  head: string;
  lines: number;
  /** The sequence number due next; undefined if no line has had one yet. */
  next: number | undefined;
  /** The same if nothing of the last line is believed but its kind. */
  nextIfChanged: number | undefined;
  /** The sequence number that was due at its beginning. */
  firstDue: number | undefined;
  /** How many numbers were used before the first line that has its own. */
  used: number;
  isEnded: boolean;
  /** Whether its last line was found to be changed: its hash is not the true one. */
  isChanged: boolean;
  isMixed: boolean;
  /** The chain that it turned out to be a part of, from this line of that one on. */
  joined: { readonly chain: Chain; readonly offset: number } | undefined;
}

/** A line that another one may name. */
interface Recent {
  readonly chain: Chain;
  /** How many lines of the chain there are up to this one. */
  readonly count: number;
  readonly place: Position;
  /** The number that was due behind it. */
  readonly next: number | undefined;
  /** The line behind it in its chain. */
  successor: Position | undefined;
}

/** Lines in a row that are no records. */
interface BadLines {
  readonly place: Position;
  lines: number;
  /** Whether it may be the beginning of a record. */
  readonly mayBeCut: boolean;
  /** Whether it is one: the file ends in it, or another process has appended to it. */
  readonly isCut: boolean;
}

/** Reads a trail line by line, in memory that does not grow with it. */
export class TrailVerifier {
  readonly #expected: Expectations;
  readonly #report: (finding: ChainFinding) => void;
  readonly #recent = new Map<string, Recent>();
  /** The keys of that, each in the place of the one {@linkcode RECENT_LINES} before. */
  readonly #hashes: string[] = [];
  #remembered = 0;
  /** Those that may go on, and those that wait to be judged, the oldest first. */
  readonly #open: Chain[] = [];
  /** The one that the last record belongs to. */
  #current: Chain | undefined;
  #bad: BadLines | undefined;
  #unchained: { readonly place: Position; records: number } | undefined;
  #lastHash: string | undefined;
  #last: Position | undefined;
  #headAt: Place | undefined;
  #firstAt: number | undefined;
  #at = 0;
  #findings = 0;
  #records = 0;
  #processes = 0;
  #uncovered = 0;

  /** @param report learns each finding; those of torn pieces later than others */
  constructor(expected: Expectations, report: (finding: ChainFinding) => void) {
    this.#expected = expected;
    this.#report = report;
  }

  /**
   * Takes the next line.
   *
   * @param bytes without the line feed
   * @param isWhole whether there was one; the last line of a file may lack it
   */
  add(place: Place, bytes: Uint8Array, isWhole: boolean): void {
    this.#at += 1;
    // The sidecar ends a line that it could not write whole, and may not know whether.
    if (bytes.length === 0) return;
    const position = { ...place, at: this.#at };
    const link = readChainLink(bytes);
    if (link !== undefined) return this.#addRecord(position, link);
    const appended = readAppendedLink(bytes);
    const mayBeCut = isBeginning(bytes);
    this.#addBad(position, mayBeCut, mayBeCut && (!isWhole || appended !== undefined));
    if (appended !== undefined) this.#addRecord(position, appended);
  }

  /**
   * Judges what is left. No line may follow.
   *
   * @param lastFile the one that a trail without records ends in
   */
  end(lastFile: string): TrailSummary {
    this.#reportBad();
    this.#reportUnchained();
    this.#settle(this.#open.filter(isWaiting));
    this.#checkHead(lastFile);
    for (const chain of [...this.#open]) this.#giveUp(chain);
    return {
      isWhole: this.#findings === 0,
      records: this.#records,
      processes: this.#processes,
      uncovered: this.#uncovered,
      head: this.#lastHash,
    };
  }

  #fault({ at, file, line }: Position, fault: ChainFault): void {
    this.#findings += 1;
    this.#report({ ...fault, place: { file, line }, at });
  }

  #addBad(place: Position, mayBeCut: boolean, isCut: boolean): void {
    this.#reportUnchained();
    const bad = this.#bad;
    if (bad !== undefined && bad.place.file === place.file && !isCut) bad.lines += 1;
    else {
      this.#reportBad();
      this.#bad = { place, lines: 1, mayBeCut, isCut };
    }
  }

  /** @returns how many lines it were */
  #reportBad(): number {
    const bad = this.#bad;
    if (bad === undefined) return 0;
    this.#bad = undefined;
    const { isCut, lines, place } = bad;
    this.#fault(place, isCut ? { kind: "cut" } : { kind: "not-a-record", lines });
    return lines;
  }

  #addRecord(place: Position, link: ChainLink): void {
    const { hash, prev } = link;
    if (prev === undefined) return this.#addUnchained(place);
    this.#reportUnchained();
    this.#records += 1;
    const original = this.#recent.get(hash);
    if (original !== undefined) {
      this.#reportBad();
      this.#fault(place, { kind: "copied", from: original.place });
      return;
    }
    if (!link.isIntact) this.#fault(place, { kind: "changed-itself" });
    this.#attach(place, link, prev);
    this.#last = place;
    this.#lastHash = hash;
    if (hash === this.#expected.head) this.#headAt = place;
  }

  /** Between processes a sidecar of schema 1 may have written; in one, nobody has. */
  #addUnchained(place: Position): void {
    const chain = this.#current;
    if (chain !== undefined && !chain.isEnded) {
      return this.#addBad(place, false, false);
    }
    this.#reportBad();
    this.#records += 1;
    if (this.#unchained === undefined) this.#unchained = { place, records: 1 };
    else this.#unchained.records += 1;
  }

  #reportUnchained(): void {
    const unchained = this.#unchained;
    if (unchained === undefined) return;
    this.#unchained = undefined;
    const { place, records } = unchained;
    this.#fault(place, { kind: "unchained", records });
  }

  #attach(place: Position, link: ChainLink, prev: string): void {
    const before = this.#current;
    const continued = before !== undefined && goesOnWith(before, prev)
      ? before
      : this.#open.find((chain) => goesOnWith(chain, prev));
    const badLines = this.#judgeBad(link);
    if (continued === undefined) {
      this.#begin(newChain(this.#originOf(link, prev), place, link, prev, badLines));
    } else {
      if (continued !== before) this.#rejectBranches(continued);
      extend(continued, place, link);
    }
    const chain = continued ?? this.#current;
    if (chain === undefined) return;
    this.#remember(chain, place, link.hash, prev);
    this.#joinWaitingFor(link.hash, chain);
    if (continued !== undefined) this.#goOn(continued, place, before);
    if (isWaiting(chain) && chain.lines >= MOST_WAITING_LINES) {
      this.#settle(
        this.#open.filter((each) => isWaiting(each) && each.first.at <= chain.first.at),
      );
    }
    if (chain.isEnded && !isWaiting(chain)) this.#close(chain);
  }

  /**
   * One cut line is no fault if the next record reports lost lines. If a record was changed
   * instead, the next record names a hash that no line has.
   *
   * @returns how many lines were no records
   */
  #judgeBad({ record }: ChainLink): number {
    const bad = this.#bad;
    if (bad?.mayBeCut === true && bad.lines === 1 && record.kind === "gap") {
      this.#bad = undefined;
      return 0;
    }
    return this.#reportBad();
  }

  #originOf({ record }: ChainLink, prev: string): Origin {
    const before = this.#current;
    if (prev === NO_HASH) {
      // Everything that the process has written was counted as lost.
      const isRest = record.kind === "gap" && before?.origin.kind === "process" &&
        !before.isEnded && before.prev === NO_HASH && before.lines <= record.dropped;
      if (isRest) return { kind: "branch", from: undefined, of: before };
      // Of a process whose first line was lost, a gap is the first.
      if (record.kind === "start" || record.kind === "gap") return { kind: "process" };
    }
    const from = this.#recent.get(prev);
    if (from !== undefined) return { kind: "branch", from, of: from.chain };
    const torn = this.#findTorn(prev);
    return torn === undefined
      ? { kind: "torn", before }
      : { kind: "branch", from: undefined, of: torn };
  }

  #begin(chain: Chain): void {
    if (chain.origin.kind === "process") this.#processes += 1;
    if (this.#last === undefined) this.#checkBeginning(chain);
    this.#open.push(chain);
    this.#current = chain;
    if (this.#open.length <= MOST_OPEN) return;
    const waiting = this.#open.find(isWaiting);
    const [oldest] = this.#open;
    if (waiting !== undefined && waiting !== chain) this.#settle([waiting]);
    else if (oldest !== undefined) this.#giveUp(oldest);
  }

  /** The first record of all. */
  #checkBeginning(chain: Chain): void {
    const { after } = this.#expected;
    this.#firstAt = chain.first.at;
    if (after !== undefined && chain.prev !== after) {
      this.#fault(chain.first, { kind: "not-after" });
    } else if (after === undefined && chain.origin.kind !== "process") {
      this.#fault(chain.first, { kind: "begins-late" });
    }
  }

  #remember(chain: Chain, place: Position, hash: string, prev: string): void {
    const named = this.#recent.get(prev);
    if (named !== undefined) named.successor ??= place;
    const { lines: count, next } = chain;
    this.#recent.set(hash, { chain, count, place, next, successor: undefined });
    // A ring, because the first key of a Map is slow to find when many were deleted.
    const slot = this.#remembered % RECENT_LINES;
    const oldest = this.#hashes[slot];
    if (oldest !== undefined) this.#recent.delete(oldest);
    this.#hashes[slot] = hash;
    this.#remembered += 1;
  }

  /** The line came that a torn piece names: the piece stood before it. */
  #joinWaitingFor(hash: string, chain: Chain): void {
    const piece = this.#findTorn(hash);
    if (piece === undefined) return;
    this.#fault(piece.first, { kind: "reordered", records: piece.lines });
    const from = this.#recent.get(hash);
    if (from !== undefined) from.successor = piece.first;
    this.#join(chain, piece);
  }

  #findTorn(prev: string): Chain | undefined {
    return this.#open.find((chain) =>
      chain.origin.kind === "torn" && chain.prev === prev
    );
  }

  /** A chain goes on: what branched off since its last line is none of the process. */
  #rejectBranches(chain: Chain): void {
    const trunks = trunksOf(chain);
    for (const branch of [...this.#open]) {
      const isLater = branch.first.at > chain.addedAt;
      const isOther = branch.origin.kind === "branch" && !trunks.includes(branch) &&
        trunksOf(branch).at(-1) === trunks.at(-1);
      if (isLater && isOther) this.#reject(branch);
    }
  }

  /** A chain goes on that may not be the one that the last record belongs to. */
  #goOn(chain: Chain, place: Position, before: Chain | undefined): void {
    const between = before && rootOf(before);
    this.#current = chain;
    if (between === undefined || between === chain) return;
    const pieces = piecesBetween(between, chain);
    if (pieces !== undefined) {
      for (const piece of pieces) this.#reject(piece);
      return;
    }
    if (!this.#open.includes(between) && !between.isEnded) return;
    if (!chain.isMixed) this.#fault(place, { kind: "mixed", began: chain.first });
    chain.isMixed = true;
    between.isMixed = true;
  }

  /** What stands between two lines of a chain belongs to none. */
  #reject(piece: Chain): void {
    this.#fault(piece.first, { kind: "inserted", records: piece.lines });
    this.#close(piece);
  }

  #close(chain: Chain): void {
    const at = this.#open.indexOf(chain);
    if (at >= 0) this.#open.splice(at, 1);
  }

  #join(chain: Chain, piece: Chain): void {
    // What stood behind the piece stands behind what was before it, or two chains would
    // each stand before the other.
    const behind = tornBetween(piece, chain);
    if (behind !== undefined) {
      const before = piece.origin.kind === "torn" ? piece.origin.before : undefined;
      behind.origin = { kind: "torn", before };
    }
    piece.joined = { chain, offset: chain.lines };
    chain.last = piece.last;
    chain.addedAt = Math.max(chain.addedAt, piece.addedAt);
    chain.head = piece.head;
    chain.lines += piece.lines;
    chain.next = piece.next ??
      (chain.next === undefined ? undefined : chain.next + piece.used);
    chain.nextIfChanged = piece.nextIfChanged;
    chain.isEnded = piece.isEnded;
    chain.isChanged = piece.isChanged;
    this.#close(piece);
    // It would keep all chains before it in memory.
    piece.origin = { kind: "process" };
    if (this.#current === piece) this.#current = chain;
    if (chain.isEnded && !isWaiting(chain)) this.#close(chain);
  }

  /** Nothing explains these pieces any more: judges them, the oldest first. */
  #settle(pieces: readonly Chain[]): void {
    for (const piece of pieces) {
      if (piece.origin.kind === "torn") this.#settleTorn(piece, piece.origin.before);
      else if (piece.origin.kind === "branch") {
        const { from, of } = piece.origin;
        this.#settleBranch(piece, from, of);
      }
    }
  }

  #settleTorn(piece: Chain, origin: Chain | undefined): void {
    const before = origin && rootOf(origin);
    if (before === undefined || before.isEnded) {
      // Of the first record of all it was judged when it came.
      const isFirst = piece.first.at === this.#firstAt;
      if (!isFirst) this.#fault(piece.first, { kind: "removed", records: undefined });
      piece.origin = { kind: "process" };
      piece.isChanged = piece.beginning.record.kind === "start" && piece.lines === 1;
      this.#processes += 1;
      if (piece.isEnded) this.#close(piece);
      return;
    }
    const fault = this.#judgeTear(before, piece);
    if (fault !== undefined) this.#fault(fault.place, fault);
    const isChanged = fault?.kind === "changed" && fault.place === piece.first;
    const { next } = before;
    this.#join(before, piece);
    if (!isChanged) return;
    // Nothing of this line is believed but its kind.
    before.isChanged = true;
    before.next = nextBehind(piece.beginning, next);
  }

  /** Undefined if a fault that was reported already explains it. */
  #judgeTear(
    before: Chain,
    piece: Chain,
  ): ChainFault & { readonly place: Position } | undefined {
    const { badBefore, firstDue, lines } = piece;
    const [due, at] = [before.next, piece.first];
    const fits = (number: number | undefined): boolean =>
      firstDue === undefined || number === undefined || firstDue === number;
    if (badBefore > 0 && fits(due && due + badBefore)) return undefined;
    if (before.isChanged && fits(due)) return undefined;
    if (lines === 1 && this.#isTornAfter(piece)) return { kind: "changed", place: at };
    const isCovered = lines > 1;
    if (firstDue !== undefined && isCovered && before.nextIfChanged === firstDue) {
      return { kind: "changed", place: before.last };
    }
    if (firstDue !== undefined && due === firstDue) {
      return { kind: "changed-here-or-before", place: at };
    }
    const missing = firstDue !== undefined && due !== undefined && firstDue > due
      ? firstDue - due
      : undefined;
    return { kind: "removed", records: missing, place: at };
  }

  #isTornAfter(piece: Chain): boolean {
    return this.#open.some(({ origin }) =>
      origin.kind === "torn" && origin.before === piece
    );
  }

  #settleBranch(piece: Chain, from: Recent | undefined, of: Chain): void {
    const chain = rootOf(of);
    const kept = offsetOf(of) + (from?.count ?? 0);
    const displaced = chain.lines - kept;
    const first = from === undefined ? of.first : from.successor;
    if (displaced <= 0 || first === undefined) return this.#reject(piece);
    const { record } = piece.beginning;
    if (record.kind === "gap" && displaced <= record.dropped) {
      this.#uncovered += displaced;
    } else if (isForgery(piece, chain, displaced)) {
      return this.#reject(piece);
    } else {
      this.#fault(first, { kind: "inserted", records: displaced });
    }
    chain.lines = kept;
    this.#join(chain, piece);
    if (!chain.isEnded && !this.#open.includes(chain)) this.#open.push(chain);
  }

  /** Takes it that a process wrote no more; it did not say so. */
  #giveUp(chain: Chain): void {
    this.#close(chain);
    if (chain.head === this.#expected.head) return;
    this.#fault(chain.last, { kind: "open", began: chain.first });
  }

  #checkHead(lastFile: string): void {
    const { head } = this.#expected;
    if (head === undefined || head === this.#lastHash) return;
    const place = this.#last ?? { file: lastFile, line: 1, at: 1 };
    this.#fault(place, { kind: "not-head", head: this.#headAt });
  }
}

function isWaiting({ origin }: Chain): boolean {
  return origin.kind !== "process";
}

function goesOnWith(chain: Chain, prev: string): boolean {
  return !chain.isEnded && chain.head === prev && chain.joined === undefined;
}

function newChain(
  origin: Origin,
  place: Position,
  link: ChainLink,
  prev: string,
  badBefore: number,
): Chain {
  const chain: Chain = {
    origin,
    first: place,
    prev,
    badBefore,
    beginning: link,
    last: place,
    addedAt: place.at,
    head: link.hash,
    lines: 0,
    next: origin.kind === "branch" ? origin.from?.next : undefined,
    nextIfChanged: undefined,
    firstDue: undefined,
    used: 0,
    isEnded: false,
    isChanged: false,
    isMixed: false,
    joined: undefined,
  };
  extend(chain, place, link);
  return chain;
}

function extend(chain: Chain, place: Position, link: ChainLink): void {
  chain.last = place;
  chain.addedAt = place.at;
  chain.head = link.hash;
  chain.lines += 1;
  chain.isChanged = false;
  chain.nextIfChanged = nextBehind(link, chain.next);
  const { record } = link;
  switch (record.kind) {
    case "start":
      chain.next = 1;
      return;
    case "mutation": {
      const { sequence } = record.record;
      chain.firstDue ??= sequence - chain.used;
      chain.next = sequence + 1;
      return;
    }
    case "gap":
      chain.used += record.dropped;
      if (chain.next !== undefined) chain.next += record.dropped;
      return;
    case "end":
      chain.firstDue ??= record.end.mutations + 1 - chain.used;
      chain.isEnded = true;
      return;
    case "other":
      return;
    default:
      record satisfies never;
  }
}

/** The number that is due behind a line, if its own number is not believed. */
function nextBehind(
  { record }: ChainLink,
  due: number | undefined,
): number | undefined {
  switch (record.kind) {
    case "start":
      return 1;
    case "mutation":
      return due === undefined ? undefined : due + 1;
    case "gap":
      return due === undefined ? undefined : due + record.dropped;
    case "end":
    case "other":
      return due;
    default:
      return record satisfies never;
  }
}

/** Of two ways to go on the shorter one; of two that are as long the one without an end. */
function isForgery(branch: Chain, chain: Chain, displaced: number): boolean {
  return branch.lines === displaced
    ? chain.isEnded || !branch.isEnded
    : branch.lines < displaced;
}

/** The chain that it is a part of. */
function rootOf(chain: Chain): Chain {
  let root = chain;
  while (root.joined !== undefined) root = root.joined.chain;
  return root;
}

/** The chain and those that it branched off from, up to the first one. */
function trunksOf(chain: Chain): readonly Chain[] {
  const trunks: Chain[] = [];
  for (let trunk = rootOf(chain);;) {
    trunks.push(trunk);
    if (trunk.origin.kind !== "branch") return trunks;
    trunk = rootOf(trunk.origin.of);
  }
}

/** The chain that one waits to be joined to; undefined if it does not wait. */
function chainBefore({ origin }: Chain): Chain | undefined {
  switch (origin.kind) {
    case "process":
      return undefined;
    case "torn":
      return origin.before && rootOf(origin.before);
    case "branch":
      return rootOf(origin.of);
    default:
      return origin satisfies never;
  }
}

/** The last torn piece on the way back from a chain to a piece, if it leads there. */
function tornBetween(piece: Chain, chain: Chain): Chain | undefined {
  let torn: Chain | undefined;
  let each: Chain | undefined = chain;
  while (each !== undefined && each !== piece) {
    if (each.origin.kind === "torn") torn = each;
    each = chainBefore(each);
  }
  return each === piece ? torn : undefined;
}

/** How many lines of its root stand before it. */
function offsetOf(chain: Chain): number {
  let offset = 0;
  for (let part = chain.joined; part !== undefined; part = part.chain.joined) {
    offset += part.offset;
  }
  return offset;
}

/** The torn pieces from one back to a chain; undefined if it is not behind them. */
function piecesBetween(last: Chain, chain: Chain): readonly Chain[] | undefined {
  const pieces: Chain[] = [];
  let piece: Chain | undefined = last;
  while (piece !== undefined && piece !== chain) {
    if (piece.origin.kind !== "torn") return undefined;
    pieces.push(piece);
    piece = piece.origin.before && rootOf(piece.origin.before);
  }
  return piece === chain ? pieces : undefined;
}
