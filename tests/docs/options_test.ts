/** No page has an option in a code span that no command and no named tool has. */
import assert from "node:assert/strict";
import { OPTIONS } from "../../src/cli/options.ts";
import { codeIn } from "../support/markdown.ts";
import { PAGES, readPage } from "../support/pages.ts";

/** The options of other programs that pages name, and why they do. */
const OF_OTHERS: readonly {
  readonly program: string;
  readonly why: string;
  readonly options: readonly string[];
}[] = [
  {
    program: "deno",
    why: "the sandbox of the sidecar is what Deno is given, and tests are run by it",
    options: [
      ...["allow-net", "allow-run", "cached-only", "filter", "frozen", "ignore-env"],
      ...["max-heap-size", "max-semi-space-size", "no-prompt", "no-remote", "quiet"],
      "v8-flags",
    ],
  },
  {
    program: "podman",
    why: "docs/install-podman.md starts containers with it",
    options: ["entrypoint", "host-ip"],
  },
  {
    program: "buildah",
    why: "CONTRIBUTING.md says in which format an image has a health check",
    options: ["format"],
  },
  {
    program: "install.sh",
    why: "docs/install-systemd.md installs the files of a release with it",
    options: ["root"],
  },
  {
    program: "unshare",
    why: "docs/api.md makes a network namespace with it",
    options: ["net"],
  },
  {
    program: "curl",
    why: "docs/telemetry.md reads the metrics with it",
    options: ["fail"],
  },
];

const known = OF_OTHERS.flatMap(({ options }) => options);

/** What the command line has besides the options of its commands. */
const OF_OURS: readonly string[] = [...Object.keys(OPTIONS), "help", "version"];

/** Names of whole options: in "the --tls options" it is the beginning of several. */
function optionsIn(prose: readonly string[]): readonly string[] {
  return codeIn(prose.join("\n")).flatMap((code) =>
    [...code.matchAll(/(?<![\w-])--([a-z][a-z0-9-]*)(?! options)\b/g)].map((
      [, name = ""],
    ) => name)
  );
}

/** A changelog and a decision are about the past. */
const present = PAGES.filter((path) =>
  path !== "CHANGELOG.md" && !path.startsWith("docs/adr/")
).map(readPage);

const named = present.flatMap(({ path, prose, text }) =>
  optionsIn(prose)
    // An example of how a mistake is reported.
    .filter((name) => !text.includes(`Unknown option "--${name}"`))
    .map((name) => ({ path, name }))
);

Deno.test("every option in a code span of a page is one of ours, or of a tool that is named here", () => {
  const unknown = named
    .filter(({ name }) => !OF_OURS.includes(name) && !known.includes(name))
    .map(({ name, path }) => `${path}: --${name}`);
  assert.deepEqual(unknown, []);
});

Deno.test("every option of another tool that is listed here is on a page", () => {
  const used = new Set(named.map(({ name }) => name));
  assert.deepEqual(known.filter((name) => !used.has(name)), []);
});

Deno.test("an option in a code span is found, and none outside of one", () => {
  assert.deepEqual(
    optionsIn(["`a --gone=1 --x-y` --not", "`--jsn` `the --tls options`"]),
    [
      "gone",
      "x-y",
      "jsn",
    ],
  );
});
