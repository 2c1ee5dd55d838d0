import assert from "node:assert/strict";
import { parseCommandLine } from "../../src/cli/command_line.ts";
import { COMMANDS } from "../../src/cli/commands.ts";
import { readServeOptions } from "../../src/cli/serve_options.ts";
import { SIDECAR_VERSION, TESTED_DENO_VERSION } from "../../src/shared/versions.ts";
import {
  DEFAULT_LISTEN_ADDRESS,
  formatListenAddress,
} from "../../src/transport/listen_address.ts";
import { HEALTHZ_LINE } from "../../src/transport/healthz.ts";
import { stringsAt } from "../support/image.ts";
import { numberAt, objectAt, parseJsonObject, stringAt } from "../../deploy/json.ts";
import { containerOf, privilegesOf, readPod } from "../support/manifest.ts";
import { parseDenoRun, repository } from "../support/serve_task.ts";
import { argument, argumentsOf, label, valueAfter } from "./containerfile.ts";
import { surplusGrants } from "../../deploy/image/surplus_grants.ts";
import { splitFlags } from "./launched.ts";
import { directive, directives } from "./unit.ts";

const config = parseJsonObject(Deno.readTextFileSync(`${repository}/deno.json`));
const tasks = objectAt(config, "tasks");

/** The words of a task of deno.json. */
function task(name: string): readonly string[] {
  return stringAt(objectAt(tasks, name), "command").split(" ");
}

/** The same, with the place of each program in the image: systemd searches no PATH. */
function installed(name: string): readonly string[] {
  return task(name).map((word) =>
    ["env", "deno"].includes(word) ? `/usr/bin/${word}` : word
  );
}

const inPod = await readPod("deploy/kubernetes/base/daemonset.yaml");
const sidecar = containerOf(inPod, "sidecar");
const ofPodman = containerOf(await readPod("deploy/podman/quilt.yaml"), "sidecar");
const SERVICE = "quilt-sidecar.service";

Deno.test("the image starts what deno task serve starts, and checks what deno task health checks", () => {
  assert.deepEqual(argumentsOf("ENTRYPOINT"), task("serve"));
  assert.deepEqual(argumentsOf("CMD"), task("health"));
});

Deno.test("deno task describes each command as its help does", () => {
  // The task serve is about its grants.
  const tasked = COMMANDS.filter(({ name }) => name in tasks && name !== "serve");
  assert.ok(tasked.length > 15, `${tasked.length}`);
  for (const { name, summary } of tasked) {
    const { description } = objectAt(tasks, name);
    assert.equal(description, summary.replace(/^./, (first) => first.toUpperCase()));
  }
});

Deno.test("a command in a container of the image keeps of its permission set what its task grants", () => {
  const image = objectAt(objectAt(config, "permissions"), "image");
  const env = objectAt(image, "env");
  assert.equal(env["ignore"], true);
  const all = [
    ...["net", "read", "run", "write"].flatMap((name) =>
      stringsAt(image, name).map((value) => `${name} ${value}`)
    ),
    `env ${stringsAt(env, "allow").join(",")}`,
  ];
  let compared = 0;
  for (const name of Object.keys(tasks)) {
    const [command = ""] = name.split(":");
    if (command === "demo" || !COMMANDS.some(({ name }) => name === command)) continue;
    const { args, flags } = parseDenoRun(task(name).join(" "));
    const surplus = surplusGrants(args).flatMap((grant) =>
      all.filter((each) => describes(grant, each))
    );
    const kept = all.filter((grant) => !surplus.includes(grant));
    const granted = Object.entries(splitFlags(flags).grants)
      .map(([kind, value]) => `${kind} ${value}`);
    assert.deepEqual([...kept].sort(), granted.sort(), name);
    compared += 1;
  }
  assert.ok(compared > 40, `${compared}`);
});

/** Whether a grant such as `read /etc` is the descriptor's, or one of all that it means. */
function describes(descriptor: Deno.PermissionDescriptor, grant: string): boolean {
  const { name, ...rest } = descriptor;
  const [value] = Object.values(rest);
  return value === undefined
    ? grant.startsWith(`${name} `)
    : grant === `${name} ${value}`;
}

Deno.test("the image has the Deno that all tests use, by its digest", () => {
  const [name, digest] = argument("DENO_IMAGE").split("@");
  assert.equal(name, `docker.io/denoland/deno:bin-${TESTED_DENO_VERSION}`);
  assert.match(digest ?? "", /^sha256:[0-9a-f]{64}$/);
  assert.match(
    argument("DEBIAN_IMAGE"),
    /^docker\.io\/library\/debian:bookworm-\d{8}-slim@sha256:[0-9a-f]{64}$/,
  );
});

Deno.test("the version is the same in deno.json, the image, the pods and the changelog", async () => {
  assert.equal(label("version"), SIDECAR_VERSION);
  const image = `localhost/quilt-sidecar:${SIDECAR_VERSION}`;
  assert.equal(stringAt(ofPodman, "image"), image);
  assert.deepEqual(filesWith(SIDECAR_VERSION, "deploy/kubernetes"), [
    "deploy/kubernetes/base/kustomization.yaml",
  ]);
  assert.deepEqual(filesWith(SIDECAR_VERSION, "deploy/podman"), [
    "deploy/podman/quilt.yaml",
  ]);
  const changelog = await Deno.readTextFile(`${repository}/CHANGELOG.md`);
  const [first] = /^## \S+/m.exec(changelog) ?? [];
  assert.equal(first, `## ${SIDECAR_VERSION}`);
});

