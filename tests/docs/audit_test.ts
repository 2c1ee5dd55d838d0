/** docs/audit.md against what writes the audit trail. */
import assert from "node:assert/strict";
import { parseJsonObject } from "../../deploy/json.ts";
import { AuditLog } from "../../src/dataplane/audit_log.ts";
import { AuditTrail } from "../../src/observability/audit_trail.ts";
import { codeOf, readPage } from "../support/pages.ts";

const page = readPage("docs/audit.md");

/** The fields in the first column of the table about a record. */
function documented(record: string): readonly string[] {
  return page.rowsAbout(`Field of ${record}`).map(([name]) => codeOf(name));
}

/** The fields of each record that a trail writes to an output. */
async function fieldsWritten(
  write: (trail: AuditTrail) => Promise<void>,
  isBroken: () => boolean = () => false,
): Promise<readonly (readonly string[])[]> {
  const written: Uint8Array<ArrayBuffer>[] = [];
  const trail = new AuditTrail({
    write: (bytes) => {
      if (isBroken()) return Promise.reject(new Error("the disk is full"));
      written.push(Uint8Array.from(bytes));
      return Promise.resolve(bytes.length);
    },
  }, () => {});
  await write(trail);
  await trail.flush();
  const text = await new Blob(written).text();
  // After a failed write an empty line ends what may be a part of a record.
  return text.split("\n").filter((line) => line !== "").map((line) =>
    Object.keys(parseJsonObject(line))
  );
}

const START = { version: "0.1.0", options: [], grants: [] };

Deno.test("docs/audit.md names every field of each record, in their order", async () => {
  const fields = await fieldsWritten((trail) => {
    trail.begin(START);
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
    return Promise.resolve();
  });
  assert.deepEqual(
    ["the start record", "a mutation", "the end record"].map(documented),
    fields,
  );
});

Deno.test("docs/audit.md names every field of the record in the place of lost ones", async () => {
  let isBroken = true;
  const [gap] = await fieldsWritten(async (trail) => {
    trail.begin(START);
    await trail.flush();
    isBroken = false;
    trail.end("SIGTERM");
  }, () => isBroken);
  assert.deepEqual(documented("a gap"), gap);
});
