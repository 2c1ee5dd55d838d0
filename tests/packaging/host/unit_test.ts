/**
 * @needs go image
 */
import assert from "node:assert/strict";
import { done, makeQuietNamespace, routesTo } from "../../e2e/host.ts";
import { makeLibrary } from "../../security/library.ts";
import { attemptNames, LIBRARY, NEIGHBOUR, SECRET } from "../../security/takeover.ts";
import { connectClient } from "../../support/client.ts";
import { withImage } from "../../support/image.ts";
import { parseJsonObject, stringAt } from "../../../deploy/json.ts";
import { addVxlan } from "../../support/namespace.ts";
import { repository } from "../../support/serve_task.ts";
import { bootHost, putOnPath, type SystemdHost } from "../../support/systemd.ts";
import { until } from "../../support/wait.ts";

const UNIT = "quilt-sidecar.service";

/** Starts the unit and waits until it serves; the answer is its own process's status. */
async function startUnit(host: SystemdHost): Promise<string> {
  const { code, stderr } = await host.run(["systemctl", "start", UNIT]);
  assert.equal(code, 0, stderr);
  return await served(host, 1);
}

/** Waits for the n-th start of the unit. */
async function served(host: SystemdHost, starts: number): Promise<string> {
  await until(async () => {
    const lines = await host.journal(UNIT);
    return lines.filter((line) => line.includes("Starting gRPC")).length >= starts;
  }, { what: `start ${starts} of the unit`, deadlineMs: 15_000, everyMs: 50 });
  const pid = await host.property(UNIT, "MainPID");
  return (await host.run(["cat", `/proc/${pid}/status`])).stdout;
}

/** The command of the unit with another program, or with every permission of Deno. */
async function execStart(flags?: string): Promise<string> {
  const text = await Deno.readTextFile(`${repository}/deploy/systemd/${UNIT}`);
  const [, own] = /^ExecStart=.* run (.*) src\/main\.ts /m.exec(text) ?? [];
  assert.ok(own !== undefined);
  return `ExecStart=\nExecStart=/usr/bin/deno run ${flags ?? own} /hostile/takeover.ts`;
}

/** Makes an attempt in the sidecar's place; the answer is what denied it, if anything. */
async function attempt(
  host: SystemdHost,
  command: string,
  name: string,
  more = "",
): Promise<string | undefined> {
  const dropIn = `[Unit]\nRequires=\n[Service]\n${command} ${name}\nType=oneshot\n` +
    `Restart=no\nBindReadOnlyPaths=${repository}/tests/security:/hostile\n${more}`;
  const before = (await host.journal(UNIT)).length;
  const folder = `/etc/systemd/system/${UNIT}.d`;
  const write = `mkdir -p "$1" && printf '%s' "$2" >"$1/hostile.conf" &&
    systemctl daemon-reload && systemctl start "$3"`;
  const started = await host.run(["sh", "-c", write, "sh", folder, dropIn, UNIT]);
  const lines = async () => (await host.journal(UNIT)).slice(before);
  assert.equal(started.code, 0, [started.stderr, ...await lines()].join("\n"));
  // The journal may have the line a moment after the process has ended.
  const line = await until(
    async () => (await lines()).find((line) => line.startsWith('{"kind"')),
    { what: `what came of "${name}"` },
  );
  const outcome = parseJsonObject(line);
  return stringAt(outcome, "kind") === "done"
    ? undefined
    : stringAt(outcome, "sentence");
}

/** What the host has that a hostile sidecar would like. */
async function temptations(host: SystemdHost): Promise<void> {
  const make = `echo "$1" >"$2" && chmod 644 "$2" && ip netns add "$3" &&
    mkdir -p /dev/net && mknod /dev/net/tun c 10 200 && chmod 666 /dev/net/tun`;
  const words = ["sh", "-c", make, "sh", SECRET.text, SECRET.path, NEIGHBOUR];
  const { code, stderr } = await host.run(words);
  assert.equal(code, 0, stderr);
}

/** Puts the library for ip on the host, which sees no temporary folder of the test's. */
async function carryLibrary(host: SystemdHost): Promise<void> {
  const folder = await makeLibrary();
  const bytes = await Deno.readFile(`${folder}/link_stranger.so`);
  await Deno.remove(folder, { recursive: true });
  const write = `mkdir -p "$1" && echo "$2" | base64 -d >"$1/link_stranger.so" &&
    IP_LIB_DIR="$1" ip link add x type stranger`;
  const words = ["sh", "-c", write, "sh", LIBRARY.directory, bytes.toBase64()];
  // The host's own ip does load it.
  assert.match((await host.run(words)).stderr, new RegExp(LIBRARY.text));
}

