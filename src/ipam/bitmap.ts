/** Of 5 bits each, which is enough for every IPv4 address. */
const LEVELS = 7;

/**
 * A sparse, hierarchical bitmap. Its memory grows with the number of bits that are set.
 * A level has one bit for every 32 of the level below, set when all 32 are set, so the
 * next clear bit is found in a few steps however many are set before it.
 */
export class Bitmap {
  readonly #levels = Array.from({ length: LEVELS }, () => new Map<number, number>());
  #count = 0;

  /** How many bits are set. */
  get count(): number {
    return this.#count;
  }

  has(index: number): boolean {
    return (this.#word(0, index >>> 5) & mask(index)) !== 0;
  }

  /** Sets a bit, 0 to 2^31 - 1; idempotent. */
  set(index: number): void {
    if (this.has(index)) return;
    this.#count += 1;
    let at = index;
    for (const level of this.#levels) {
      const position = at >>> 5;
      const word = (level.get(position) ?? 0) | mask(at);
      level.set(position, word);
      if (word !== FULL) return;
      at = position;
    }
  }

  /** Clears a bit; idempotent. */
  clear(index: number): void {
    if (!this.has(index)) return;
    this.#count -= 1;
    let at = index;
    for (const level of this.#levels) {
      const position = at >>> 5;
      const before = level.get(position) ?? 0;
      const word = before & ~mask(at);
      if (word === 0) level.delete(position);
      else level.set(position, word);
      if (before !== FULL) return;
      at = position;
    }
  }

  /** The first clear bit at or after this one. */
  nextClear(from: number): number {
    let at = from;
    for (let level = 0; level < LEVELS; level += 1) {
      const position = at >>> 5;
      const clear = ~this.#word(level, position) & (FULL << (at & 31));
      if (clear !== 0) return this.#descend(level, position * 32 + lowestBit(clear));
      at = position + 1;
    }
    return Infinity;
  }

  /** The first clear bit of level 0 below a clear bit of a higher level. */
  #descend(from: number, index: number): number {
    let at = index;
    for (let level = from - 1; level >= 0; level -= 1) {
      at = at * 32 + lowestBit(~this.#word(level, at));
    }
    return at;
  }

  #word(level: number, position: number): number {
    return this.#levels[level]?.get(position) ?? 0;
  }
}

/** All 32 bits, as the signed result of JavaScript's bit operations. */
const FULL = -1;

function mask(index: number): number {
  return 1 << (index & 31);
}

/** The position of the lowest bit that is set. */
function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}
