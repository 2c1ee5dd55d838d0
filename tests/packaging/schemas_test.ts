/**
 * @needs schemas
 */
import assert from "node:assert/strict";
import { runToEnd } from "../support/namespace.ts";
import { repository } from "../support/serve_task.ts";
import { manifestValidator } from "../support/tools.ts";
import { fullTest } from "../support/suite.ts";

const MANIFESTS = ["deploy/kubernetes/quilt.yaml", "deploy/podman/quilt.yaml"];

/** The first with native sidecars, and the newest that the validator knows. */
const VERSIONS = ["1.29", "1.37"];

for (const manifest of MANIFESTS) {
  for (const version of VERSIONS) {
    fullTest(
      `${manifest} is valid against the published schemas of Kubernetes ${version}`,
      async () => {
        const { command, env } = await manifestValidator();
        const validate = [...command, "--kubernetes-version", version];
        const valid = await runToEnd([...validate, manifest], { env });
        assert.equal(valid.code, 0, valid.stderr);
        // A name that no schema has is found: the validator looked.
        const wrong = await Deno.makeTempFile({ suffix: ".yaml" });
        const text = await Deno.readTextFile(`${repository}/${manifest}`);
        await Deno.writeTextFile(wrong, text.replaceAll("runAsUser:", "runAsUsr:"));
        const invalid = await runToEnd([...validate, wrong], { env });
        await Deno.remove(wrong);
        assert.notEqual(invalid.code, 0);
        assert.match(invalid.stdout + invalid.stderr, /runAsUsr/);
      },
    );
  }
}
