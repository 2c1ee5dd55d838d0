/**
 * @needs go schemas
 */
import assert from "node:assert/strict";
import { parseManifest } from "../support/manifest.ts";
import { type Finished, runToEnd } from "../support/namespace.ts";
import { repository } from "../support/serve_task.ts";
import { manifestValidator, podMonitorValidator } from "../support/tools.ts";
import { fullTest } from "../support/suite.ts";
import {
  COMPOSITIONS,
  OVERLAYS,
  render,
  renderOverlay,
} from "./kubernetes/rendered.ts";

/** The first with native sidecars, and the newest that the validator knows. */
const VERSIONS = ["1.29", "1.37"];

/** Its kind is of the Prometheus Operator, not of Kubernetes. */
const POD_MONITOR = "PodMonitor";

/** Runs a validator on documents; none are valid. */
async function validate(
  command: readonly string[],
  env: Readonly<Record<string, string>>,
  documents: readonly unknown[],
): Promise<Finished> {
  if (documents.length === 0) return { code: 0, stdout: "", stderr: "" };
  const file = await Deno.makeTempFile({ suffix: ".yaml" });
  // JSON is YAML.
  const text = documents.map((document) => JSON.stringify(document)).join("\n---\n");
  await Deno.writeTextFile(file, text);
  const finished = await runToEnd([...command, file], { env });
  await Deno.remove(file);
  return finished;
}

/** Every overlay and every composition, as documents of one text. */
async function everything(): Promise<string> {
  const rendered: string[] = [];
  for (const name of OVERLAYS) rendered.push(await renderOverlay(name));
  for (const components of COMPOSITIONS) rendered.push(await render(components));
  return rendered.join("---\n");
}

/** Validates what is of Kubernetes against its schemas. */
async function ofKubernetes(text: string, version: string): Promise<Finished> {
  const { command, env } = await manifestValidator();
  const documents = parseManifest(text).filter(({ kind }) => kind !== POD_MONITOR);
  return await validate(
    [...command, "--kubernetes-version", version],
    env,
    documents,
  );
}

/** Validates PodMonitors against their published definition. */
async function ofOperator(text: string): Promise<Finished> {
  const { command, env } = await podMonitorValidator();
  const documents = parseManifest(text).filter(({ kind }) => kind === POD_MONITOR);
  return await validate(command, env, documents);
}

/** A name that no schema has must be found, or the validator has not looked. */
function assertFinds({ code, stderr, stdout }: Finished, misspelling: string): void {
  assert.notEqual(code, 0);
  assert.match(stdout + stderr, new RegExp(misspelling));
}

for (const version of VERSIONS) {
  fullTest(
    `podman's pod is valid against the published schemas of Kubernetes ${version}`,
    async () => {
      const text = await Deno.readTextFile(`${repository}/deploy/podman/quilt.yaml`);
      const valid = await ofKubernetes(text, version);
      assert.equal(valid.code, 0, valid.stderr);
      const wrong = text.replaceAll("runAsUser:", "runAsUsr:");
      assertFinds(await ofKubernetes(wrong, version), "runAsUsr");
    },
  );

  fullTest(
    `every overlay and composition is valid against the published schemas of Kubernetes ${version}`,
    async () => {
      const text = await everything();
      const valid = await ofKubernetes(text, version);
      assert.equal(valid.code, 0, valid.stdout + valid.stderr);
      const wrong = text.replace("runAsUser:", "runAsUsr:");
      assertFinds(await ofKubernetes(wrong, version), "runAsUsr");
    },
  );
}

fullTest(
  "the PodMonitor is valid against the published definition of the Prometheus Operator",
  async () => {
    const text = await everything();
    assert.match(text, /^kind: PodMonitor$/m);
    const valid = await ofOperator(text);
    assert.equal(valid.code, 0, valid.stderr);
    assertFinds(await ofOperator(text.replace("interval:", "intervall:")), "intervall");
    assertFinds(
      await ofOperator(text.replace("interval: 15s", "interval: often")),
      "often",
    );
  },
);
