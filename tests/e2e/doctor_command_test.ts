/** The command `doctor` on a real kernel, with a sidecar and without one. */
import assert from "node:assert/strict";
import { isJsonObject, type JsonObject, parseJsonObject } from "../../deploy/json.ts";
import { makeTrail } from "../security/permission_trail.ts";
import { connectClient } from "../support/client.ts";
import { BUSYBOX, makeIp } from "../support/foreign_ip.ts";
import { addVxlan, type Finished, type Namespace } from "../support/namespace.ts";
import { clientCommand, serveCommand } from "../support/serve_task.ts";
import { startSidecar } from "../support/sidecar.ts";
import { partOf } from "../support/suite.ts";
import { until } from "../support/wait.ts";
import { done, makeQuietNamespace, openHost } from "./host.ts";
import { openTlsHost } from "./tls_host.ts";
import { makeTwoHosts } from "./two_hosts.ts";

const PATH = Deno.env.get("PATH") ?? "";

/** Runs what the doctor task runs. */
function doctor(
  namespace: Namespace,
  ...options: readonly string[]
): Promise<Finished> {
  return namespace.run(clientCommand("doctor", options), { env: { NO_COLOR: "1" } });
}

/** What `--json` prints, with the exit code. */
interface Examined {
  readonly code: number;
  readonly document: JsonObject;
  /** The worst first. */
  readonly findings: readonly JsonObject[];
}

/** Reads what it printed; the exit code must be that of the findings. */
function read({ code, stderr, stdout }: Finished): Examined {
  assert.equal(stderr, "");
  const document = parseJsonObject(stdout);
  const { findings } = document;
  assert.ok(Array.isArray(findings));
  const listed = findings.filter(isJsonObject);
  const isCritical = listed.some(({ severity }) => severity === "critical");
  assert.equal(code, isCritical ? 1 : listed.length > 0 ? 3 : 0, stdout);
  return { code, document, findings: listed };
}

async function examine(
  namespace: Namespace,
  ...options: readonly string[]
): Promise<Examined> {
  return read(await doctor(namespace, "--json", ...options));
}

/** The finding with this id. */
function findingIn({ findings }: Examined, id: string): JsonObject {
  const found = findings.find((finding) => finding["id"] === id);
  assert.ok(found !== undefined, `${id}: ${JSON.stringify(findings)}`);
  return found;
}

const has = ({ findings }: Examined, id: string): boolean =>
  findings.some((finding) => finding["id"] === id);

/** Runs the remedy of a finding as an operator pastes it. */
async function paste(namespace: Namespace, { remedy }: JsonObject): Promise<void> {
  assert.ok(Array.isArray(remedy) && remedy.length > 0);
  for (const line of remedy) {
    const { code, stderr } = await namespace.run(["sh", "-c", String(line)]);
    assert.equal(code, 0, stderr);
  }
}

/** Everything that the kernel has of a node's network, as one text. */
async function kernelState(namespace: Namespace): Promise<string> {
  const shown = await Promise.all(
    ["route show table all", "rule show", "-d link show", "address show", "neigh show"]
      .map((line) => namespace.ip(line)),
  );
  return shown.join("\n");
}

Deno.test("doctor of a sidecar tells its findings exactly as status does, and its exit code is theirs", async () => {
  await using host = await openHost();
  const { client, namespace } = host;
  assert.deepEqual(await client.configureNodeSubnet("10.42.1.0/24"), done);
  assert.deepEqual(await client.injectRoute("10.42.2.0/24", "vxlan100"), done);
  const reported = async (): Promise<readonly JsonObject[]> => {
    const { stdout } = await namespace.run(clientCommand("status", ["--json"]));
    const { findings } = parseJsonObject(stdout);
    assert.ok(Array.isArray(findings));
    return findings.filter(isJsonObject);
  };
  // Some findings stand still for a second before they are reported.
  await until(async () => {
    const before = await reported();
    const examined = await examine(namespace);
    const own = examined.findings.map(({ group: _, ...finding }) => finding);
    if (JSON.stringify(before) !== JSON.stringify(await reported())) return false;
    assert.deepEqual(own, before);
    assert.deepEqual(examined.document["sidecar"], {
      address: "127.0.0.1:50051",
      answers: true,
    });
    return true;
  }, { what: "findings that stand still" });
});

