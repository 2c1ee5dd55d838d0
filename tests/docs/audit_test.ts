/** docs/audit.md against what writes the audit trail. */
import assert from "node:assert/strict";
import { parseJsonObject } from "../../deploy/json.ts";
import { AuditLog } from "../../src/dataplane/audit_log.ts";
import { AuditTrail } from "../../src/observability/audit_trail.ts";
import { codeIn, readMarkdown } from "../support/markdown.ts";
import { repository } from "../support/serve_task.ts";

const page = readMarkdown(Deno.readTextFileSync(`${repository}/docs/audit.md`));

/** The names in the first column of the table whose first heading this is. */
function documented(about: string): readonly (string | undefined)[] {
  const rows = page.rows.filter((row) => row.about === about);
  assert.notEqual(rows.length, 0, `No table about ${about}`);
  return rows.map(({ cells: [name = ""] }) => codeIn(name)[0]);
}

Deno.test("docs/audit.md names every field of every record, in their order", async () => {
  const written: Uint8Array[] = [];
  const trail = new AuditTrail({
    write: (bytes) => Promise.resolve(written.push(bytes) && bytes.length),
  }, () => {});
  trail.begin({ version: "0.1.0", options: [], grants: [] });
  new AuditLog(trail).record({
    cause: {
      rpc: "InjectRoute",
      peer: "127.0.0.1:40112",
      subject: "CN=agent",
      trace: { traceId: "ab".repeat(16), spanId: "cd".repeat(8), flags: 1 },
    },
    command: "route add 10.42.2.0/24 dev vxlan100 proto 142",
    outcome: "done",
    failure: "",
    durationMs: 1,
  });
  trail.end("SIGTERM");
  await trail.flush();
  const text = await new Blob(written.map((bytes) => Uint8Array.from(bytes))).text();
  const fields = text.trimEnd().split("\n")
    .map((line) => Object.keys(parseJsonObject(line)));
  assert.deepEqual(
    ["the start record", "a mutation", "the end record"]
      .map((record) => documented(`Field of ${record}`)),
    fields,
  );
});
