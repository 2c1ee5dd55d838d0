/**
 * Each overlay, and each composition of the components, as the real kustomize renders it.
 *
 * @needs go
 */
import assert from "node:assert/strict";
import { parseCommandLine } from "../../../src/cli/command_line.ts";
import { COMMANDS } from "../../../src/cli/commands.ts";
import { readServeOptions } from "../../../src/cli/serve_options.ts";
import { SIDECAR_VERSION } from "../../../src/shared/versions.ts";
import { parse } from "yaml";
import {
  isJsonObject,
  type JsonObject,
  objectAt,
  parseJsonObject,
  stringAt,
} from "../../../deploy/json.ts";
import { stringsAt } from "../../support/image.ts";
import {
  containerOf,
  parseManifest,
  privilegesOf,
  readPod,
} from "../../support/manifest.ts";
import { readPage } from "../../support/pages.ts";
import { repository } from "../../support/serve_task.ts";
import { fullTest } from "../../support/suite.ts";
import {
  COMPONENTS,
  COMPOSED,
  COMPOSITIONS,
  listAt,
  OVERLAYS,
  render,
  renderOverlay,
  sidecarIn,
  tryToRender,
  workloadIn,
} from "./rendered.ts";

const tasks = objectAt(
  parseJsonObject(Deno.readTextFileSync(`${repository}/deno.json`)),
  "tasks",
);
const base = containerOf(
  await readPod("deploy/kubernetes/base/daemonset.yaml"),
  "sidecar",
);

/** The words of a task of deno.json. */
function task(name: string): readonly string[] {
  return stringAt(objectAt(tasks, name), "command").split(" ");
}

/** The end of the tasks' names for a way to reach the sidecar; undefined for the port. */
function reachedBy(components: readonly string[]): "tls" | "unix" | undefined {
  if (components.includes("tls")) return "tls";
  return components.includes("unix-socket") ? "unix" : undefined;
}

/** A name for people. */
function called(components: readonly string[]): string {
  return ["the base", ...components].join(", ");
}

/** Checks the sidecar and its pod against the tasks, the base and what was composed. */
function check(rendered: string, components: readonly string[]): void {
  const { pod, sidecar } = sidecarIn(rendered, components);
  const only = { user: 0, group: 0, capabilities: ["NET_ADMIN"] };
  assert.deepEqual(privilegesOf(sidecar), only);
  const image = stringAt(sidecar, "image");
  assert.match(image, /^(localhost|registry\.example)\/quilt-sidecar:[^:]+$/);
  assert.ok(image.endsWith(`:${SIDECAR_VERSION}`), image);
  checkWords(sidecar, components);
  checkProbes(sidecar, components);
  checkMounts(pod, sidecar, components);
  checkPlace(pod, sidecar, components);
  // Whatever was composed, this is the base's.
  for (const name of ["args", "imagePullPolicy", "resources", "securityContext"]) {
    assert.deepEqual(sidecar[name], base[name], name);
  }
  for (const document of parseManifest(rendered)) {
    const { name, namespace } = objectAt(document, "metadata");
    const where = document["kind"] === "Namespace" ? name : namespace;
    assert.match(String(where), /^(quilt-system|elsewhere)$/, String(document["kind"]));
  }
}

/** It starts what the task starts, with options that serve takes. */
function checkWords(sidecar: JsonObject, components: readonly string[]): void {
  const way = reachedBy(components);
  const expected = way === undefined ? undefined : task(`serve:${way}`);
  assert.deepEqual(sidecar["command"], expected);
  const words = [...(expected ?? task("serve")), ...stringsAt(sidecar, "args")];
  const request = parseCommandLine(COMMANDS, words.slice(words.indexOf("serve")));
  assert.ok(request.kind === "run" && readServeOptions(request.line.options).ok);
}

