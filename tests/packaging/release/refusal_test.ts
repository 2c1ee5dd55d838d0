import assert from "node:assert/strict";
import { notesOf } from "../../../deploy/release/notes.ts";
import { SIDECAR_VERSION } from "../../../src/shared/versions.ts";
import { runToEnd } from "../../support/namespace.ts";
import { repository } from "../../support/serve_task.ts";

const MAKE = [Deno.execPath(), "run", "--frozen", "--cached-only", "--allow-all"];

function make(...words: readonly string[]) {
  const script = `${repository}/deploy/release/make.ts`;
  return runToEnd([...MAKE, script, ...words], { env: { SOURCE_DATE_EPOCH: "0" } });
}

Deno.test("notesOf takes the section of a version, and refuses one without a date or without a section", () => {
  const changelog =
    "# Changelog\n\n## 2.0.0\n\n- new\n\n## 1.0.0 - 2026-11-28\n\n- old\n";
  assert.equal(notesOf(changelog, "1.0.0"), "- old\n");
  assert.throws(() => notesOf(changelog, "2.0.0"), {
    message: 'CHANGELOG.md has no date for 2.0.0: write "## 2.0.0 - YYYY-MM-DD"',
  });
  assert.throws(() => notesOf(changelog, "3.0.0"), {
    message: "CHANGELOG.md has no section 3.0.0",
  });
});

Deno.test("the changelog has the notes of this version", () => {
  const changelog = Deno.readTextFileSync(`${repository}/CHANGELOG.md`);
  assert.match(notesOf(changelog, SIDECAR_VERSION), /^### Added$/m);
});

Deno.test("make-release refuses a folder that has something in it, and no folder", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/file`, "");
  assert.deepEqual(await make(folder), {
    code: 1,
    stdout: "",
    stderr: `${folder} is not empty; name another folder\n`,
  });
  const { code, stderr } = await make();
  assert.deepEqual([code, stderr], [
    1,
    "Name a folder: deno task make-release FOLDER\n",
  ]);
  await Deno.remove(folder, { recursive: true });
});
