import assert from "node:assert/strict";
import { codeOf, readPage } from "../support/pages.ts";
import { serveTask } from "../support/serve_task.ts";

const page = readPage("docs/security.md");

Deno.test("docs/security.md has a reason for every flag of the serve task", () => {
  const named = page.rowsAbout("Flag").map(([cell]) => codeOf(cell));
  assert.deepEqual(named.toSorted(), serveTask().flags.toSorted());
});
