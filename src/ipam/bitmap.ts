/** Of 5 bits each: as many slots as there are addresses. */
const LEVELS = 7;

/**
 * Which of very many numbered slots are taken. Memory grows with what is taken, and the
 * next free slot is found in a handful of steps however full it is around there: each
 * level has a bit for every 32 of the level below, set when all 32 are.
 */
export class TakenSlots {
  readonly #levels = Array.from({ length: LEVELS }, () => new Map<number, number>());
  #count = 0;

  /** How many are taken. */
  get count(): number {
    return this.#count;
  }

  has(slot: number): boolean {
    return (this.#word(0, slot >>> 5) & bit(slot)) !== 0;
  }

  /** Takes a slot, 0 to 2^31 - 1; taking it twice is taking it once. */
  take(slot: number): void {
    if (this.has(slot)) return;
    this.#count += 1;
    let at = slot;
    for (const level of this.#levels) {
      const index = at >>> 5;
      const word = (level.get(index) ?? 0) | bit(at);
      level.set(index, word);
      if (word !== FULL) return;
      at = index;
    }
  }

  /** Makes a slot free. */
  free(slot: number): void {
    if (!this.has(slot)) return;
    this.#count -= 1;
    let at = slot;
    for (const level of this.#levels) {
      const index = at >>> 5;
      const before = level.get(index) ?? 0;
      const word = before & ~bit(at);
      if (word === 0) level.delete(index);
      else level.set(index, word);
      if (before !== FULL) return;
      at = index;
    }
  }

  /** The first slot that is not taken, at or after this one. */
  nextFree(from: number): number {
    let at = from;
    for (let level = 0; level < LEVELS; level += 1) {
      const index = at >>> 5;
      const open = ~this.#word(level, index) & (FULL << (at & 31));
      if (open !== 0) return this.#descend(level, index * 32 + lowest(open));
      at = index + 1;
    }
    return Infinity;
  }

  #descend(from: number, slot: number): number {
    let at = slot;
    for (let level = from - 1; level >= 0; level -= 1) {
      at = at * 32 + lowest(~this.#word(level, at));
    }
    return at;
  }

  #word(level: number, index: number): number {
    return this.#levels[level]?.get(index) ?? 0;
  }
}

/** All 32 bits, as JavaScript's bit operations show them. */
const FULL = -1;

function bit(at: number): number {
  return 1 << (at & 31);
}

/** The number of the lowest bit that is set. */
function lowest(word: number): number {
  return 31 - Math.clz32(word & -word);
}
