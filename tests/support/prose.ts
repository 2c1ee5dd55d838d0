/**
 * The prose that people read: of the pages, of the comments of the public .proto file, and
 * of the help. Code is left out, because it is quoted from elsewhere.
 */
import { COMMANDS } from "../../src/cli/commands.ts";
import { type OptionDefinition, OPTIONS } from "../../src/cli/options.ts";
import { PAGES, readPage } from "./pages.ts";
import { repository } from "./serve_task.ts";

/** A paragraph, an item of a list, a heading, or a row of a table. */
export interface Passage {
  /** Where it stands: the path of a file, or which help. */
  readonly source: string;
  /** The number of its first line; 0 for the help, which has no lines. */
  readonly line: number;
  readonly kind: "heading" | "text" | "table";
  /** With its line breaks; `CODE` stands for each code span and each address. */
  readonly text: string;
}

/** A word of a passage, without punctuation. */
export interface Word {
  readonly word: string;
  readonly line: number;
}

/** Stands for a code span in a passage's text. */
export const CODE = "\uFFFC";

const PUBLIC_PROTO = "proto/quilt_sidecar.proto";

/** The prose of a page, in its order. */
export function pageProse(
  path: string,
  text = readPage(path).text,
): readonly Passage[] {
  const passages: Passage[] = [];
  let open: { line: number; lines: string[] } | undefined;
  let isCode = false;
  const close = (): void => {
    if (open === undefined) return;
    passages.push(passage(path, open.line, "text", open.lines.join("\n")));
    open = undefined;
  };
  const lines = withoutComments(text).split("\n");
  for (const [index, line] of lines.entries()) {
    const number = index + 1;
    if (line.startsWith("```")) {
      close();
      isCode = !isCode;
    } else if (isCode) continue;
    else if (line.trim() === "") close();
    else if (/^#+ /.test(line)) {
      close();
      passages.push(passage(path, number, "heading", line.replace(/^#+ /, "")));
    } else if (line.startsWith("|")) {
      close();
      passages.push(passage(path, number, "table", line));
    } else if (open === undefined || /^\s*(?:[-*]|\d+\.) /.test(line)) {
      close();
      open = { line: number, lines: [line] };
    } else open.lines.push(line);
  }
  close();
  return passages;
}

/** The comments of the sidecar's own .proto file, a paragraph each. */
export function protoProse(): readonly Passage[] {
  const text = Deno.readTextFileSync(`${repository}/${PUBLIC_PROTO}`);
  const comments = text.split("\n")
    .map((line) => /^\s*\/\/ ?(.*)$/.exec(line)?.[1] ?? "");
  return pageProse(PUBLIC_PROTO, comments.join("\n"));
}

/** What `quilt-sidecar help` says of every command and of every option. */
export function helpProse(): readonly Passage[] {
  const commands = COMMANDS.flatMap((command) => {
    const { description, exitCodes, name, operands, optionHelp = {}, summary } =
      command;
    const texts = [
      summary,
      description,
      ...operands.map(({ help }) => help),
      ...Object.values(optionHelp),
      ...exitCodes.map(([, meaning]) => meaning),
    ];
    return texts.map((text) => ({ source: `the help of ${name}`, text }));
  });
  const options = Object.entries<OptionDefinition>(OPTIONS)
    .map(([name, { help }]) => ({ source: `the help of --${name}`, text: help }));
  return [...commands, ...options]
    .map(({ source, text }) => passage(source, 0, "text", text));
}

/** All of it. */
export function allProse(): readonly Passage[] {
  return [...PAGES.flatMap((path) => pageProse(path)), ...protoProse(), ...helpProse()];
}

/**
 * The words of a passage, without names of files, options, numbers and the like. A word
 * with a capital inside is a name of the code, e.g. `InjectRoute`, or of a product.
 */
export function wordsOf({ line, text }: Passage): readonly Word[] {
  return [...text.matchAll(/[^\s\uFFFC]+/g)].flatMap(({ 0: chunk, index }) => {
    const bare = chunk.replaceAll(/^[^\p{L}\p{N}_-]+|[^\p{L}\p{N}_]+$/gu, "");
    if (isIdentifier(bare)) return [];
    return [...bare.matchAll(/\p{L}+(?:['’]\p{L}+)*/gu)]
      .map(([found]) => ({
        word: found.replace(/['’]s$/, ""),
        line: lineAt(line, text, index),
      }))
      .filter(({ word }) => word.length > 1 && !/\p{Ll}\p{Lu}/u.test(word));
  });
}

function isIdentifier(chunk: string): boolean {
  if (/^(?:e\.g|i\.e)$/.test(chunk)) return true;
  return /[\d_=@~$/\\]|^-|\p{L}[.:]\p{L}/u.test(chunk);
}

/** The sentences of a passage; a code span is one word. */
export function sentencesOf({ line, text }: Passage): readonly {
  readonly sentence: string;
  readonly line: number;
  readonly length: number;
}[] {
  let offset = 0;
  const parts = text.split(/(?<=(?<!\b(?:e\.g|i\.e|etc|vs))[.!?]["”)*]*)(\s+)/);
  return parts.flatMap((part) => {
    const start = offset;
    offset += part.length;
    const length = part.split(/\s+/).filter((word) => /[\p{L}\p{N}\uFFFC]/u.test(word))
      .length;
    if (length === 0) return [];
    const sentence = part.replaceAll(CODE, "`…`").replaceAll(/\s+/g, " ").trim();
    return [{ sentence, length, line: lineAt(line, text, start) }];
  });
}

function lineAt(first: number, text: string, offset: number): number {
  return first === 0 ? 0 : first + text.slice(0, offset).split("\n").length - 1;
}

/** Comments of HTML become empty lines, so that the numbers of the others stay. */
function withoutComments(text: string): string {
  return text.replaceAll(/<!--[^]*?-->/g, onlyBreaks);
}

function onlyBreaks(text: string): string {
  return text.replaceAll(/[^\n]/g, "");
}

function passage(
  source: string,
  line: number,
  kind: Passage["kind"],
  markdown: string,
): Passage {
  const text = markdown
    .replaceAll(/(`+)([^]*?[^`])\1(?!`)/g, (code) => `${CODE}${onlyBreaks(code)}`)
    .replaceAll(/\]\([^)\s]*\)/g, "]")
    .replaceAll(/<https?:[^>]*>|https?:[^\s)]*[^\s).,;:]/g, CODE)
    .replaceAll(/<[^>]+>/g, onlyBreaks);
  return { source, line, kind, text };
}
