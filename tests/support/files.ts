/** The files of the repository. */
import { repository } from "./serve_task.ts";

/**
 * The paths of all files below a folder, from the repository's root. Hidden folders below
 * it, and what builds leave, are left out.
 *
 * @param folder the empty text: the root
 */
export function filesBelow(folder: string): readonly string[] {
  return [...Deno.readDirSync(`${repository}/${folder}`)].flatMap((entry) => {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (!entry.isDirectory) return [path];
    const isSkipped = entry.name.startsWith(".") ||
      ["node_modules", "target"].includes(entry.name);
    return isSkipped ? [] : filesBelow(path);
  });
}
