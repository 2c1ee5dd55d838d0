/** The sidecar in the manifests of deploy/. */
import { parseAllDocuments } from "yaml";
import { stringsAt } from "./image.ts";
import {
  isJsonObject,
  type JsonObject,
  numberAt,
  objectAt,
  stringAt,
} from "../../deploy/json.ts";
import { repository } from "./serve_task.ts";

/** The privileges of a container, as its manifest states them. */
export interface Privileges {
  readonly user: number;
  readonly group: number;
  /** Without the prefix, e.g. `NET_ADMIN`. */
  readonly capabilities: readonly string[];
}

/** Every document of a YAML text. */
export function parseManifest(text: string): readonly JsonObject[] {
  return parseAllDocuments(text).map((document) => {
    const value: unknown = document.toJS();
    if (!isJsonObject(value)) throw new TypeError(`There is no object: ${document}`);
    return value;
  });
}

/** The pod of a workload: a pod by itself, or the template of a DaemonSet. */
export function podOf(workload: JsonObject): JsonObject {
  const spec = objectAt(workload, "spec");
  return workload["kind"] === "Pod"
    ? spec
    : objectAt(objectAt(spec, "template"), "spec");
}

/** The pod in a manifest that has nothing else. */
export async function readPod(path: string): Promise<JsonObject> {
  const [workload, ...more] = parseManifest(
    await Deno.readTextFile(`${repository}/${path}`),
  );
  if (workload === undefined || more.length > 0) {
    throw new Error(`${path} must have one workload`);
  }
  return podOf(workload);
}

/** The container of a pod with this name, wherever it stands. */
export function containerOf(pod: JsonObject, name: string): JsonObject {
  const all = [pod["initContainers"], pod["containers"]].flat().filter(isJsonObject);
  const [found, ...more] = all.filter((container) => container["name"] === name);
  if (found === undefined || more.length > 0) {
    throw new Error(`There must be one container ${name}`);
  }
  return found;
}

/**
 * The privileges of a container.
 *
 * @throws {Error} when it has any that the runtime of the tests would not give it: no
 * manifest may ask for more than what was tested.
 */
export function privilegesOf(container: JsonObject): Privileges {
  const context = objectAt(container, "securityContext");
  const { add, drop, ...rest } = objectAt(context, "capabilities");
  const strict = context["allowPrivilegeEscalation"] === false &&
    context["readOnlyRootFilesystem"] === true && context["privileged"] === false &&
    stringAt(objectAt(context, "seccompProfile"), "type") === "RuntimeDefault" &&
    JSON.stringify(drop) === '["ALL"]' && Object.keys(rest).length === 0;
  if (!strict) throw new Error(`Too many privileges: ${JSON.stringify(context)}`);
  return {
    user: numberAt(context, "runAsUser"),
    group: numberAt(context, "runAsGroup"),
    capabilities: stringsAt({ add }, "add"),
  };
}
