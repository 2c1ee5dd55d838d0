/** Numbers from 0 to below 1, one a call. */
export type Random = () => number;

/** Numbers that a seed decides: the same ones for the same seed (mulberry32). */
export function randomOf(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A random seed. */
export function anySeed(): number {
  return Math.floor(Math.random() * 2 ** 32);
}
