import assert from "node:assert/strict";
import fc from "fast-check";
import { type ArchivedFile, packTar } from "../../../src/cli/tar.ts";
import { runToEnd } from "../../support/namespace.ts";
import { bounded } from "../../support/suite.ts";

/** 2026-11-29T10:00:00Z. */
const MODIFIED = 1_795_946_400;

interface Unpacked {
  /** What `tar -tv` prints, a line for each file. */
  readonly listing: readonly string[];
  readonly contents: ReadonlyMap<string, Uint8Array>;
}

/** Has tar(1) read an archive. */
async function unpack(archive: Uint8Array): Promise<Unpacked> {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/archive.tar`;
  await Deno.writeFile(path, archive);
  const env = { TZ: "UTC", LC_ALL: "C.UTF-8" };
  const listed = await runToEnd(
    ["tar", "--numeric-owner", "--full-time", "-tvf", path],
    { env },
  );
  assert.deepEqual([listed.code, listed.stderr], [0, ""]);
  const target = `${folder}/files`;
  await Deno.mkdir(target);
  const unpacked = await runToEnd(["tar", "-xf", path, "-C", target], { env });
  assert.deepEqual([unpacked.code, unpacked.stderr], [0, ""]);
  const contents = new Map<string, Uint8Array>();
  for (const { name } of Deno.readDirSync(target)) {
    contents.set(name, await Deno.readFile(`${target}/${name}`));
  }
  await Deno.remove(folder, { recursive: true });
  const listing = listed.stdout.split("\n").filter((line) => line !== "");
  return { listing, contents };
}

Deno.test("tar lists the files of an archive: readable by all, of root, with their time and size", async () => {
  const content = new TextEncoder().encode("status\n");
  const { listing } = await unpack(packTar([
    { name: "status.txt", content },
    { name: "empty", content: new Uint8Array() },
  ], MODIFIED));
  assert.deepEqual(listing.map((line) => line.replaceAll(/ +/g, " ")), [
    "-rw-r--r-- 0/0 7 2026-11-29 10:00:00 status.txt",
    "-rw-r--r-- 0/0 0 2026-11-29 10:00:00 empty",
  ]);
});

const anyFile: fc.Arbitrary<ArchivedFile> = fc.record({
  // At most 100 bytes of UTF-8.
  name: fc.stringMatching(/^[a-zé][a-z0-9é .-]{0,48}$/),
  content: fc.oneof(
    fc.uint8Array({ maxLength: 20 }),
    fc.constantFrom(0, 511, 512, 513, 1024, 100_000)
      .map((length) => new Uint8Array(length).fill(65)),
  ),
});

Deno.test("tar unpacks from an archive what was packed, whatever it is", async () => {
  const anyFiles = fc.uniqueArray(anyFile, {
    selector: ({ name }) => name,
    maxLength: 5,
  });
  await fc.assert(
    fc.asyncProperty(anyFiles, async (files) => {
      const { contents } = await unpack(packTar(files, MODIFIED));
      const packed = new Map(files.map(({ content, name }) => [name, content]));
      assert.deepEqual([...contents].toSorted(), [...packed].toSorted());
    }),
    { numRuns: bounded(60, 10) },
  );
});

Deno.test("packTar refuses a name that the format has no room for", () => {
  const content = new Uint8Array();
  const fits = { name: "x".repeat(100), content };
  assert.equal(packTar([fits], MODIFIED).length, 3 * 512);
  assert.throws(
    () => packTar([{ name: "é".repeat(51), content }], MODIFIED),
    /^RangeError: Cannot pack é+: its name is too long$/,
  );
});
