import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { canonicalCode } from "../../../deploy/image/code_cache.ts";
import { runToEnd } from "../../support/namespace.ts";

/** Loads modules of Node by import and by require, and compiles functions of each kind. */
const PROGRAM = `
import { createRequire } from "node:module";
import "node:http2";
const require = createRequire(import.meta.url);
console.log(typeof require("node:tls"), [..."abc"].map((each) => ({ each, list: [1, 2] })));
async function* every() { for (const each of [1, 2, 3]) yield each; }
for await (const each of every()) console.log(each);
`;

/** The program in a file, whose path is part of the code. */
async function writeProgram() {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/program.mjs`;
  await Deno.writeTextFile(path, PROGRAM);
  return {
    path,
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

/** The code that Deno keeps of a program, in a cache of its own. */
async function compiled(program: string): Promise<ReadonlyMap<string, Uint8Array>> {
  const folder = await Deno.makeTempDir();
  const run = [Deno.execPath(), "run", "--no-config", "--allow-all", program];
  for (let starts = 0; starts < 3; starts += 1) {
    const { code, stderr } = await runToEnd(run, { env: { DENO_DIR: folder } });
    assert.equal(code, 0, stderr);
  }
  const cache = new DatabaseSync(`${folder}/v8_code_cache_v2`);
  const rows = cache.prepare("SELECT specifier, type, data FROM codecache").all();
  cache.close();
  await Deno.remove(folder, { recursive: true });
  return new Map(rows.map(({ specifier, type, data }) => {
    assert.ok(data instanceof Uint8Array);
    return [`${specifier} ${type}`, data];
  }));
}

Deno.test("canonicalCode makes the same bytes of what two processes have compiled of one source", async () => {
  await using program = await writeProgram();
  const first = await compiled(program.path);
  const second = await compiled(program.path);
  let compared = 0;
  let changed = 0;
  for (const [name, code] of first) {
    const other = second.get(name);
    // What is left when a process ends it does not keep.
    if (other === undefined) continue;
    const canonical = canonicalCode(code);
    assert.equal(canonical.toHex(), canonicalCode(other).toHex(), name);
    assert.equal(canonical.toHex(), canonicalCode(canonical).toHex(), name);
    assert.equal(canonical.length, code.length);
    compared += 1;
    if (code.toHex() !== canonical.toHex()) changed += 1;
  }
  assert.ok(compared > 20, `${compared} modules`);
  assert.ok(changed > 20, `${changed} modules`);
});

Deno.test("canonicalCode refuses a header and a byte that it does not know", async () => {
  await using program = await writeProgram();
  const [code] = (await compiled(program.path)).values();
  assert.ok(code !== undefined);
  assert.throws(() => canonicalCode(code.slice(0, -8)), /its header is another one$/);
  const summed = code.slice();
  summed[24] = 1;
  assert.throws(() => canonicalCode(summed), /its header is another one$/);
  const odd = code.slice();
  odd[32] = 0x3f;
  assert.throws(() => canonicalCode(odd), {
    message:
      `Cannot read compiled code as V8's: byte 32 of ${code.length} is not known ` +
      "here; another version of Deno needs another code_cache.ts",
  });
});