/** Kubelet asks over HTTP, or by the task's command where it cannot. */
function checkProbes(sidecar: JsonObject, components: readonly string[]): void {
  const way = reachedBy(components);
  for (const name of ["startupProbe", "readinessProbe", "livenessProbe"]) {
    const { exec, httpGet, ...often } = objectAt(sidecar, name);
    const { httpGet: ofBase, ...oftenInBase } = objectAt(base, name);
    if (way === undefined) {
      assert.deepEqual({ exec, httpGet, often }, {
        exec: undefined,
        httpGet: ofBase,
        often: oftenInBase,
      });
      continue;
    }
    assert.deepEqual({ exec, httpGet }, {
      exec: { command: task(`health:${way}`) },
      httpGet: undefined,
    });
    // A second Deno starts: it needs more than the second that is enough for a page.
    assert.ok(Number(often["timeoutSeconds"]) >= 5, name);
    assert.equal(often["failureThreshold"], oftenInBase["failureThreshold"]);
  }
}

/** It sees of the node what its task needs, and nothing else. */
function checkMounts(
  pod: JsonObject,
  sidecar: JsonObject,
  components: readonly string[],
): void {
  const mounts = listAt(sidecar, "volumeMounts");
  const volumes = listAt(pod, "volumes");
  switch (reachedBy(components)) {
    case "tls":
      assert.deepEqual(mounts, [
        { name: "tls", mountPath: "/etc/quilt/tls", readOnly: true },
      ]);
      assert.deepEqual(volumes, [{
        name: "tls",
        secret: { secretName: "quilt-sidecar-tls", defaultMode: 0o400 },
      }]);
      break;
    case "unix":
      assert.deepEqual(mounts, [{ name: "socket", mountPath: "/run/quilt" }]);
      assert.deepEqual(volumes, [{
        name: "socket",
        hostPath: { path: "/run/quilt", type: "DirectoryOrCreate" },
      }]);
      break;
    case undefined:
      assert.deepEqual([mounts, volumes], [[], []]);
  }
  const ports = components.includes("unix-socket") ? undefined : base["ports"];
  assert.deepEqual(sidecar["ports"], ports);
}

/** It is alone in its pod, or starts before Quilt and the agent and ends after them. */
function checkPlace(
  pod: JsonObject,
  sidecar: JsonObject,
  components: readonly string[],
): void {
  assert.equal(pod["hostNetwork"], true);
  assert.equal(pod["automountServiceAccountToken"], false);
  const names = listAt(pod, "containers").map(({ name }) => name);
  if (components.includes("beside-quilt")) {
    assert.deepEqual(pod["initContainers"], [sidecar]);
    assert.equal(sidecar["restartPolicy"], "Always");
    assert.deepEqual(names, ["quilt", "mesh-agent"]);
  } else {
    assert.ok(!("initContainers" in pod) && !("restartPolicy" in sidecar));
    assert.deepEqual(names, ["sidecar"]);
  }
}

fullTest(
  "every composition of the components has the sidecar of the tasks, with one capability",
  async () => {
    for (const components of COMPOSITIONS) {
      await about(components, async () => check(await render(components), components));
    }
  },
);

fullTest(
  "every overlay has the sidecar of the tasks, from a registry of the operator's",
  async () => {
    assert.deepEqual(OVERLAYS, Object.keys(COMPOSED));
    for (const [name, components] of Object.entries(COMPOSED)) {
      const rendered = await renderOverlay(name);
      await about(components, () => Promise.resolve(check(rendered, components)));
      const ours = rendered.match(/image: (?!nginxinc\/)\S+/g) ?? [];
      assert.ok(ours.every((image) => image.startsWith("image: registry.example/")));
      assert.ok(!rendered.includes("localhost/"), name);
    }
  },
);

