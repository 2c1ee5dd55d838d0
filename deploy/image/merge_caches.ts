/**
 * Merges what SQLite keeps beside each cache of compiled code into the cache: how much
 * that is differs from build to build. SQLite reads a cache in a read-only folder only if
 * both files are still there, however empty.
 *
 * Run in the image's build only, with another DENO_DIR: `deno run -A merge_caches.ts FOLDER`.
 */
import { DatabaseSync } from "node:sqlite";

const [folder = ""] = Deno.args;
const caches = [...Deno.readDirSync(folder)].map(({ name }) => name)
  .filter((name) => name.endsWith("_cache_v2"));
if (caches.length === 0) throw new Error(`No cache of compiled code in ${folder}`);
for (const name of caches) {
  const path = `${folder}/${name}`;
  const cache = new DatabaseSync(path);
  const merged = cache.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get();
  cache.close();
  // What was not merged would be lost with the file that is emptied now.
  if (merged?.["busy"] !== 0) throw new Error(`Somebody still writes to ${path}`);
  for (const beside of ["wal", "shm"]) {
    Deno.writeFileSync(`${path}-${beside}`, new Uint8Array());
  }
}
