/**
 * Writes each cache of compiled code anew, with what SQLite keeps beside it: the same rows
 * in one order, and the code without what differs from build to build. SQLite reads a
 * cache in a read-only folder only if both files beside it are still there, however empty.
 *
 * Run in the image's build only, with another DENO_DIR: `deno run -A merge_caches.ts FOLDER`.
 */
import { DatabaseSync, type SQLOutputValue } from "node:sqlite";
import { canonicalCode } from "./code_cache.ts";

/** The column of compiled code: no other one holds bytes. */
function canonical(value: SQLOutputValue): SQLOutputValue {
  return value instanceof Uint8Array ? canonicalCode(value) : value;
}

/** Writes one table, which is there already, from the other database. */
function copyRows(from: DatabaseSync, to: DatabaseSync, table: string): void {
  const rows = from.prepare(`SELECT * FROM ${table} ORDER BY 1, 2`);
  // Hashes of sources have 64 bits.
  rows.setReadBigInts(true);
  for (const row of rows.all()) {
    const values = Object.values(row).map(canonical);
    const places = values.map(() => "?").join(", ");
    to.prepare(`INSERT INTO ${table} VALUES (${places})`).run(...values);
  }
}

/** Writes a cache into a file that is not there yet. */
function rewrite(path: string, written: string): void {
  const from = new DatabaseSync(path, { readOnly: true });
  const to = new DatabaseSync(written);
  const tables = from.prepare(
    "SELECT name, sql FROM sqlite_master " +
      "WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
  );
  to.exec("BEGIN");
  for (const { name, sql } of tables.all()) {
    to.exec(String(sql));
    copyRows(from, to, String(name));
  }
  to.exec("COMMIT");
  // As Deno leaves it: otherwise Deno would write both to a file that is read-only, and
  // then go on without it.
  to.exec("ANALYZE");
  to.exec("PRAGMA journal_mode = WAL");
  to.close();
  from.close();
}

const [folder = ""] = Deno.args;
const caches = [...Deno.readDirSync(folder)].map(({ name }) => name)
  .filter((name) => name.endsWith("_cache_v2"));
if (caches.length === 0) throw new Error(`No cache of compiled code in ${folder}`);
for (const name of caches) {
  const path = `${folder}/${name}`;
  rewrite(path, `${path}.new`);
  Deno.renameSync(`${path}.new`, path);
  for (const beside of ["wal", "shm"]) {
    Deno.writeFileSync(`${path}-${beside}`, new Uint8Array());
  }
}
