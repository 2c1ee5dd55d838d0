/**
 * @needs go image
 */
import assert from "node:assert/strict";
import { done, makeQuietNamespace } from "../../e2e/host.ts";
import { type Answer, connectClient, GrpcStatusError } from "../../support/client.ts";
import { makeAuthority } from "../../support/certificates.ts";
import { withImage } from "../../support/image.ts";
import { repository } from "../../support/serve_task.ts";
import { goTool } from "../../support/tools.ts";
import { addVxlan } from "../../support/namespace.ts";
import { until } from "../../support/wait.ts";
import { bootHost, putOnPath, type SystemdHost } from "../../support/systemd.ts";

const UNIT = "quilt-sidecar.service";
const SOCKET = "quilt-sidecar.socket";

withImage("the socket unit", (image) => {
  Deno.test({
    name:
      "a restart under the socket unit loses no call, and a kill only the one in flight",
    fn: async () => {
      await using namespace = await makeQuietNamespace();
      await addVxlan(namespace);
      await using host = await bootHost(namespace, image.rootfs);
      const started = await host.run(["systemctl", "start", SOCKET]);
      assert.equal(started.code, 0, started.stderr);
      // Nobody has started the service: the first call does.
      await using client = await connectClient(namespace);
      let calls = 0;
      let stopped = false;
      const failures: string[] = [];
      const calling = (async () => {
        while (!stopped) {
          calls += 1;
          await count(client.injectRoute("10.42.2.0/24", "vxlan100"), failures);
        }
      })();
      for (let round = 0; round < 10; round += 1) {
        const { code, stderr } = await host.run(["systemctl", "restart", UNIT]);
        assert.equal(code, 0, stderr);
      }
      assert.deepEqual(failures, []);
      // More of them than systemd allows by default.
      for (let round = 0; round < 10; round += 1) {
        const before = calls;
        failures.length = 0;
        const besides: string[] = [];
        await host.run(["systemctl", "kill", "--signal", "KILL", UNIT]);
        while (calls <= before + 1) {
          await count(client.removeRoute("10.42.3.0/24"), besides);
        }
        // Each of the two has one call in flight at most.
        for (const failed of [failures, besides]) {
          assert.ok(failed.length <= 1, failed.join("\n"));
        }
      }
      stopped = true;
      await calling;
      assert.equal(
        await host.property(SOCKET, "ActiveState"),
        "active",
      );
    },
  });

  Deno.test({
    name: "the Unix variant of the socket unit serves root, and no other user",
    fn: async () => {
      await using namespace = await makeQuietNamespace();
      const variant = `${repository}/deploy/systemd/variants/unix-socket.conf`;
      await using host = await bootHost(namespace, image.rootfs, {
        [`${SOCKET}.d/unix-socket.conf`]: await Deno.readTextFile(variant),
      });
      const started = await host.run(["systemctl", "start", SOCKET]);
      assert.equal(started.code, 0, started.stderr);
      const patient = ["-connect-timeout", "10s", "-rpc-timeout", "10s"];
      const probe = [await goTool("grpc-health-probe"), ...patient, "-addr"];
      await serves(host, [...probe, "unix:///run/quilt/sidecar.sock"]);
      const mode = ["stat", "--format", "%U %a", "/run/quilt/sidecar.sock"];
      assert.equal((await host.run(mode)).stdout, "root 600\n");
      const elsewhere = [await goTool("grpc-health-probe"), "-addr", "127.0.0.1:50051"];
      assert.notEqual((await host.run(elsewhere)).code, 0);
      const run = await putOnPath(host);
      const { code, stderr } = await run([
        ...["status", "--grpc-addr", "unix:///run/quilt/sidecar.sock"],
      ]);
      assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
    },
  });

  Deno.test("the TLS variant of the unit answers only a client with a certificate of the CA", async () => {
    await using namespace = await makeQuietNamespace();
    const variant = `${repository}/deploy/systemd/variants/tls.conf`;
    await using host = await bootHost(namespace, image.rootfs, {
      [`${UNIT}.d/tls.conf`]: await Deno.readTextFile(variant),
    });
    const folder = await Deno.makeTempDir();
    const authority = await makeAuthority(folder, "ca");
    const server = await authority.issue("tls");
    const agent = await authority.issue("agent");
    for (
      const path of [authority.cert, server.cert, server.key, agent.cert, agent.key]
    ) {
      await place(host, path);
    }
    await Deno.remove(folder, { recursive: true });
    const started = await host.run(["systemctl", "start", SOCKET]);
    assert.equal(started.code, 0, started.stderr);
    const probe = [
      ...[await goTool("grpc-health-probe"), "-addr", "127.0.0.1:50051"],
      ...["-connect-timeout", "10s", "-rpc-timeout", "10s"],
      ...["-tls", "-tls-ca-cert", "/etc/quilt/tls/ca.crt"],
    ];
    const own = ["-tls-client-cert", "/etc/quilt/tls/agent.crt"];
    const key = ["-tls-client-key", "/etc/quilt/tls/agent.key"];
    await serves(host, [...probe, ...own, ...key]);
    assert.notEqual((await host.run(probe)).code, 0);
    const run = await putOnPath(host);
    const tls = ["--tls-ca", "/etc/quilt/tls/ca.crt"];
    const pair = ["cert", "key"].flatMap((kind, at) => [
      ...[`--tls-${kind}`, `/etc/quilt/tls/agent.${["crt", "key"][at]}`],
    ]);
    const asked = await run(["status", ...tls, ...pair]);
    assert.deepEqual([asked.code, asked.stderr], [0, ""]);
    assert.equal((await run(["health", ...tls])).code, 1);
  });
});

/** Probes until the unit serves; its socket accepts a probe while it still starts. */
async function serves(host: SystemdHost, probe: readonly string[]): Promise<void> {
  const NOT_SERVING = 4;
  let printed = "";
  await until(async () => {
    const { code, stderr } = await host.run(probe);
    printed = stderr;
    if (code !== NOT_SERVING) assert.equal(code, 0, stderr);
    return code === 0;
  }, { what: () => `the unit to serve; the probe prints ${printed}` });
}

/** A call that must succeed, unless it ends with a gRPC status: that is counted. */
async function count(call: Promise<Answer>, failures: string[]): Promise<void> {
  try {
    assert.deepEqual(await call, done);
  } catch (error) {
    if (!(error instanceof GrpcStatusError)) throw error;
    failures.push(error.message);
  }
}

/** Puts a file into the host's /etc/quilt/tls, for the service's group to read. */
async function place(host: SystemdHost, path: string): Promise<void> {
  const put = `mkdir -p /etc/quilt/tls && printf '%s' "$1" >"/etc/quilt/tls/$2" &&
    chgrp quilt-sidecar "/etc/quilt/tls/$2" && chmod 640 "/etc/quilt/tls/$2"`;
  const text = await Deno.readTextFile(path);
  const { code, stderr } = await host.run([
    ...["sh", "-c", put, "sh", text, path.slice(path.lastIndexOf("/") + 1)],
  ]);
  assert.equal(code, 0, stderr);
}
