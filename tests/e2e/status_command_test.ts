import assert from "node:assert/strict";
import { SIDECAR_VERSION } from "../../src/shared/versions.ts";
import { connectClient } from "../support/client.ts";
import { isJsonObject, type JsonObject, parseJsonObject } from "../../deploy/json.ts";
import { addVxlan, type Finished, type Namespace } from "../support/namespace.ts";
import { startQuilt } from "../support/quilt.ts";
import { clientCommand, serveCommand } from "../support/serve_task.ts";
import { startSidecar } from "../support/sidecar.ts";
import { slowness } from "../support/slowness.ts";
import { until } from "../support/wait.ts";
import { done, furnishDataPath, makeQuietNamespace, openHost } from "./host.ts";
import { partOf } from "../support/suite.ts";

/** Runs what the status task runs. */
function status(
  namespace: Namespace,
  ...options: readonly string[]
): Promise<Finished> {
  return namespace.run(clientCommand("status", options), { env: { NO_COLOR: "1" } });
}

const TIME = /\d{4}-\d\d-\d\dT[\d:.]{12}Z/g;

/** The lines it prints when all is well. */
async function shown(namespace: Namespace): Promise<readonly string[]> {
  const { code, stderr, stdout } = await status(namespace);
  assert.deepEqual([code, stderr], [0, ""]);
  return stdout.replaceAll(TIME, "TIME").replace(/, up \d+ s,/, ", up N s,")
    .trimEnd().split("\n");
}

/** What `--json` prints. */
async function document(namespace: Namespace): Promise<JsonObject> {
  const { code, stderr, stdout } = await status(namespace, "--json");
  assert.deepEqual([code, stderr], [0, ""]);
  return parseJsonObject(stdout);
}

