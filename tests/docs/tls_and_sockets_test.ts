import assert from "node:assert/strict";
import { codeOf, readPage } from "../support/pages.ts";
import { parseDenoRun, serveTask } from "../support/serve_task.ts";

const page = readPage("docs/tls-and-sockets.md");

Deno.test("docs/tls-and-sockets.md uses the flags of the serve task for another port", () => {
  const written = /^npx .* -c 'exec (.*? src\/main\.ts serve) --grpc-addr/m.exec(
    page.text,
  )?.[1] ?? "";
  assert.deepEqual(parseDenoRun(written.replaceAll("50052", "50051")), serveTask());
});

Deno.test("docs/tls-and-sockets.md has each file of serve:tls with its option", () => {
  const { args } = serveTask("serve:tls");
  const named = page.rowsAbout("File").map(([file, , option]) => [
    codeOf(option),
    `/etc/quilt/tls/${codeOf(file)}`,
  ]);
  assert.deepEqual(named.flat(), args.slice(1));
});