/** The files under a folder with such a text in them. */
function filesWith(text: string, folder: string): readonly string[] {
  return [...Deno.readDirSync(`${repository}/${folder}`)].flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) return filesWith(text, path);
    return Deno.readTextFileSync(`${repository}/${path}`).includes(text) ? [path] : [];
  });
}

Deno.test("each probe of the pod uses GET /healthz on the sidecar's port, and restarts only a sidecar that fails for minutes", () => {
  const { host, port } = DEFAULT_LISTEN_ADDRESS;
  const [, path] = HEALTHZ_LINE.split(" ");
  for (const name of ["startupProbe", "readinessProbe", "livenessProbe"]) {
    const probe = objectAt(sidecar, name);
    assert.deepEqual(objectAt(probe, "httpGet"), { host, port, path });
  }
  const liveness = objectAt(sidecar, "livenessProbe");
  const period = numberAt(liveness, "periodSeconds");
  assert.ok(period * numberAt(liveness, "failureThreshold") >= 180);
  assert.ok(numberAt(liveness, "timeoutSeconds") >= 10);
});

Deno.test("podman's probe is the health command, as often as kubelet's: for httpGet it would run curl in the image", () => {
  const { httpGet: _, ...often } = objectAt(sidecar, "livenessProbe");
  const { exec, ...rest } = objectAt(ofPodman, "livenessProbe");
  assert.deepEqual(exec, { command: task("health") });
  assert.deepEqual(rest, often);
});

Deno.test("the pod has the node's network, the sidecar's port, and no other container", () => {
  assert.equal(inPod["hostNetwork"], true);
  assert.equal(inPod["automountServiceAccountToken"], false);
  assert.deepEqual(inPod["containers"], [sidecar]);
  assert.ok(!("initContainers" in inPod));
  const { host, port } = DEFAULT_LISTEN_ADDRESS;
  assert.deepEqual(sidecar["ports"], [{
    name: "grpc",
    containerPort: port,
    hostPort: port,
    hostIP: host,
    protocol: "TCP",
  }]);
});

Deno.test("the sidecar of a pod has one capability, and options that serve takes", () => {
  for (const container of [sidecar, ofPodman]) {
    const only = { user: 0, group: 0, capabilities: ["NET_ADMIN"] };
    assert.deepEqual(privilegesOf(container), only);
    const words = ["serve", ...stringsAt(container, "args")];
    const request = parseCommandLine(COMMANDS, words);
    assert.ok(request.kind === "run" && readServeOptions(request.line.options).ok);
    assert.ok(!("command" in container), "the entry point is the image's");
  }
});

Deno.test("podman's pod has the sidecar of Kubernetes' pod, without the fields that podman does not know", () => {
  const {
    // kustomize fills it in.
    image: _,
    ports: _1,
    startupProbe: _2,
    readinessProbe: _3,
    livenessProbe: _4,
    ...known
  } = sidecar;
  const { image: _5, livenessProbe: _6, ...podman } = ofPodman;
  assert.deepEqual(podman, known);
});

/** What the unit adds to the task: the activated socket, and priorities for journald. */
const OF_SYSTEMD = ["--grpc-addr", "fd:3", "--log-format", "journald"];

Deno.test("the unit starts what deno task serve starts, on the activated socket", async () => {
  const expected = [...installed("serve"), ...OF_SYSTEMD];
  assert.deepEqual(await directives(SERVICE, "ExecStart"), [expected.join(" ")]);
  const listen = await directives("quilt-sidecar.socket", "ListenStream");
  assert.deepEqual(listen, [formatListenAddress(DEFAULT_LISTEN_ADDRESS)]);
});

Deno.test("the TLS variant of the unit starts what deno task serve:tls starts, on the activated socket", async () => {
  const words = [...installed("serve:tls"), ...OF_SYSTEMD];
  const variant = await directives("variants/tls.conf", "ExecStart");
  assert.deepEqual(variant, ["", words.join(" ")]);
});

Deno.test("the unit has the image's environment, one capability, and the pod's memory limit", async () => {
  const environment = /^ENV (.*)$/m.exec(
    Deno.readTextFileSync(`${repository}/Containerfile`).split("FROM scratch")[1] ?? "",
  )?.[1];
  assert.equal(await directive(SERVICE, "Environment"), environment);
  assert.equal(await directive(SERVICE, "WorkingDirectory"), valueAfter("WORKDIR "));
  assert.equal(await directive(SERVICE, "AmbientCapabilities"), "CAP_NET_ADMIN");
  assert.equal(await directive(SERVICE, "CapabilityBoundingSet"), "CAP_NET_ADMIN");
  assert.equal(await directive(SERVICE, "NoNewPrivileges"), "yes");
  const { memory } = objectAt(objectAt(sidecar, "resources"), "limits");
  assert.equal(await directive(SERVICE, "MemoryMax"), String(memory).replace("i", ""));
});

Deno.test("the unit and its socket have no limit on restarts", async () => {
  assert.equal(await directive(SERVICE, "StartLimitIntervalSec"), "0");
  assert.equal(await directive(SERVICE, "Restart"), "on-failure");
  // Nor does it keep a core busy with starts that fail, each of which takes 0.2 s of it.
  assert.match(await directive(SERVICE, "RestartSec"), /^[2-5]s$/);
  const trigger = await directive("quilt-sidecar.socket", "TriggerLimitIntervalSec");
  assert.equal(trigger, "0");
});
