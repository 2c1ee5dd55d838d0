/**
 * That collector, Prometheus and Grafana find one another and their files. No test starts
 * them: their images are in registries only.
 *
 * @needs schemas
 */
import assert from "node:assert/strict";
import {
  isJsonObject,
  type JsonObject,
  objectAt,
  parseJsonObject,
  stringAt,
} from "../../../deploy/json.ts";
import {
  DEFAULT_LISTEN_ADDRESS,
  formatListenAddress,
} from "../../../src/transport/listen_address.ts";
import { stringsAt } from "../../support/image.ts";
import { runToEnd } from "../../support/namespace.ts";
import { fullTest } from "../../support/suite.ts";
import { composeValidator } from "../../support/tools.ts";
import { FOLDER, objectsAt, readDashboard, readYaml } from "./sources.ts";

const services = objectAt(readYaml("compose.yaml"), "services");
const prometheus = readYaml("prometheus.yaml");
const collector = readYaml("collector.yaml");

/** Where a service has each file of the folder, by its name here. */
function mountsOf(service: string): ReadonlyMap<string, string> {
  const volumes = stringsAt(objectAt(services, service), "volumes");
  return new Map(
    volumes.filter((volume) => volume.startsWith("./")).map((volume) => {
      const [source = "", target = "", options] = volume.split(":");
      assert.equal(options, "ro,z", volume);
      return [source.slice(2), target];
    }),
  );
}

fullTest(
  "the Compose specification takes compose.yaml, and not one with a fault",
  async () => {
    const { command, env } = await composeValidator();
    const path = `${FOLDER}/compose.yaml`;
    const valid = await runToEnd([...command, path], { env });
    assert.equal(valid.code, 0, valid.stderr);
    const text = await Deno.readTextFile(path);
    const faults = [
      ["network_mode:", "network_mod:"],
      ["cap_drop: [", "cap_drop: 7 # ["],
      ["volumes:\n  metrics:", "volume:\n  metrics:"],
    ] as const;
    for (const [right, wrong] of faults) {
      const file = await Deno.makeTempFile({ suffix: ".yaml" });
      await Deno.writeTextFile(file, text.replace(right, wrong));
      const invalid = await runToEnd([...command, file], { env });
      await Deno.remove(file);
      assert.notEqual(invalid.code, 0, wrong);
      assert.match(invalid.stderr, /network_mod|cap_drop|volume/);
    }
  },
);

Deno.test("Prometheus keeps its metrics in the volume that compose.yaml names", () => {
  const [volume, ...more] = Object.keys(objectAt(readYaml("compose.yaml"), "volumes"));
  assert.deepEqual(more, []);
  const service = objectAt(services, "prometheus");
  const path = `${volume}:/prometheus`;
  assert.ok(stringsAt(service, "volumes").includes(path));
  assert.ok(stringsAt(service, "command").includes("--storage.tsdb.path=/prometheus"));
});

Deno.test("every service has a pinned image, the host's network, and no capability", () => {
  for (const name of Object.keys(services)) {
    const service = objectAt(services, name);
    assert.match(stringAt(service, "image"), /^[a-z-]+\/[a-z-]+:v?\d+\.\d+\.\d+$/);
    assert.equal(service["network_mode"], "host");
    assert.deepEqual(service["cap_drop"], ["ALL"]);
    assert.deepEqual(service["security_opt"], ["no-new-privileges:true"]);
  }
});

Deno.test("every file that a service is given exists", () => {
  for (const name of Object.keys(services)) {
    const files = [...mountsOf(name).keys()];
    assert.notEqual(files.length, 0, name);
    for (const file of files) assert.ok(Deno.statSync(`${FOLDER}/${file}`).isFile);
  }
});

Deno.test("each program is started with the configuration that it is given", () => {
  const started: readonly (readonly [service: string, file: string])[] = [
    ["collector", "collector.yaml"],
    ["prometheus", "prometheus.yaml"],
  ];
  for (const [service, file] of started) {
    const words = stringsAt(objectAt(services, service), "command");
    const path = words.find((word) => word.startsWith("--config"))?.split("=")[1];
    assert.equal(path, mountsOf(service).get(file));
  }
});

Deno.test("Prometheus scrapes the sidecar's own address, and has the alerts beside it", () => {
  const [job, ...more] = objectsAt(prometheus, "scrape_configs");
  assert.ok(job !== undefined && more.length === 0);
  const [target] = objectsAt(job, "static_configs");
  assert.deepEqual(target?.["targets"], [formatListenAddress(DEFAULT_LISTEN_ADDRESS)]);
  const mounts = mountsOf("prometheus");
  const folder = mounts.get("prometheus.yaml")?.replace(/[^/]*$/, "");
  const rules = stringsAt(prometheus, "rule_files").map((name) => `${folder}${name}`);
  assert.deepEqual(rules, [mounts.get("alerts.yaml")]);
});

Deno.test("Grafana asks that Prometheus, knows its interval, and has the dashboard", async () => {
  const [source] = objectsAt(readYaml("grafana/datasources.yaml"), "datasources");
  assert.ok(source !== undefined);
  const words = stringsAt(objectAt(services, "prometheus"), "command");
  const { host } = new URL(stringAt(source, "url"));
  assert.ok(words.includes(`--web.listen-address=${host}`));
  assert.equal(
    stringAt(objectAt(source, "jsonData"), "timeInterval"),
    stringAt(objectAt(prometheus, "global"), "scrape_interval"),
  );
  const [provider] = objectsAt(readYaml("grafana/dashboards.yaml"), "providers");
  assert.ok(provider !== undefined);
  const path = stringAt(objectAt(provider, "options"), "path");
  assert.ok(mountsOf("grafana").get("dashboard.json")?.startsWith(`${path}/`));
  const uid = stringAt(parseJsonObject(readDashboard()), "uid");
  const text = await Deno.readTextFile(`${FOLDER}/compose.yaml`);
  assert.ok(text.includes(`http://127.0.0.1:3000/d/${uid} `));
});

Deno.test("the collector uses what it defines, and defines what it uses", () => {
  const pipelines = Object.values(objectAt(objectAt(collector, "service"), "pipelines"))
    .filter(isJsonObject);
  assert.equal(pipelines.length, 3);
  for (const kind of ["receivers", "processors", "exporters"]) {
    const used = pipelines.flatMap((pipeline) => stringsAt(pipeline, kind));
    const defined = Object.keys(objectAt(collector, kind));
    assert.deepEqual([...new Set(used)].sort(), defined.toSorted(), kind);
  }
});

Deno.test("nothing listens on more than loopback", () => {
  const otlp = objectAt(objectAt(collector, "receivers"), "otlp");
  const endpoint = (at: JsonObject): string => stringAt(at, "endpoint");
  const { http } = objectAt(otlp, "protocols");
  const addresses = [
    isJsonObject(http) ? endpoint(http) : "",
    stringAt(
      objectAt(objectAt(services, "grafana"), "environment"),
      "GF_SERVER_HTTP_ADDR",
    ),
  ];
  for (const address of addresses) assert.match(address, /^127\.0\.0\.1(:\d+)?$/);
});