Deno.test("status shows the network, the addresses, and each route: installed, pending, unconfirmed", async () => {
  await using host = await openHost();
  const { client, namespace } = host;
  assert.deepEqual(await shown(namespace), [
    "Data path     no findings",
    "Node subnet   not configured: no ConfigureNodeSubnet since the sidecar's start",
    "Cluster CIDR  10.42.0.0/16",
    "Addresses     0 allocated, 0 free",
    "Routes        0 installed, 0 pending; 0 unconfirmed",
    `Sidecar       ${SIDECAR_VERSION}, up N s, 0 repairs since its start`,
  ]);
  await furnishDataPath(namespace, 2);
  assert.deepEqual(await client.configureNodeSubnet("10.42.1.0/24"), done);
  assert.deepEqual(await client.injectRoute("10.42.10.0/24", "vxlan100"), done);
  await client.injectRoute("10.42.3.0/24", "vxlan200");
  await using quilt = startQuilt(namespace);
  assert.equal(await quilt.allocate("web-1"), "10.42.1.2");
  assert.deepEqual(await client.configureNodeSubnet("10.42.1.0/24"), done);
  assert.deepEqual(await client.injectRoute("10.42.9.0/24", "vxlan100"), done);
  let lines: readonly string[] = [];
  await until(async () => {
    lines = await shown(namespace);
    return lines.includes("Data path     1 critical");
  }, { what: () => `one finding: ${lines.join("\n")}` });
  assert.deepEqual(lines, [
    "CRITICAL vxlan200: vxlan200 does not exist, but 1 desired route leads through it " +
    "(device-missing since TIME)",
    "  No packet reaches the node behind vxlan200; replace HOST with the address " +
    "of this node to which its peers forward",
    "    ip link add vxlan200 type vxlan id 200 dstport 4789 local HOST",
    "    ip link set dev vxlan200 up",
    "",
    "Data path     1 critical",
    "Node subnet   10.42.1.0/24, gateway 10.42.1.1",
    "Cluster CIDR  10.42.0.0/16",
    "Addresses     1 allocated, 252 free",
    "Routes        2 installed, 1 pending; 2 unconfirmed; 1 with findings",
    `Sidecar       ${SIDECAR_VERSION}, up N s, 0 repairs since its start`,
    "",
    "DESTINATION    DEVICE    STATE      SINCE                     NOTE",
    "10.42.3.0/24   vxlan200  pending    TIME  device-missing; unconfirmed; " +
    "Interface 'vxlan200' not found",
    "10.42.9.0/24   vxlan100  installed  TIME",
    "10.42.10.0/24  vxlan100  installed  TIME  unconfirmed",
  ]);
  const printed = await document(namespace);
  const { audit, data_path: dataPath, findings, routes, sidecar, ...rest } = printed;
  assert.deepEqual(rest, {
    version: 1,
    node_network: {
      subnet: "10.42.1.0/24",
      gateway: "10.42.1.1",
      cluster_cidr: "10.42.0.0/16",
      revision: 1,
      refusal: "",
    },
    addresses: { allocated: 1, free: 252 },
    route_counts: { installed: 2, pending: 1, unconfirmed: 2 },
    log: { lost: 0 },
  });
  assert.ok(isJsonObject(audit) && Number(audit["written"]) > 1);
  assert.match(String(audit["head"]), /^[0-9a-f]{64}$/);
  assert.equal(audit["lost"], 0);
  assert.ok(isJsonObject(sidecar));
  const { started_at: startedAt, ...activity } = sidecar;
  assert.equal(String(startedAt).replace(TIME, "TIME"), "TIME");
  assert.deepEqual(activity, {
    version: SIDECAR_VERSION,
    repairs: 0,
    last_failure: "",
    last_failure_at: "",
  });
  assert.ok(Array.isArray(findings) && isJsonObject(findings[0]));
  const { found, id, severity } = findings[0];
  assert.deepEqual([findings.length, id, severity], [1, "device-missing", "critical"]);
  assert.equal(found, "vxlan200 does not exist, but 1 desired route leads through it");
  assert.ok(isJsonObject(dataPath));
  const { diagnosed_at: diagnosedAt, ...counts } = dataPath;
  assert.equal(String(diagnosedAt).replace(TIME, "TIME"), "TIME");
  assert.deepEqual(counts, { reported: true, critical: 1, warnings: 0, fault: "" });
  assert.ok(Array.isArray(routes) && isJsonObject(routes[0]));
  const { since, ...route } = routes[0];
  assert.equal(String(since).replace(TIME, "TIME"), "TIME");
  assert.deepEqual(route, {
    destination: "10.42.3.0/24",
    device: "vxlan200",
    state: "pending",
    reason: "Interface 'vxlan200' not found",
    confirmed: false,
    findings: ["device-missing"],
  });
});

Deno.test("status counts the repairs since the sidecar's start", async () => {
  await using host = await openHost();
  const { client, namespace } = host;
  assert.deepEqual(await client.injectRoute("10.42.2.0/24", "vxlan100"), done);
  await namespace.ip("route del 10.42.2.0/24");
  let lines: readonly string[] = [];
  await until(async () => {
    lines = await shown(namespace);
    return lines.some((line) => /^Sidecar .*, 1 repair since its start$/.test(line));
  }, { what: () => `one repair: ${lines.join("\n")}` });
});

Deno.test("status shows why ConfigureNodeSubnet was refused, until a call succeeds", async () => {
  await using host = await openHost({
    launcher: ["setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin"],
  });
  const { client, namespace } = host;
  const nodeSubnet = async (of: Namespace) =>
    (await shown(of)).find((line) => line.startsWith("Node subnet "));
  const refused = async (subnet: string) => {
    const { error } = await client.configureNodeSubnet(subnet);
    assert.notEqual(error, "");
    assert.equal(
      await nodeSubnet(namespace),
      `Node subnet   not configured; last ConfigureNodeSubnet refused: ${error}`,
    );
  };
  await refused("10.42.1.0/24");
  await refused("10.42.1.0\u001b/24");
  await using able = await openHost();
  await able.client.configureNodeSubnet("10.42.0.0/16");
  const shownLine = await nodeSubnet(able.namespace);
  assert.match(shownLine ?? "", /refused: Subnet must be \/24/);
  assert.deepEqual(await able.client.configureNodeSubnet("10.42.1.0/24"), done);
  assert.equal(
    await nodeSubnet(able.namespace),
    "Node subnet   10.42.1.0/24, gateway 10.42.1.1",
  );
});

