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
  cache.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  cache.close();
  for (const beside of ["wal", "shm"]) {
    Deno.writeFileSync(`${path}-${beside}`, new Uint8Array());
  }
}
