/** What the real kustomize makes of deploy/kubernetes. */
import assert from "node:assert/strict";
import {
  isJsonObject,
  type JsonObject,
  objectAt,
  stringAt,
} from "../../../deploy/json.ts";
import { containerOf, parseManifest, podOf } from "../../support/manifest.ts";
import { type Finished, runToEnd } from "../../support/namespace.ts";
import { repository } from "../../support/serve_task.ts";
import { goTool } from "../../support/tools.ts";

const FOLDER = "deploy/kubernetes";

/** The components, by the names of their folders. */
export type Component =
  | "beside-quilt"
  | "otlp"
  | "prometheus"
  | "tls"
  | "unix-socket";

/** The names of the overlays. */
export const OVERLAYS: readonly string[] = foldersOf("overlays");

/** What each overlay is composed of. */
export const COMPOSED: Readonly<Record<string, readonly Component[]>> = {
  "beside-quilt": ["beside-quilt"],
  daemonset: [],
  telemetry: ["otlp", "prometheus"],
  tls: ["tls"],
  "unix-socket": ["unix-socket"],
};

/** Every set of components that makes sense, each in its order. */
export const COMPOSITIONS: readonly (readonly Component[])[] = [
  [],
  ["tls"],
  ["unix-socket"],
  ["otlp"],
  ["tls", "otlp"],
  ["unix-socket", "otlp"],
  ["prometheus"],
  ["otlp", "prometheus"],
].flatMap((components): readonly (readonly Component[])[] => {
  const named = components.map(asComponent);
  return [named, [...named, "beside-quilt"]];
});

/** The one component of that name. */
export function asComponent(name: string): Component {
  switch (name) {
    case "beside-quilt":
    case "otlp":
    case "prometheus":
    case "tls":
    case "unix-socket":
      return name;
    default:
      throw new TypeError(`There is no test of the component ${name}`);
  }
}

/** The names of all components. */
export const COMPONENTS: readonly Component[] = foldersOf("components").map(
  asComponent,
);

function foldersOf(kind: string): readonly string[] {
  return [...Deno.readDirSync(`${repository}/${FOLDER}/${kind}`)]
    .map(({ name }) => name).sort();
}

/** Renders one of our overlays. */
export async function renderOverlay(name: string): Promise<string> {
  return must(await build(`${repository}/${FOLDER}/overlays/${name}`));
}

/**
 * Renders the base with components, as the overlay of an operator.
 *
 * @param more what else stands in that overlay
 */
export async function render(
  components: readonly Component[],
  more: JsonObject = {},
): Promise<string> {
  return must(await tryToRender(components, more));
}

/** The same, whatever kustomize says to it. */
export async function tryToRender(
  components: readonly Component[],
  more: JsonObject = {},
): Promise<Finished> {
  const folder = await Deno.makeTempDir();
  // kustomize takes no absolute path.
  await Deno.symlink(`${repository}/${FOLDER}`, `${folder}/quilt`);
  await Deno.mkdir(`${folder}/overlay`);
  const words = {
    namespace: "elsewhere",
    resources: ["../quilt/base"],
    components: components.map((name) => `../quilt/components/${name}`),
    configMapGenerator: components.includes("beside-quilt")
      ? [{ name: "quilt-mesh-agent", literals: ["CONTROL_PLANE=http://192.0.2.1"] }]
      : [],
    ...more,
  };
  await Deno.writeTextFile(
    `${folder}/overlay/kustomization.yaml`,
    JSON.stringify(words),
  );
  const finished = await build(`${folder}/overlay`);
  await Deno.remove(folder, { recursive: true });
  return finished;
}

async function build(folder: string): Promise<Finished> {
  return await runToEnd([await goTool("kustomize"), "build", folder]);
}

function must({ code, stderr, stdout }: Finished): string {
  assert.equal(code, 0, stderr);
  return stdout;
}

/** A workload of a rendered text, by its kind and name. */
export function workloadIn(rendered: string, name: string): JsonObject {
  const found = parseManifest(rendered).filter((document) =>
    document["kind"] === "DaemonSet" &&
    stringAt(objectAt(document, "metadata"), "name") === name
  );
  const [workload] = found;
  assert.ok(workload !== undefined && found.length === 1, `${name}: ${found.length}`);
  return workload;
}

/** The pod that has the sidecar, and the sidecar in it. */
export function sidecarIn(
  rendered: string,
  components: readonly string[],
): { readonly pod: JsonObject; readonly sidecar: JsonObject } {
  const name = components.includes("beside-quilt") ? "quilt" : "quilt-sidecar";
  const pod = podOf(workloadIn(rendered, name));
  return { pod, sidecar: containerOf(pod, "sidecar") };
}

/** The objects of a list that may be missing. */
export function listAt(object: JsonObject, name: string): readonly JsonObject[] {
  return [object[name] ?? []].flat().filter(isJsonObject);
}
