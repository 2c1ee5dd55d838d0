/** A fenced block of a Markdown document. */
export interface Block {
  /** The heading of level 2 above it; empty before the first one. */
  readonly section: string;
  /** What stands after the fence, e.g. `console`. */
  readonly language: string;
  readonly lines: readonly string[];
}

/** A row of a table, without the table's heading. */
export interface Row {
  /** The heading of level 2 above the table. */
  readonly section: string;
  /** The first cell of the table's heading: what its rows are about. */
  readonly about: string;
  readonly cells: readonly string[];
}

/** What the tests need to know of a Markdown document. */
export interface Document {
  readonly blocks: readonly Block[];
  readonly rows: readonly Row[];
  /** Headings of every level, as they stand there. */
  readonly headings: readonly string[];
  /** The lines outside of fenced blocks. */
  readonly prose: readonly string[];
}

/** Reads the part of Markdown (GitHub Flavored) that a README is made of. */
export function readMarkdown(text: string): Document {
  const blocks: Block[] = [];
  const rows: Row[] = [];
  const headings: string[] = [];
  const prose: string[] = [];
  let section = "";
  let about: string | undefined;
  let fenced: { readonly language: string; readonly lines: string[] } | undefined;
  for (const line of text.split("\n")) {
    if (fenced !== undefined) {
      if (line === "```") {
        blocks.push({ section, ...fenced });
        fenced = undefined;
      } else fenced.lines.push(line);
      continue;
    }
    const fence = /^```(\w*)$/.exec(line);
    if (fence !== null) {
      fenced = { language: fence[1] ?? "", lines: [] };
      continue;
    }
    prose.push(line);
    const heading = /^(#+) (.*)$/.exec(line);
    if (heading !== null) {
      headings.push(heading[2] ?? "");
      if (heading[1] === "##") section = heading[2] ?? "";
    }
    const cells = readCells(line);
    if (cells === undefined) about = undefined;
    else if (about === undefined) about = cells[0] ?? "";
    else if (!cells.every((cell) => /^:?-+:?$/.test(cell))) {
      rows.push({ section, about, cells });
    }
  }
  if (fenced !== undefined) throw new Error(`A block of "${section}" has no end`);
  return { blocks, rows, headings, prose };
}

/** The anchors of a document's headings, as GitHub makes them. */
export function anchors(headings: readonly string[]): readonly string[] {
  const counts = new Map<string, number>();
  return headings.map((heading) => {
    const slug = heading.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(" ", "-");
    const count = counts.get(slug) ?? 0;
    counts.set(slug, count + 1);
    return count === 0 ? slug : `${slug}-${count}`;
  });
}

/** The targets of inline links. */
export function linksIn(text: string): readonly string[] {
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target);
}

/** The texts in backticks. */
export function codeIn(text: string): readonly string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code);
}

/** The cells of a line of a table; undefined for any other line. */
function readCells(line: string): readonly string[] | undefined {
  if (!/^\|.*\|$/.test(line)) return undefined;
  return line.slice(1, -1).split(/(?<!\\)\|/)
    .map((cell) => cell.trim().replaceAll("\\|", "|"));
}
