import assert from "node:assert/strict";
import { objectAt, parseJsonObject } from "../../deploy/json.ts";
import { TESTED_DENO_VERSION } from "../../src/shared/versions.ts";
import { PAGES, readPage } from "../support/pages.ts";
import { repository } from "../support/serve_task.ts";

const config = parseJsonObject(Deno.readTextFileSync(`${repository}/deno.json`));
const TASKS = Object.keys(objectAt(config, "tasks"));

// A changelog is about the past, so it may name what is gone.
const pages = PAGES.filter((path) => path !== "CHANGELOG.md").map(readPage);

/** The tasks that a text names, e.g. `serve` in `deno task serve`. */
function tasksIn(text: string): readonly string[] {
  const named = /\bdeno(?:@[\d.]+)? task (?:--quiet |-q )?(\w(?:[\w:-]*\w)?)/g;
  return [...text.matchAll(named)].map(([, task = ""]) => task);
}

Deno.test("every page names only tasks that exist", () => {
  const named = pages.flatMap(({ path, text }) =>
    tasksIn(text).map((task) => ({ path, task }))
  );
  assert.deepEqual(named.filter(({ task }) => !TASKS.includes(task)), []);
  assert.ok(named.some(({ task }) => task === "bench"));
});

Deno.test("every page pins the tested Deno", () => {
  const pins = pages.flatMap(({ text }) =>
    [...text.matchAll(/deno@([\d.]*\d)/g)].map(([, version]) => version)
  );
  assert.deepEqual([...new Set(pins)], [TESTED_DENO_VERSION]);
});
