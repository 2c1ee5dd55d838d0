/**
 * What docs/install-kubernetes.md says of the overlays and adds to them.
 *
 * @needs go
 */
import assert from "node:assert/strict";
import { parseCommandLine } from "../../../src/cli/command_line.ts";
import { COMMANDS } from "../../../src/cli/commands.ts";
import { readServeOptions } from "../../../src/cli/serve_options.ts";
import { stringsAt } from "../../support/image.ts";
import { parse } from "yaml";
import { objectAt, parseJsonObject } from "../../../deploy/json.ts";
import { codeIn } from "../../support/markdown.ts";
import { codeOf, readPage } from "../../support/pages.ts";
import { fullTest } from "../../support/suite.ts";
import { type Component, COMPOSED, OVERLAYS, render, sidecarIn } from "./rendered.ts";

const page = readPage("docs/install-kubernetes.md");

/** Both places of the sidecar. */
const PLACES: readonly {
  readonly components: readonly Component[];
  readonly list: string;
}[] = [
  { components: [], list: "containers" },
  { components: ["beside-quilt"], list: "initContainers" },
];

Deno.test("the page has each overlay, with its components", () => {
  const rows = page.rowsAbout("Overlay");
  assert.deepEqual(rows.map(([name]) => codeOf(name)).toSorted(), OVERLAYS);
  for (const [name, , , components = ""] of rows) {
    assert.deepEqual(codeIn(components), COMPOSED[codeOf(name)]);
  }
});

fullTest(
  "the page's patch of the overlay puts the sidecar under the profile of the nodes",
  async () => {
    const block = page.blocks.find(({ language }) => language === "yaml");
    const more: unknown = parse(block?.lines.join("\n") ?? "");
    for (const { components, list } of PLACES) {
      const added = parseJsonObject(
        JSON.stringify(more).replaceAll("/containers/", `/${list}/`),
      );
      const { sidecar } = sidecarIn(await render(components, added), components);
      const context = objectAt(sidecar, "securityContext");
      assert.deepEqual(context["seccompProfile"], {
        type: "Localhost",
        localhostProfile: "quilt-sidecar.json",
      });
    }
  },
);

fullTest(
  "the page's patch before an uninstallation makes the sidecar remove its routes on exit",
  async () => {
    const lines = page.blocks.flatMap(({ lines }) => lines);
    const patch = lines.map((line) => / --type json -p '(.*)'$/.exec(line)?.[1])
      .find((found) => found !== undefined);
    assert.ok(patch !== undefined);
    for (const { components, list } of PLACES) {
      const added = {
        patches: [{
          target: { kind: "DaemonSet" },
          patch: patch.replaceAll("/containers/", `/${list}/`),
        }],
      };
      const { sidecar } = sidecarIn(await render(components, added), components);
      const words = ["serve", ...stringsAt(sidecar, "args")];
      const request = parseCommandLine(COMMANDS, words);
      assert.ok(request.kind === "run");
      const options = readServeOptions(request.line.options);
      assert.ok(options.ok && options.value.removeRoutesOnExit);
    }
  },
);
