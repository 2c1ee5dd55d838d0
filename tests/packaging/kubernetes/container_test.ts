/**
 * The sidecar's container of each layout, as kustomize renders it and a container runtime
 * runs it.
 *
 * @needs curl go image
 */
import assert from "node:assert/strict";
import { makeQuietNamespace, untilServing } from "../../e2e/host.ts";
import { type JsonObject, numberAt, objectAt, stringAt } from "../../../deploy/json.ts";
import { makeAuthority } from "../../support/certificates.ts";
import { startContainer } from "../../support/container.ts";
import { type Image, stringsAt, withImage } from "../../support/image.ts";
import { privilegesOf } from "../../support/manifest.ts";
import type { Finished } from "../../support/namespace.ts";
import { readPage } from "../../support/pages.ts";
import { machineProgram } from "../../support/tools.ts";
import { type Component, listAt, render, sidecarIn } from "./rendered.ts";

const LAYOUTS: readonly (readonly Component[])[] = [[], ["tls"], ["unix-socket"]];

const PROBES = ["startupProbe", "readinessProbe", "livenessProbe"];

/** The words of `quilt-sidecar status` in the page, which differ from layout to layout. */
const STATUS = readPage("docs/install-kubernetes.md").blocks
  .flatMap(({ lines }) => lines)
  .map((line) => / -c sidecar -- (quilt-sidecar status.*)$/.exec(line)?.[1]?.split(" "))
  .filter((words) => words !== undefined);

/** The command line that a runtime makes of a container's fields. */
function commandOf(sidecar: JsonObject, image: Image): readonly string[] {
  const own = "command" in sidecar ? stringsAt(sidecar, "command") : undefined;
  return [...(own ?? image.entrypoint), ...stringsAt(sidecar, "args")];
}

/** A folder with what the Secret has; on a node's /run/quilt it does no harm. */
async function makeFolder(): Promise<string> {
  const folder = await Deno.makeTempDir();
  const authority = await makeAuthority(folder, "ca");
  await authority.issue("tls");
  return folder;
}

withImage("the layouts of deploy/kubernetes", (image) => {
  for (const [index, components] of LAYOUTS.entries()) {
    const layout = components.join(", ") || "the base";
    Deno.test(`the container of ${layout} serves, and its probes and the page's status find it`, async () => {
      const { sidecar } = sidecarIn(await render(components), components);
      const mounts = listAt(sidecar, "volumeMounts");
      await using namespace = await makeQuietNamespace();
      const folder = await makeFolder();
      {
        await using container = await startContainer(namespace, image, {
          privileges: privilegesOf(sidecar),
          command: commandOf(sidecar, image),
          mounts: Object.fromEntries(
            mounts.map((mount) => [stringAt(mount, "mountPath"), folder]),
          ),
          writable: mounts.filter(({ readOnly }) => readOnly !== true)
            .map((mount) => stringAt(mount, "mountPath")),
        });
        for (const name of PROBES) {
          const probe = objectAt(sidecar, name);
          const run = async (): Promise<Finished> => {
            if ("exec" in probe) {
              return await container.exec(stringsAt(probe["exec"], "command"));
            }
            const get = objectAt(probe, "httpGet");
            const address = `${stringAt(get, "host")}:${numberAt(get, "port")}`;
            const url = `http://${address}${stringAt(get, "path")}`;
            const curl = await machineProgram("curl");
            return await namespace.run([curl, "-sS", "--fail", "-o", "/dev/null", url]);
          };
          assert.deepEqual(await untilServing(run), {
            code: 0,
            stdout: "",
            stderr: "",
          });
        }
        const { code, stdout, stderr } = await container.exec(STATUS[index] ?? []);
        assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
        assert.match(stdout, /^Data path /m);
      }
      await Deno.remove(folder, { recursive: true });
    });
  }

  Deno.test("the page has the words of status for each of these layouts", () => {
    assert.equal(STATUS.length, LAYOUTS.length);
  });
});
