import assert from "node:assert/strict";
import { codeOf, readPage } from "../../support/pages.ts";
import { repository } from "../../support/serve_task.ts";
import { directive } from "../unit.ts";

const page = readPage("docs/install-systemd.md");
const script = Deno.readTextFileSync(`${repository}/deploy/release/install.sh`);
const SERVICE = "quilt-sidecar.service";

/** The codes of a cell's first column. */
function firstCells(about: string): readonly string[] {
  return page.rowsAbout(about).map(([cell]) => codeOf(cell));
}

Deno.test("docs/install-systemd.md and the head of install.sh list the same paths", () => {
  const [head = ""] = script.split("\nset -eu");
  const paths = [...head.matchAll(/^# {3}(\/\S+)/gm)].map(([, path = ""]) => path)
    // The page has both units in one row.
    .filter((path) => !path.endsWith(".socket"));
  assert.ok(paths.length > 4, paths.join(" "));
  assert.deepEqual([...firstCells("Path")].sort(), paths.sort());
  for (const path of paths) {
    if (/\/quilt(-sidecar)?\.(conf|service)$/.test(path)) {
      assert.ok(script.replaceAll("$service", SERVICE).includes(` ${path}"`), path);
    }
  }
});

Deno.test("docs/install-systemd.md names the drop-ins, and where each says that it goes", () => {
  const folder = `${repository}/deploy/systemd/variants`;
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  assert.deepEqual([...firstCells("File")].sort(), names);
  for (const [name, , place] of page.rowsAbout("File")) {
    const text = Deno.readTextFileSync(`${folder}/${codeOf(name)}`);
    assert.ok(text.includes(`# ${codeOf(place)}\n`), codeOf(place));
  }
});

Deno.test("docs/install-systemd.md has the limits of the unit and of the installer", async () => {
  const { text } = page;
  const least = /^least_systemd=(\d+)$/m.exec(script)?.[1];
  assert.ok(text.includes(`- systemd ${least} or newer`));
  const memory = (await directive(SERVICE, "MemoryMax")).replace("M", " MB");
  const tasks = await directive(SERVICE, "TasksMax");
  const files = await directive(SERVICE, "LimitNOFILE");
  assert.ok(text.includes(`${memory} of memory, ${tasks} tasks, ${files} open files`));
  const hardening = Deno.readTextFileSync(
    `${repository}/tests/packaging/hardening_test.ts`,
  );
  const [, whole, tenth] = /--threshold=(\d)(\d)/.exec(hardening) ?? [];
  assert.ok(text.includes(`the exposure at ${whole}.${tenth} of 10`));
});