Deno.test("doctor of a sidecar names a device that is down with its remedy, which ends it: exit code 1", async () => {
  await using host = await openHost();
  const { client, namespace } = host;
  assert.deepEqual(await client.configureNodeSubnet("10.42.1.0/24"), done);
  assert.deepEqual(await client.injectRoute("10.42.2.0/24", "vxlan100"), done);
  assert.equal(has(await examine(namespace), "device-down"), false);
  await namespace.ip("link set vxlan100 down");
  const broken = await until(async () => {
    const examined = await examine(namespace);
    return has(examined, "device-down") ? examined : undefined;
  }, { what: "device-down" });
  assert.equal(broken.code, 1);
  const down = findingIn(broken, "device-down");
  assert.deepEqual([down["group"], down["device"]], ["devices", "vxlan100"]);
  const { code, stdout } = await doctor(namespace);
  assert.equal(code, 1);
  assert.match(stdout, /^CRITICAL vxlan100: .*\(device-down since \S+Z\)$/m);
  await paste(namespace, down);
  await until(async () => !has(await examine(namespace), "device-down"), {
    what: "the end of device-down",
  });
});

/** A node that a sidecar has set up and left: its routes and its state stay. */
async function makeLeftNode(): Promise<Namespace> {
  await using stack = new AsyncDisposableStack();
  const namespace = stack.use(await makeQuietNamespace());
  await addVxlan(namespace);
  await using sidecar = await startSidecar(namespace);
  await using client = await connectClient(namespace);
  assert.deepEqual(await client.configureNodeSubnet("10.42.1.0/24"), done);
  assert.deepEqual(await client.injectRoute("10.42.2.0/24", "vxlan100"), done);
  await sidecar.stop();
  stack.move();
  return namespace;
}

Deno.test("doctor without a sidecar says so, looks by ip alone, and changes nothing", async () => {
  await using namespace = await makeLeftNode();
  const before = await kernelState(namespace);
  const { document, findings } = await examine(namespace, "--probe");
  assert.equal(await kernelState(namespace), before);
  assert.equal(document["checked_by"], "ip");
  const absent = findingIn({ code: 0, document, findings }, "no-sidecar");
  assert.equal(absent["severity"], "warning");
  assert.equal(
    absent["found"],
    "The sidecar on 127.0.0.1:50051 does not answer: nothing listens there",
  );
  findingIn({ code: 0, document, findings }, "not-probed");
});

Deno.test("doctor without a sidecar names a desired route that the kernel lacks: exit code 1, until a sidecar is started by the remedy", async () => {
  await using namespace = await makeLeftNode();
  await namespace.ip("route del 10.42.2.0/24");
  const broken = await examine(namespace);
  const absent = findingIn(broken, "no-sidecar");
  assert.deepEqual([broken.code, absent["severity"]], [1, "critical"]);
  assert.match(String(absent["meaning"]), /^No packet reaches 10\.42\.2\.0\/24: /);
  const { remedy } = absent;
  assert.ok(Array.isArray(remedy) && remedy.length === 1);
  // The sidecars of other tests are to be seen, and there is no registry.
  using pgrep = makeProgram("pgrep", "exit 1");
  using npx = makeProgram("npx", `shift 2; exec ${Deno.execPath()} "$@"`);
  const path = `${pgrep.directory}:${npx.directory}:${PATH}`;
  await using _started = startInBackground(namespace, String(remedy[0]), path);
  await until(async () => !has(await examine(namespace), "no-sidecar"), {
    what: "the end of no-sidecar",
  });
  const route = await namespace.ip("route show 10.42.2.0/24");
  assert.match(route, /^10\.42\.2\.0\/24 dev vxlan100 /);
});

