/** What the pages must have as a whole: no page is lost, and none names what is gone. */
import assert from "node:assert/strict";
import { posix } from "node:path";
import { COMMANDS } from "../../src/cli/commands.ts";
import { OPTIONS } from "../../src/cli/options.ts";
import {
  type InstrumentDefinition,
  INSTRUMENTS,
} from "../../src/observability/instruments.ts";
import {
  prometheusLabel,
  prometheusName,
} from "../../src/observability/openmetrics.ts";
import { filesBelow } from "../support/files.ts";
import { type Block, codeIn, linksIn } from "../support/markdown.ts";
import { PAGES, readPage } from "../support/pages.ts";
import { repository } from "../support/serve_task.ts";

/** Pages about the present: a changelog is about the past, a decision about its day. */
const present = PAGES
  .filter((path) => path !== "CHANGELOG.md" && !path.startsWith("docs/adr/"))
  .map(readPage);

/** What a page links to or shows, by paths from the root of the repository. */
function targetsOf(path: string): readonly string[] {
  const { text } = readPage(path);
  const shown = [...text.matchAll(/\b(?:src|srcset)="([^"]+)"/g)]
    .map(([, target = ""]) => target);
  return [...linksIn(text), ...shown].filter((link) => !/^(?:https?:|#)/.test(link))
    .map((link) => posix.join(posix.dirname(path), link.replace(/#.*/, "")));
}

/** Every file that a reader of README.md comes to by links. */
function reachable(): ReadonlySet<string> {
  const reached = new Set(["README.md"]);
  for (const path of reached) {
    if (!PAGES.includes(path)) continue;
    for (const target of targetsOf(path)) reached.add(target);
  }
  return reached;
}

Deno.test("every file of docs is reached by links from README.md", () => {
  const reached = reachable();
  const documents = [...filesBelow("docs"), ...PAGES]
    // The sources that draw the pictures are not for readers.
    .filter((path) => !path.endsWith(".ts"));
  assert.deepEqual(documents.filter((path) => !reached.has(path)), []);
});

Deno.test("docs/api.md names every service and every RPC of proto/quilt_sidecar.proto", () => {
  const proto = Deno.readTextFileSync(`${repository}/proto/quilt_sidecar.proto`);
  const names = [...proto.matchAll(/^ *(?:service|rpc) (\w+)/gm)]
    .map(([, name = ""]) => name);
  assert.notEqual(names.length, 0);
  const named = codeIn(readPage("docs/api.md").prose.join("\n")).join("\n");
  assert.deepEqual(names.filter((name) => !named.match(`\\b${name}\\b`)), []);
});

Deno.test("docs/operations.md has every exit code of serve", () => {
  const serve = COMMANDS.find(({ name }) => name === "serve");
  const codes = serve?.exitCodes.map(([code]) => String(code)) ?? [];
  assert.notEqual(codes.length, 0);
  const named = readPage("docs/operations.md").rowsAbout("Exit code", "Exit codes")
    .flatMap(([cell = ""]) => cell.split(", "));
  assert.deepEqual(codes.filter((code) => !named.includes(code)), []);
});

/** The options in the commands of the sidecar that a block shows. */
function optionsIn({ lines }: Block): readonly string[] {
  const commands = lines.join("\n")
    .matchAll(/\b(?:quilt-sidecar|src\/main\.ts) (?!\d)([^|;&>\n]*)/g);
  return [...commands].flatMap(([, words = ""]) =>
    [...words.matchAll(/(?<=\s)--([a-z][\w-]*)/g)].map(([, name = ""]) => name)
  );
}

const KNOWN: readonly string[] = [...Object.keys(OPTIONS), "help", "version"];

Deno.test("no block shows a command with an option that is gone", () => {
  const wrong = present.flatMap(({ blocks, path, text }) =>
    blocks.flatMap(optionsIn)
      // One example shows how a mistake is reported.
      .filter((name) => !text.includes(`Unknown option "--${name}"`))
      .filter((name) => !KNOWN.includes(name))
      .map((name) => `${path}: --${name}`)
  );
  assert.deepEqual(wrong, []);
  const lines = ["$ quilt-sidecar status --gone | jq --raw"];
  assert.deepEqual(optionsIn({ section: "", language: "text", lines }), ["gone"]);
});

Deno.test("no page names a metric or a label that is gone", () => {
  const instruments: readonly InstrumentDefinition[] = Object.values(INSTRUMENTS);
  const metrics = instruments.map(prometheusName);
  const labels = instruments.flatMap(({ attributes }) =>
    Object.keys(attributes).map(prometheusLabel)
  );
  // Blocks are left out: a pattern for grep may have the beginning of a name.
  const named = present.flatMap(({ path, prose }) =>
    // Files and folders have such names as well.
    [...prose.join("\n").matchAll(/(?<![\w/])quilt_[a-z_]+(?![\w/.])/g)]
      .map(([name]) => ({ path, name }))
  );
  assert.ok(named.some(({ name }) => metrics.includes(name)));
  assert.deepEqual(
    named.filter(({ name }) =>
      !labels.includes(name) && !metrics.some((metric) => name.startsWith(metric))
    ),
    [],
  );
});
