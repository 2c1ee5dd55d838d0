import assert from "node:assert/strict";
import type { CertificateFiles } from "../support/certificates.ts";
import { until } from "../support/wait.ts";
import { done, makeQuietNamespace, messagesSoFar } from "./host.ts";
import { openTlsHost, tlsCommand } from "./tls_host.ts";
import { fullTest } from "../support/suite.ts";

const UNFIT = {
  "rsa 1024": ["-newkey", "rsa:1024"],
  "rsa-pss 2048": ["-newkey", "rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048"],
};

const complaint = (kind: string): string =>
  `The key of --tls-key has an unsupported type (${kind}); use RSA of 2048 ` +
  "to 8192 bits, ECDSA on P-256, P-384 or P-521, or Ed25519";

fullTest(
  "a certificate reload with an unusable kind of key keeps the old one, logs that, and serves clients",
  async () => {
    await using host = await openTlsHost();
    const { authority, directory, sidecar } = host;
    const agent = await authority.issue("agent");
    const put = async ({ cert, key }: CertificateFiles): Promise<void> => {
      await Deno.copyFile(cert, `${directory}/tls.crt`);
      await Deno.copyFile(key, `${directory}/tls.key`);
    };
    for (const [kind, key] of Object.entries(UNFIT)) {
      await put(await authority.issue("unfit", { key }));
      const logged =
        "WARN: Cannot use the new TLS files, so the old ones stay in use: " +
        complaint(kind);
      await until(() => messagesSoFar(sidecar).includes(logged), {
        what: () => `${logged}\n${sidecar.log.join("\n")}`,
      });
      await using client = await host.connect(agent);
      assert.deepEqual(await client.injectRoute("10.42.2.0/24", "vxlan100"), done);
    }
    await put(await authority.issue("next"));
    await sidecar.logged(/INFO: Reloaded the TLS files, .*CN=next"/);
    await using client = await host.connect(agent);
    assert.deepEqual(await client.injectRoute("10.42.3.0/24", "vxlan100"), done);
  },
);

Deno.test("a start with an unusable kind of key ends with 1 and one sentence", async () => {
  await using host = await openTlsHost();
  await using namespace = await makeQuietNamespace();
  for (const [kind, key] of Object.entries(UNFIT)) {
    await host.authority.issue("tls", { key });
    const { code, stderr } = await namespace.run(tlsCommand(host.directory), {
      env: { NO_COLOR: "1" },
    });
    const logged = stderr.replace(/^\S+Z /, "");
    assert.deepEqual([code, logged], [1, `ERROR: ${complaint(kind)}\n`]);
  }
});