/** A script with this name in a folder of its own. */
function makeProgram(name: string, script: string) {
  const directory = Deno.makeTempDirSync({ prefix: "program-" });
  Deno.writeTextFileSync(`${directory}/${name}`, `#!/bin/sh\n${script}\n`, {
    mode: 0o755,
  });
  return {
    directory,
    [Symbol.dispose]: () => Deno.removeSync(directory, { recursive: true }),
  };
}

/** Runs a shell line; the namespace ends what it has started. */
function startInBackground(namespace: Namespace, line: string, path: string) {
  const child = namespace.command(["env", `PATH=${path}`, "sh", "-c", line], {
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  return {
    [Symbol.asyncDispose]: async () => {
      const left = await namespace.run(["ip", "netns", "pids", namespace.name]);
      for (const pid of left.stdout.split("\n")) {
        if (pid !== "") await namespace.run(["kill", "-KILL", pid]);
      }
      await child.status;
    },
  };
}

Deno.test("doctor without a sidecar names a device that is down from what the kernel shows", async () => {
  await using namespace = await makeLeftNode();
  await namespace.ip("link set vxlan100 down");
  const examined = await examine(namespace);
  assert.equal(examined.code, 1);
  const down = findingIn(examined, "device-down");
  assert.deepEqual([down["device"], down["since"]], ["vxlan100", ""]);
  await paste(namespace, down);
  assert.equal(has(await examine(namespace), "device-down"), false);
});

Deno.test("doctor without CAP_NET_ADMIN mentions that where no sidecar runs, and looks all the same", async () => {
  await using namespace = await makeLeftNode();
  const command = clientCommand("doctor", ["--json"]);
  const without = ["setpriv", "--bounding-set", "-net_admin", "--inh-caps"];
  const examined = read(
    await namespace.run([...without, "-net_admin", ...command], {
      env: { NO_COLOR: "1" },
    }),
  );
  findingIn(examined, "capability");
  assert.equal(examined.document["checked_by"], "ip");
  // It is doctor that has no permission: of the sidecar nothing is known.
  assert.equal(has(examined, "no-permission"), false);
});

/** With `path` as PATH for doctor alone. */
async function examineIn(namespace: Namespace, path: string): Promise<Examined> {
  const words = ["env", "NO_COLOR=1", `PATH=${path}`];
  const command = clientCommand("doctor", ["--json"]);
  const { stderr, ...finished } = await namespace.run([...words, ...command]);
  // Deno itself writes that the program of a grant was not found.
  assert.match(stderr, /^(Info Failed to resolve 'ip' for allow-run: .*\n)?$/);
  return read({ ...finished, stderr: "" });
}

Deno.test("doctor names an ip that is not the ip of iproute2, or none: critical, unless a sidecar answers", async () => {
  await using host = await openHost();
  await using alone = await makeQuietNamespace();
  using busybox = makeIp(BUSYBOX);
  const cases: readonly (readonly [path: string, id: string, sentence: RegExp])[] = [
    [
      `${busybox.directory}:${PATH}`,
      "ip-foreign",
      /^ip ended before it answered \(exit code 1\), and wrote first: "BusyBox .*iproute2, and put/,
    ],
    [
      "/nonexistent",
      "ip-missing",
      /^The command ip was not found; install the package iproute2$/,
    ],
  ];
  for (const [path, id, sentence] of cases) {
    const blind = await examineIn(alone, path);
    assert.equal(blind.code, 1);
    assert.equal(blind.document["checked_by"], "nobody");
    const critical = findingIn(blind, id);
    assert.equal(critical["severity"], "critical");
    assert.match(String(critical["found"]), sentence);
    findingIn(blind, "no-sidecar");
    const beside = await examineIn(host.namespace, path);
    assert.equal(findingIn(beside, id)["severity"], "warning");
    assert.equal(beside.document["checked_by"], "sidecar");
  }
});

Deno.test("doctor without the grant to start ip names the task that has it", async () => {
  await using namespace = await makeQuietNamespace();
  const command = clientCommand("doctor", ["--json"])
    .filter((word) => word !== "--allow-run=ip");
  const examined = read(await namespace.run(command, { env: { NO_COLOR: "1" } }));
  assert.equal(
    findingIn(examined, "ip-missing")["found"],
    "The sandbox does not grant --allow-run=ip; use deno task doctor (see docs/security.md)",
  );
});

Deno.test("doctor names an iproute2 that is too old, with its version", async () => {
  await using namespace = await makeQuietNamespace();
  const { stdout } = await namespace.run(["sh", "-c", "command -v ip"]);
  using old = makeIp(`#!/bin/sh
[ "$1" = -V ] && { echo 'ip utility, iproute2-ss190107'; exit 0; }
exec ${stdout.trim()} "$@"
`);
  const examined = await examineIn(namespace, `${old.directory}:${PATH}`);
  const { found, severity } = findingIn(examined, "ip-old");
  assert.equal(severity, "warning");
  assert.equal(
    found,
    "ip is of iproute2 ss190107; the oldest tested version is 5.10",
  );
  assert.equal(examined.document["checked_by"], "ip");
});

Deno.test("doctor names an ip that tells its version and nothing else", async () => {
  await using namespace = await makeQuietNamespace();
  using program = makeIp("#!/bin/sh\necho 'ip utility, iproute2-6.1.0'\n");
  const examined = await examineIn(namespace, `${program.directory}:${PATH}`);
  assert.equal(examined.document["checked_by"], "nobody");
  assert.equal(findingIn(examined, "kernel-unread")["severity"], "critical");
});

Deno.test("doctor names a sidecar that hangs within some seconds, and looks by ip alone", async () => {
  await using namespace = await makeQuietNamespace();
  await using sidecar = await startSidecar(namespace);
  sidecar.kill("SIGSTOP");
  const start = performance.now();
  const examined = await examine(namespace);
  const took = performance.now() - start;
  sidecar.kill("SIGCONT");
  assert.equal(examined.code, 1);
  assert.match(
    String(findingIn(examined, "sidecar-hangs")["found"]),
    /^The sidecar on 127\.0\.0\.1:50051 does not answer: no answer came within 3 s, /,
  );
  assert.equal(examined.document["checked_by"], "ip");
  assert.ok(took < 8_000, `${took} ms`);
});

Deno.test("doctor of a sidecar that serves TLS says so, and looks by ip alone", async () => {
  await using host = await openTlsHost();
  const examined = await examine(host.namespace);
  assert.equal(findingIn(examined, "sidecar-tls")["severity"], "warning");
  assert.equal(examined.document["checked_by"], "ip");
});

Deno.test("doctor asks on a Unix socket, with the grants of the serve:unix task", async () => {
  await Deno.mkdir("/run/quilt", { recursive: true });
  await using namespace = await makeQuietNamespace();
  await addVxlan(namespace);
  const command = serveCommand([], undefined, "serve:unix");
  const asking = command.map((word) => word === "serve" ? "doctor" : word);
  const run = async () =>
    read(await namespace.run([...asking, "--json"], { env: { NO_COLOR: "1" } }));
  assert.match(
    String(findingIn(await run(), "no-sidecar")["found"]),
    /^The sidecar on unix:\/\/\/run\/quilt\/sidecar\.sock does not answer: nothing listens there$/,
  );
  await using _sidecar = await startSidecar(namespace, { command });
  await using _client = await connectClient(
    namespace,
    "unix:///run/quilt/sidecar.sock",
  );
  assert.equal((await run()).document["checked_by"], "sidecar");
});

Deno.test("doctor ends with 2 and a sentence when its options are invalid", async () => {
  await using namespace = await makeQuietNamespace();
  const cases: readonly (readonly [command: readonly string[], expected: RegExp])[] = [
    [["--porbe"], /^Unknown option "--porbe"; did you mean --probe\?/],
    [["now"], /^Unexpected argument "now"; doctor takes only options/],
    [
      ["--cluster-cidr", "10.42.0.1/16"],
      /^Cluster CIDR 10\.42\.0\.1\/16 has host bits/,
    ],
    [["--gateway-index", "0"], /^Invalid gateway index 0; /],
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
  for (const [command, expected] of partOf(cases, 3)) {
    const { code, stderr, stdout } = await doctor(namespace, ...command);
    assert.deepEqual([code, stdout], [2, ""], command.join(" "));
    assert.match(stderr, expected);
    assert.equal(stderr.trimEnd().includes("\n"), false);
  }
  const help = await doctor(namespace, "--help");
  assert.deepEqual([help.code, help.stderr], [0, ""]);
  for (const option of ["--probe", "--json", "--cluster-cidr", "-h, --help"]) {
    assert.ok(help.stdout.includes(`\n  ${option} `), help.stdout);
  }
});

/** Variables are asked for by grpc-js and blank (`--ignore-env`). */
const GRANTED = /^(net 127\.0\.0\.1:50051|run ip|run \/\S*\/ip|env [A-Za-z0-9_*]+)$/;

Deno.test("the doctor task uses only its grants, with a sidecar and without one", async () => {
  await using trail = await makeTrail();
  await using namespace = await makeLeftNode();
  const env = { NO_COLOR: "1", ...trail.env };
  await namespace.run(clientCommand("doctor"), { env });
  await using _sidecar = await startSidecar(namespace);
  await namespace.run(clientCommand("doctor", ["--probe"]), { env });
  const checks = await trail.checks();
  assert.ok(checks.has("net 127.0.0.1:50051"), "Deno wrote no trail");
  assert.deepEqual([...checks].filter((check) => !GRANTED.test(check)), []);
});

Deno.test("doctor --probe tells a peer that answers, one without proxy_arp and one that is silent apart", async () => {
  await using hosts = await makeTwoHosts();
  const { one: { host: one }, two: { host: two } } = hosts;
  await using _sidecar = await startSidecar(one);
  await two.ip("route add 10.42.1.0/24 dev vxlan100");
  await using client = await connectClient(one);
  assert.deepEqual(await client.configureNodeSubnet("10.42.1.0/24"), done);
  assert.deepEqual(await client.injectRoute("10.42.2.0/24", "vxlan100"), done);
  const states = async () => {
    const examined = await examine(one, "--probe");
    const { peers } = examined.document;
    assert.ok(Array.isArray(peers) && peers.length === 1 && isJsonObject(peers[0]));
    const { gateway, proxied } = peers[0];
    assert.ok(isJsonObject(gateway) && isJsonObject(proxied));
    return { examined, shown: [gateway["state"], proxied["state"]] };
  };
  const healthy = await states();
  assert.deepEqual(healthy.shown, ["answered", "answered"]);
  assert.equal(has(healthy.examined, "peer-unreachable"), false);
  await two.run(["sh", "-c", "echo 0 > /proc/sys/net/ipv4/conf/vxlan100/proxy_arp"]);
  const unproxied = await states();
  assert.deepEqual(unproxied.shown, ["answered", "silent"]);
  assert.equal(unproxied.examined.code, 1);
  findingIn(unproxied.examined, "peer-proxy-arp");
  await two.ip("link set vxlan100 down");
  const silent = await states();
  assert.deepEqual(silent.shown, ["silent", "silent"]);
  assert.equal(silent.examined.code, 1);
  findingIn(silent.examined, "peer-unreachable");
});
