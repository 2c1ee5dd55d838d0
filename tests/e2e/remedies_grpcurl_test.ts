/**
 * @needs go
 */
import assert from "node:assert/strict";
import { makeAuthority } from "../support/certificates.ts";
import { startQuilt } from "../support/quilt.ts";
import { goTool } from "../support/tools.ts";
import { fullTest } from "../support/suite.ts";
import { addVxlan } from "../support/namespace.ts";
import { serveCommand } from "../support/serve_task.ts";
import { startSidecar } from "../support/sidecar.ts";
import { makeAgent } from "./agent.ts";
import { done, makeQuietNamespace, openHost, routesTo } from "./host.ts";
import { printedCall, runPrinted } from "./remedies.ts";
import { openTlsHost, tlsCommand } from "./tls_host.ts";

fullTest(
  "grpcurl releases the addresses that block another subnet, with the commands that refusals print",
  async () => {
    await using host = await openHost();
    await using quilt = startQuilt(host.namespace);
    await host.client.configureNodeSubnet("10.42.1.0/24");
    for (const owner of ['it\'s-"quoted"', "$(reboot)"]) await quilt.allocate(owner);
    for (const address of ["10.42.1.2", "10.42.1.3"]) {
      const { error } = await host.client.configureNodeSubnet("10.42.2.0/24");
      const released = await runPrinted(host.namespace, printedCall(error));
      assert.match(released, new RegExp(`"address": "${address}"`));
    }
    assert.deepEqual(await host.client.configureNodeSubnet("10.42.2.0/24"), done);
  },
);

fullTest(
  "grpcurl releases such an address over TLS, with the command that the refusal prints",
  async () => {
    await using host = await openTlsHost();
    const { authority, directory, namespace } = host;
    const certificate = { cert: `${directory}/tls.crt`, key: `${directory}/tls.key` };
    await using client = await host.connect(certificate);
    await client.configureNodeSubnet("10.42.1.0/24");
    const own = ["-cacert", authority.cert, "-cert", certificate.cert];
    const options = [...own, "-key", certificate.key, "-d", '{"owner": "web-1"}'];
    const allocate = "quilt.sidecar.v1.AddressService/AllocateAddress";
    const called = [await goTool("grpcurl"), ...options, "127.0.0.1:50051", allocate];
    const { code, stderr } = await namespace.run(called);
    assert.equal(code, 0, stderr);
    const { error } = await client.configureNodeSubnet("10.42.2.0/24");
    const released = await runPrinted(namespace, printedCall(error));
    assert.match(released, /"address": "10.42.1.2"/);
    assert.deepEqual(await client.configureNodeSubnet("10.42.2.0/24"), done);
  },
);

/** How a sidecar is served, with its certificates in a directory. */
const SERVED: readonly (readonly [
  where: string,
  command: (directory: string) => readonly string[],
])[] = [
  ["on the port", () => serveCommand([])],
  ["on a Unix socket", () => serveCommand([], undefined, "serve:unix")],
  ["over mutual TLS", tlsCommand],
  ["over TLS for every client", (directory) => {
    const command = tlsCommand(directory);
    return command.toSpliced(command.indexOf("--tls-ca"), 2);
  }],
];

/** A directory with the certificates that {@linkcode tlsCommand} names. */
async function makeCertificates() {
  const path = await Deno.makeTempDir();
  await (await makeAuthority(path, "ca")).issue("tls");
  const remove = () => Deno.remove(path, { recursive: true });
  return { path, [Symbol.asyncDispose]: remove };
}

for (const [where, command] of SERVED) {
  fullTest(
    `grpcurl injects a missing route, with the command that the log of a sidecar ${where} prints`,
    async () => {
      await Deno.mkdir("/run/quilt", { recursive: true });
      await using directory = await makeCertificates();
      await using namespace = await makeQuietNamespace();
      await addVxlan(namespace);
      {
        await using _sidecar = await startSidecar(namespace);
        await using agent = await makeAgent(namespace, "10.42.1.0/24");
        assert.deepEqual(await agent.start(), done);
        await agent.synchronize([{ subnet: "10.42.2.0/24", address: "192.0.2.2" }]);
        const everyPeer = ["00:00:00:00:00:00", "dev", "vxlan100"];
        await namespace.run([
          "bridge",
          "fdb",
          "append",
          ...everyPeer,
          "dst",
          "192.0.2.3",
        ]);
      }
      await using sidecar = await startSidecar(namespace, {
        command: command(directory.path),
      });
      const printed = printedCall(
        await sidecar.logged(/WARN: missing-routes .*: vxlan100 forwards to 2 /),
      );
      const line = printed.line.replace("SUBNET", "10.42.3.0/24");
      assert.notEqual(line, printed.line);
      assert.match(
        await runPrinted(namespace, { ...printed, line }),
        /"success": true/,
      );
      assert.equal((await routesTo(namespace, "10.42.3.0/24")).length, 1);
    },
  );
}
