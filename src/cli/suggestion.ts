/** The name that a mistyped one was probably meant to be. */

/** The name with the smallest edit distance; the first of several. */
export function closest(text: string, names: readonly string[]): string {
  let best = "";
  let smallest = Infinity;
  for (const name of names) {
    const distance = editDistance(text, name);
    if (distance < smallest) [best, smallest] = [name, distance];
  }
  return best;
}

/** The Levenshtein distance. */
function editDistance(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const substitution = from[row - 1] === to[column - 1] ? 0 : 1;
      current.push(
        Math.min(
          (previous[column] ?? 0) + 1,
          (current[column - 1] ?? 0) + 1,
          (previous[column - 1] ?? 0) + substitution,
        ),
      );
    }
    previous = current;
  }
  return previous[to.length] ?? 0;
}