withImage("the unit", (image) => {
  Deno.test("the unit serves the agent as an ordinary user with one capability, restarts after a kill, and stops", async () => {
    await using namespace = await makeQuietNamespace();
    await addVxlan(namespace);
    await using host = await bootHost(namespace, image.rootfs);
    const status = await startUnit(host);
    assert.doesNotMatch(status, /^Uid:\s+0\s/m);
    for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) {
      assert.match(status, new RegExp(`^${set}:\\s+0000000000001000$`, "m"));
    }
    assert.match(status, /^NoNewPrivs:\s+1$/m);
    assert.match(status, /^Seccomp:\s+2$/m);
    {
      await using client = await connectClient(namespace);
      assert.deepEqual(await client.configureNodeSubnet("10.42.1.0/24"), done);
      assert.deepEqual(await client.injectRoute("10.42.2.0/24", "vxlan100"), done);
      assert.deepEqual(await client.removeRoute("10.42.3.0/24"), done);
    }
    const shown = ["10.42.2.0/24 dev vxlan100 proto 142 scope link"];
    assert.deepEqual(await routesTo(namespace, "10.42.2.0/24"), shown);
    await host.run(["systemctl", "kill", "--signal", "KILL", UNIT]);
    await namespace.ip("route del 10.42.2.0/24");
    await served(host, 2);
    assert.deepEqual(await routesTo(namespace, "10.42.2.0/24"), shown);
    await using client = await connectClient(namespace);
    assert.deepEqual(await client.removeRoute("10.42.2.0/24"), done);
    const start = performance.now();
    await host.run(["systemctl", "stop", "quilt-sidecar.socket", UNIT]);
    assert.ok(performance.now() - start < 5_000);
    assert.equal(await host.property(UNIT, "Result"), "success");
    assert.equal(await host.property(UNIT, "ExecMainStatus"), "0");
  });

  Deno.test("quilt-sidecar asks the unit's sidecar on a host that has the image alone, and leaves the image as it was", async () => {
    await using namespace = await makeQuietNamespace();
    await addVxlan(namespace);
    await using host = await bootHost(namespace, image.rootfs);
    const run = await putOnPath(host);
    const before = await run(["health"]);
    assert.equal(before.code, 1);
    assert.match(
      before.stderr,
      /^The sidecar on 127\.0\.0\.1:50051 does not answer: .*\n$/,
    );
    await startUnit(host);
    assert.deepEqual(await run(["health"]), { code: 0, stdout: "", stderr: "" });
    assert.equal((await run(["configure", "10.42.1.0/24"])).code, 0);
    await host.run([
      "sh",
      "-c",
      "echo '- {destination: 10.42.2.0/24, device: vxlan100}' >/root/a",
    ]);
    const synced = await run(["sync", "--yes", "/root/a"]);
    assert.equal(synced.code, 0, synced.stderr);
    for (const command of ["status", "routes"]) {
      const { code, stdout, stderr } = await run([command]);
      assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
      assert.match(stdout, /10\.42\.2\.0\/24/);
    }
    const { code, stdout, stderr } = await run(["doctor"]);
    assert.deepEqual({ code, stderr }, { code: 1, stderr: "" });
    assert.match(stdout, /iproute2/);
    // Deno keeps what it compiles for the operator, and not in the image's own cache.
    const log = "/opt/quilt-sidecar/deno-dir/v8_code_cache_v2-wal";
    assert.equal((await host.run(["stat", "--format", "%s", log])).stdout, "0\n");
    const kept = ["test", "-s", "/root/.cache/quilt-sidecar/v8_code_cache_v2"];
    assert.equal((await host.run(kept)).code, 0);
  });

  Deno.test("the unit without its capability logs that at the start, and answers it to each call that writes", async () => {
    await using namespace = await makeQuietNamespace();
    await addVxlan(namespace);
    await using host = await bootHost(namespace, image.rootfs, {
      [`${UNIT}.d/none.conf`]:
        "[Service]\nAmbientCapabilities=\nCapabilityBoundingSet=\n",
    });
    assert.match(await startUnit(host), /^CapEff:\s+0000000000000000$/m);
    await until(
      async () =>
        (await host.journal(UNIT)).some((line) =>
          /no-permission .*: Permission denied: .*needs CAP_NET_ADMIN/.test(line)
        ),
      { what: "the sentence in the journal" },
    );
    const words = ["journalctl", "--quiet", "--output", "cat", "--unit", UNIT];
    const urgent = await host.run([...words, "--priority", "warning"]);
    assert.match(urgent.stdout, /^WARN: no-permission /m);
    assert.doesNotMatch(urgent.stdout, /^(INFO|<\d>)/m);
    await using client = await connectClient(namespace);
    const { success, error } = await client.injectRoute("10.42.2.0/24", "vxlan100");
    assert.equal(success, false);
    assert.match(error, /^Permission denied: .* needs CAP_NET_ADMIN/);
  });

  Deno.test("a hostile sidecar under the unit can only change the network", async () => {
    await using namespace = await makeQuietNamespace();
    await using host = await bootHost(namespace, image.rootfs);
    await temptations(host);
    const command = await execStart();
    // systemd cannot tell one protocol of netlink from another.
    const open = [
      "block traffic by ip xfrm",
      "change what generic netlink keeps, by ip mptcp",
      "change links, addresses, rules and routes of the node",
    ];
    await carryLibrary(host);
    const more = `BindReadOnlyPaths=${LIBRARY.directory}\n`;
    for (const name of attemptNames) {
      const why = await attempt(host, command, name, more);
      assert.equal(why === undefined, open.includes(name), `${name}: ${why}`);
    }
  });

  Deno.test("the unit's system call filter denies only ip netns exec", async () => {
    await using namespace = await makeQuietNamespace();
    await using host = await bootHost(namespace, image.rootfs);
    await temptations(host);
    const command = await execStart("--allow-all");
    const name = "run another program by ip netns exec";
    const lifted = "User=root\nGroup=root\nCapabilityBoundingSet=~\nSecureBits=\n" +
      "AmbientCapabilities=\nTemporaryFileSystem=\nBindReadOnlyPaths=/run/netns\n";
    const why = await attempt(host, command, name, lifted);
    assert.match(why ?? "it was done", /Operation not permitted/);
    const unfiltered = "SystemCallFilter=\nRestrictNamespaces=no\n";
    const open = await attempt(host, command, name, lifted + unfiltered);
    assert.equal(open, undefined);
  });
});
