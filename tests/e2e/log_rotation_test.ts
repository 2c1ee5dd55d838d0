/** How the files of a sidecar are rotated while it runs: docs/log.md says so. */
import assert from "node:assert/strict";
import { numberAt, parseJsonObject } from "../../deploy/json.ts";
import { connectClient, type QuiltClient } from "../support/client.ts";
import { readMarkdown } from "../support/markdown.ts";
import { addVxlan } from "../support/namespace.ts";
import { repository, serveCommand } from "../support/serve_task.ts";
import { killIfAlive } from "../support/sidecar.ts";
import { fullTest } from "../support/suite.ts";
import { until } from "../support/wait.ts";
import { done, makeQuietNamespace } from "./host.ts";

/** A sidecar that a shell has started with its outputs in files. */
interface FiledSidecar extends AsyncDisposable {
  /** The folder of the files. */
  readonly folder: string;
  readonly log: string;
  readonly audit: string;
  readonly client: QuiltClient;
}

/** @param redirect `>` or `>>` */
async function openFiledSidecar(redirect: ">" | ">>"): Promise<FiledSidecar> {
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const namespace = stack.use(await makeQuietNamespace());
  await addVxlan(namespace);
  const [log, audit] = [`${folder}/quilt.log`, `${folder}/quilt-audit.jsonl`];
  const line = `exec "$@" ${redirect}"${audit}" 2${redirect}"${log}"`;
  const words = ["sh", "-c", line, "sh", ...serveCommand([])];
  const child = namespace.command(words, { env: { NO_COLOR: "1" }, stdin: "null" })
    .spawn();
  stack.defer(async () => {
    killIfAlive(child, "SIGTERM");
    await child.status;
  });
  await until(() => has(log, "Starting gRPC server on "), { what: "the sidecar" });
  const client = stack.use(await connectClient(namespace));
  const kept = stack.move();
  const dispose = () => kept.disposeAsync();
  return { folder, log, audit, client, [Symbol.asyncDispose]: dispose };
}

/** Whether a file has a text; one that is not there has none. */
async function has(file: string, text: string): Promise<boolean> {
  try {
    return (await Deno.readTextFile(file)).includes(text);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Adds a route, and waits until both files have it. */
async function inject({ audit, client, log }: FiledSidecar, to: string): Promise<void> {
  assert.deepEqual(await client.injectRoute(to, "vxlan100"), done);
  const isWritten = async () =>
    await has(log, `injected route: ${to}`) &&
    await has(audit, `route add ${to}`);
  await until(isWritten, { what: `the lines of ${to}` });
}

/** As logrotate does with `copytruncate`. */
async function copyAndTruncate(file: string): Promise<void> {
  await Deno.copyFile(file, `${file}.1`);
  await Deno.truncate(file);
}

/** The `sequence` of each record in files of the audit trail. */
async function sequences(...files: readonly string[]): Promise<readonly number[]> {
  const texts = await Promise.all(files.map((file) => Deno.readTextFile(file)));
  return texts.flatMap((text) => text.split("\n")).filter((line) => line !== "")
    .map((line) => numberAt(parseJsonObject(line), "sequence"));
}

Deno.test("a sidecar whose files are appended to goes on at their start when they are truncated", async () => {
  await using sidecar = await openFiledSidecar(">>");
  const { audit, log } = sidecar;
  await inject(sidecar, "10.42.2.0/24");
  for (const file of [log, audit]) await copyAndTruncate(file);
  await inject(sidecar, "10.42.3.0/24");
  const rest = await Deno.readTextFile(log);
  assert.match(rest, /^\S+Z INFO: RPC: InjectRoute\(destination=10\.42\.3\.0\/24, /m);
  assert.doesNotMatch(rest, /destination=10\.42\.2\.0/);
  assert.doesNotMatch(rest + await Deno.readTextFile(audit), /\0/);
  const found = await sequences(`${audit}.1`, audit);
  assert.deepEqual(found, found.map((_, at) => at));
});

Deno.test("a file that is not appended to has a hole when it was truncated: so no example starts a sidecar with >", async () => {
  await using sidecar = await openFiledSidecar(">");
  await inject(sidecar, "10.42.2.0/24");
  await copyAndTruncate(sidecar.log);
  await inject(sidecar, "10.42.3.0/24");
  assert.match(await Deno.readTextFile(sidecar.log), /^\0+/);
});

/** The configuration that docs/log.md shows, with the files of a test in it. */
function configuration({ audit, log }: FiledSidecar): string {
  const page = readMarkdown(Deno.readTextFileSync(`${repository}/docs/log.md`));
  const block = page.blocks.find(({ language }) => language === "logrotate");
  assert.ok(block !== undefined, "docs/log.md shows a configuration");
  const text = `${block.lines.join("\n")}\n`;
  assert.match(text, /\/run\/quilt\.log/);
  assert.match(text, /\/run\/quilt-audit\.jsonl/);
  return text.replaceAll("/run/quilt.log", log)
    .replaceAll("/run/quilt-audit.jsonl", audit);
}

fullTest(
  "logrotate rotates the files of a running sidecar with the configuration of docs/log.md",
  async () => {
    await using sidecar = await openFiledSidecar(">>");
    const { audit, folder, log } = sidecar;
    await Deno.writeTextFile(`${folder}/quilt.conf`, configuration(sidecar), {
      mode: 0o644,
    });
    const rotate = () =>
      new Deno.Command("logrotate", {
        args: ["--force", "--state", `${folder}/state`, `${folder}/quilt.conf`],
        env: { PATH: `${Deno.env.get("PATH")}:/usr/sbin` },
      }).output();
    for (const to of ["10.42.2.0/24", "10.42.3.0/24", "10.42.4.0/24"]) {
      await inject(sidecar, to);
      const { stderr, success } = await rotate();
      assert.ok(success, new TextDecoder().decode(stderr));
      // A finding may have been logged meanwhile.
      assert.deepEqual([await has(log, to), await has(audit, "\0")], [false, false]);
    }
    await inject(sidecar, "10.42.5.0/24");
    assert.match(await Deno.readTextFile(log), /^\S+Z INFO: RPC: InjectRoute/m);
    assert.equal(await has(log, "\0"), false);
    // The newest copy is not compressed yet.
    const found = await sequences(`${audit}.1`, audit);
    const [first = 0] = found;
    assert.deepEqual(found, found.map((_, at) => first + at));
    const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
    for (const name of ["quilt.log.3.gz", "quilt-audit.jsonl.3.gz"]) {
      assert.ok(names.includes(name), names.join(" "));
    }
  },
);
