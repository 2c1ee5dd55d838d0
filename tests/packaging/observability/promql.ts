/** The names in an expression of PromQL that promtool has parsed: it knows no errors. */

/** A condition on a label, e.g. `quilt_state=~"waiting|error"`. */
export interface Matcher {
  readonly label: string;
  /** The alternatives of a regular expression are values too. */
  readonly values: readonly string[];
}

/** A metric with its conditions. */
export interface Selector {
  readonly metric: string;
  readonly matchers: readonly Matcher[];
}

/** What an expression names. */
export interface Names {
  readonly selectors: readonly Selector[];
  /** The labels by which it groups or joins. */
  readonly grouped: readonly string[];
}

const TOKEN =
  /"(?:[^"\\]|\\.)*"|\[[^\]]*\]|[A-Za-z_:][\w:]*|\d[\w.]*|=~|!~|!=|==|[^\s]/g;

const GROUPING = ["by", "without", "on", "ignoring", "group_left", "group_right"];
const WORDS = ["and", "or", "unless", "offset", "bool"];

/** Reads the names of an expression. */
export function namesIn(expression: string): Names {
  const tokens: readonly string[] = expression.match(TOKEN) ?? [];
  const selectors: Selector[] = [];
  const grouped: string[] = [];
  for (let at = 0; at < tokens.length; at += 1) {
    const token = tokens[at] ?? "";
    const next = tokens[at + 1] ?? "";
    if (!/^[A-Za-z_:]/.test(token) || WORDS.includes(token)) continue;
    if (GROUPING.includes(token)) {
      const end = tokens.indexOf(")", at);
      grouped.push(...tokens.slice(at + 2, end).filter((each) => each !== ","));
      at = end;
    } else if (next === "{") {
      const end = tokens.indexOf("}", at);
      const matchers = matchersOf(tokens.slice(at + 2, end));
      selectors.push({ metric: token, matchers });
      at = end;
    } else if (next !== "(" && !GROUPING.includes(next)) {
      selectors.push({ metric: token, matchers: [] });
    }
  }
  return { selectors, grouped };
}

/** Label, operator, text, comma, and so on. */
function matchersOf(tokens: readonly string[]): readonly Matcher[] {
  const matchers: Matcher[] = [];
  for (let at = 0; at < tokens.length; at += 4) {
    const [label = "", , text = ""] = tokens.slice(at, at + 3);
    matchers.push({ label, values: text.slice(1, -1).split("|") });
  }
  return matchers;
}
