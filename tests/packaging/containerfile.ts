/** The Containerfile, for the tests that compare it with the code. */
import { repository } from "../support/serve_task.ts";

const text = Deno.readTextFileSync(`${repository}/Containerfile`)
  .replaceAll("\\\n", " ");

/** The words of an instruction in JSON form, e.g. of `ENTRYPOINT`. */
export function argumentsOf(instruction: "ENTRYPOINT" | "CMD"): readonly string[] {
  const found = new RegExp(`(?:^|\\s)${instruction} (\\[.*\\])$`, "m").exec(text)?.[1];
  const words: unknown = found === undefined ? undefined : JSON.parse(found);
  if (!Array.isArray(words)) throw new Error(`Cannot find the words of ${instruction}`);
  return words.map(String);
}

/** The default of a build argument. */
export function argument(name: string): string {
  return valueAfter(`ARG ${name}=`);
}

/** The value of a label of the final image. */
export function label(name: string): string {
  return valueAfter(`org.opencontainers.image.${name}=`).replaceAll('"', "");
}

/** What stands after a word that opens a line or follows a space, to the next space. */
export function valueAfter(word: string): string {
  const at = text.indexOf(word);
  if (at < 0) throw new Error(`Cannot find ${word} in the Containerfile`);
  return text.slice(at + word.length).split(/\s/, 1)[0] ?? "";
}
