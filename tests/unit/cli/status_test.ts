/** The command `status` against servers that this process makes, on the task's port. */
import assert from "node:assert/strict";
import { SIDECAR_VERSION } from "../../../src/shared/versions.ts";
import { type Finished, runToEnd } from "../../support/namespace.ts";
import { clientCommand } from "../../support/serve_task.ts";
import { finding, MemoryDataPath } from "../api/memory_data_path.ts";
import { serveNode } from "./serve_node.ts";

function status(...options: readonly string[]): Promise<Finished> {
  return runToEnd(clientCommand("status", options), { env: { NO_COLOR: "1" } });
}

/** What it prints when it succeeds, with each time alike. */
async function shown(...options: readonly string[]): Promise<string> {
  const { code, stderr, stdout } = await status(...options);
  assert.deepEqual([code, stderr], [0, ""]);
  return stdout.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]{12}Z/g, "TIME")
    .replace(/, up [\d a-z]+,/, ", up LONG,").trimEnd();
}

const SUMMARY = [
  "Node subnet   10.42.1.0/24, gateway 10.42.1.1",
  "Cluster CIDR  10.42.0.0/16",
  "Addresses     0 allocated, 253 free",
];

const ACTIVITY = [
  `Sidecar       ${SIDECAR_VERSION}, up LONG, 2 repairs since its start`,
  "Last failure  TIME The kernel refused",
];

const TABLE_HEAD = "DESTINATION   DEVICE    STATE      SINCE                     NOTE";

Deno.test("status shows the findings before everything else, and names them beside the route", async () => {
  const dataPath = new MemoryDataPath();
  dataPath.publish([
    finding("device-down", "critical", { device: "vxlan100" }),
    finding("rp-filter", "warning"),
  ]);
  await using _server = await serveNode(dataPath);
  assert.deepEqual((await shown()).split("\n"), [
    "CRITICAL vxlan100: Found device-down (device-down since TIME)",
    "  It means critical",
    "    end device-down",
    "    and that is all",
    "",
    "WARNING this node: Found rp-filter (rp-filter since TIME)",
    "  It means warning",
    "    end rp-filter",
    "    and that is all",
    "",
    "Data path     1 critical, 1 warning",
    ...SUMMARY,
    "Routes        1 installed, 0 pending; 0 unconfirmed; 1 with findings",
    ...ACTIVITY,
    "",
    TABLE_HEAD,
    "10.42.2.0/24  vxlan100  installed  TIME  device-down",
  ]);
  const json = JSON.parse(await shown("--json"));
  assert.deepEqual(
    json.findings.map(({ id, severity }: Record<string, unknown>) => [id, severity]),
    [["device-down", "critical"], ["rp-filter", "warning"]],
  );
  assert.deepEqual(json.routes[0].findings, ["device-down"]);
});

Deno.test("status of a sidecar that is too old to tell findings shows all the rest", async () => {
  await using _server = await serveNode(undefined);
  assert.deepEqual((await shown()).split("\n"), [
    "Data path     not known: this sidecar is too old to report findings",
    ...SUMMARY,
    "Routes        1 installed, 0 pending; 0 unconfirmed",
    ...ACTIVITY,
    "",
    TABLE_HEAD,
    "10.42.2.0/24  vxlan100  installed  TIME",
  ]);
  const json = JSON.parse(await shown("--json"));
  assert.deepEqual([json.data_path.reported, json.findings], [false, []]);
});

Deno.test("status of a sidecar that has not made a diagnosis within 3 s shows all the rest", async () => {
  await using _server = await serveNode(new MemoryDataPath());
  const [first, ...rest] = (await shown()).split("\n");
  assert.equal(
    first,
    "Data path     not known: no answer came within 3 s",
  );
  assert.deepEqual(rest.slice(0, SUMMARY.length), SUMMARY);
});

Deno.test("status --map draws the cluster below the summary, and its filters leave routes out", async () => {
  await using _server = await serveNode(undefined);
  const lines = (await shown("--map", "--pending")).split("\n");
  assert.deepEqual(lines.slice(7, 9), [
    "",
    "10.42.0.0    . @ # . . . . . . . . . . . . .   @   1 this node",
  ]);
  assert.deepEqual(lines.slice(-2), ["", "No route matches"]);
});