fullTest(
  "kustomize refuses every other composition of two components, and any after beside-quilt",
  async () => {
    const sensible = new Set(COMPOSITIONS.map((components) => components.join(" ")));
    const both = COMPONENTS.flatMap((first) =>
      COMPONENTS.filter((second) => second !== first).map((second) => [first, second])
    );
    const refused: string[] = [];
    for (const [first, second] of both) {
      if (first === undefined || second === undefined) continue;
      const { code, stderr } = await tryToRender([first, second]);
      const name = `${first} ${second}`;
      // otlp and the way in may change places: it is the same text.
      if (code === 0 && !sensible.has(name)) {
        assert.equal(
          await render([first, second]),
          await render([second, first]),
          name,
        );
      } else {
        assert.equal(code === 0, sensible.has(name), `${name}: ${stderr}`);
      }
      if (code !== 0) refused.push(name);
    }
    assert.deepEqual(refused, [
      "beside-quilt otlp",
      "beside-quilt prometheus",
      "beside-quilt tls",
      "beside-quilt unix-socket",
      "prometheus otlp",
      "prometheus tls",
      "prometheus unix-socket",
      "tls prometheus",
      "tls unix-socket",
      "unix-socket prometheus",
      "unix-socket tls",
    ]);
  },
);

fullTest(
  "the agent beside the sidecar gets its control plane from the overlay, whose change replaces the pod",
  async () => {
    const rendered = await renderOverlay("beside-quilt");
    const { pod } = sidecarIn(rendered, ["beside-quilt"]);
    const [env] = listAt(containerOf(pod, "mesh-agent"), "env");
    const { name, key } = objectAt(objectAt(env ?? {}, "valueFrom"), "configMapKeyRef");
    const map = parseManifest(rendered).find(({ kind }) => kind === "ConfigMap");
    assert.ok(map !== undefined);
    assert.equal(stringAt(objectAt(map, "metadata"), "name"), name);
    assert.match(String(name), /^quilt-mesh-agent-[0-9a-z]{10}$/);
    assert.match(stringAt(objectAt(map, "data"), String(key)), /^http:\/\//);
  },
);

fullTest(
  "the component otlp sets what docs/telemetry.md has for a pod, and the node's name",
  async () => {
    const page = readPage("docs/telemetry.md");
    const block = page.blocks.find(({ language }) => language === "yaml");
    const documented: unknown = parse(block?.lines.join("\n") ?? "");
    assert.ok(isJsonObject(documented));
    const { sidecar } = sidecarIn(await render(["otlp"]), ["otlp"]);
    const env = listAt(sidecar, "env");
    const ofPage = listAt(documented, "env");
    assert.notEqual(ofPage.length, 0);
    assert.deepEqual(env.slice(0, ofPage.length), ofPage);
    const [node, attributes, ...more] = env.slice(ofPage.length);
    assert.equal(node?.["name"], "NODE_NAME");
    assert.deepEqual(attributes, {
      name: "OTEL_RESOURCE_ATTRIBUTES",
      value: "k8s.node.name=$(NODE_NAME)",
    });
    assert.deepEqual(more, []);
  },
);

fullTest(
  "the proxy of the metrics has no capability and no token, and the PodMonitor finds its port",
  async () => {
    const rendered = await renderOverlay("telemetry");
    const workload = workloadIn(rendered, "quilt-metrics-proxy");
    const template = objectAt(objectAt(workload, "spec"), "template");
    const pod = objectAt(template, "spec");
    const nginx = containerOf(pod, "nginx");
    assert.deepEqual(objectAt(nginx, "securityContext"), {
      runAsUser: 101,
      runAsGroup: 101,
      runAsNonRoot: true,
      privileged: false,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    assert.equal(pod["automountServiceAccountToken"], false);
    assert.match(stringAt(nginx, "image"), /^nginxinc\/[^:]+:\d+\.\d+\.\d+-\w+$/);
    const monitor = parseManifest(rendered).find(({ kind }) => kind === "PodMonitor");
    const { podMetricsEndpoints, selector } = objectAt(monitor ?? {}, "spec");
    const [endpoint] = listAt({ podMetricsEndpoints }, "podMetricsEndpoints");
    const [port] = listAt(nginx, "ports");
    assert.equal(endpoint?.["port"], port?.["name"]);
    assert.deepEqual(selector, {
      matchLabels: objectAt(objectAt(template, "metadata"), "labels"),
    });
  },
);

/** Says with a failure what was composed. */
async function about(
  components: readonly string[],
  body: () => Promise<void>,
): Promise<void> {
  try {
    await body();
  } catch (error) {
    throw new Error(called(components), { cause: error });
  }
}
