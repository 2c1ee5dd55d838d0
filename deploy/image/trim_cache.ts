/**
 * Deletes from the npm cache whatever the sidecar never loads: packages that only tests
 * import, types, source maps, documentation. The package.json of each stays, because
 * Deno looks for every package of deno.lock; and so do the licences of what is shipped.
 *
 * Run in the image's build only: `deno run -A trim_cache.ts FOLDER`.
 */
import { shippedPackages } from "../shipped.ts";

const LOADED = /\.(js|cjs|mjs|json)$/;
const LEGAL = /\/(licen[cs]e|copying|notice)[^/]*$/i;

const folders = (await shippedPackages()).map(({ folder }) => folder.pathname);

function isKept(path: string): boolean {
  const shipped = folders.some((folder) => path.startsWith(folder));
  return shipped
    ? LOADED.test(path) || LEGAL.test(path)
    : path.endsWith("/package.json");
}

function trim(folder: string): void {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) trim(path);
    else if (!isKept(path)) Deno.removeSync(path);
    // Some archives mark sources as programs.
    else Deno.chmodSync(path, 0o644);
  }
}

const [folder] = Deno.args;
if (folder === undefined) throw new Error("Name the folder, e.g. /deno-dir/npm");
trim(folder);