Deno.test("status ends with 1 and a sentence within a few seconds when the sidecar is not running, or hangs", async () => {
  await using namespace = await makeQuietNamespace();
  const absent = await status(namespace);
  assert.deepEqual([absent.code, absent.stdout, absent.stderr], [
    1,
    "",
    "The sidecar on 127.0.0.1:50051 does not answer: nothing listens there; start the " +
    "sidecar, or give its address with --grpc-addr\n",
  ]);
  await using sidecar = await startSidecar(namespace);
  sidecar.kill("SIGSTOP");
  const before = await slowness();
  const start = performance.now();
  const hanging = await status(namespace);
  const took = performance.now() - start;
  const limit = 5_000 * Math.max(before, await slowness());
  sidecar.kill("SIGCONT");
  assert.deepEqual([hanging.code, hanging.stdout, hanging.stderr], [
    1,
    "",
    "The sidecar on 127.0.0.1:50051 does not answer: no answer came within 3 s; " +
    "check whether the sidecar runs, and read its log\n",
  ]);
  assert.ok(took < limit, `${took} ms`);
});

Deno.test("status ends with 2 and a sentence when its options are invalid", async () => {
  await using namespace = await makeQuietNamespace();
  const cases: readonly (readonly [command: readonly string[], expected: RegExp])[] = [
    [["--jsno"], /^Unknown option "--jsno"; did you mean --json\?/],
    [["now"], /^Unexpected argument "now"; status takes only options/],
    [["--grpc-addr", "nowhere"], /^Invalid --grpc-addr "nowhere"/],
    [
      ["--grpc-addr", "fd:3"],
      /^--grpc-addr fd:N is only for serve; give the address of /,
    ],
    [
      ["--grpc-addr", "127.0.0.1:50052"],
      /^Cannot connect to 127\.0\.0\.1:50052: the sandbox grants only .*--allow-net=127/,
    ],
  ];
  for (const [command, expected] of partOf(cases, 2)) {
    const { code, stderr, stdout } = await status(namespace, ...command);
    assert.deepEqual([code, stdout], [2, ""], command.join(" "));
    assert.match(stderr, expected);
    assert.equal(stderr.trimEnd().includes("\n"), false);
  }
  const help = await status(namespace, "--help");
  assert.deepEqual([help.code, help.stderr], [0, ""]);
  for (const option of ["--grpc-addr", "--json", "-h, --help"]) {
    assert.ok(help.stdout.includes(`\n  ${option} `), help.stdout);
  }
});

Deno.test("status connects to a Unix socket, with the grants of the serve:unix task", async () => {
  await Deno.mkdir("/run/quilt", { recursive: true });
  await using namespace = await makeQuietNamespace();
  await addVxlan(namespace);
  const command = serveCommand([], undefined, "serve:unix");
  await using _sidecar = await startSidecar(namespace, { command });
  const address = "unix:///run/quilt/sidecar.sock";
  await using client = await connectClient(namespace, address);
  assert.deepEqual(await client.configureNodeSubnet("10.42.1.0/24"), done);
  const asking = command.map((word) => word === "serve" ? "status" : word);
  const { code, stderr, stdout } = await namespace.run(asking);
  assert.deepEqual([code, stderr], [0, ""]);
  assert.match(stdout, /^Node subnet {3}10\.42\.1\.0\/24, gateway 10\.42\.1\.1$/m);
});
