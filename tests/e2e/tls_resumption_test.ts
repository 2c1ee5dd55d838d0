import assert from "node:assert/strict";
import { makeAuthority } from "../support/certificates.ts";
import { until } from "../support/wait.ts";
import { openTlsHost } from "./tls_host.ts";
import { partOf } from "../support/suite.ts";

/** What every HTTP/2 client sends first: the preface and an empty SETTINGS frame. */
const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

for (const version of partOf(["-tls1_3", "-tls1_2"], 1)) {
  Deno.test(`a client cannot resume a session of ${version} after its CA was removed from ca.crt`, async () => {
    await using host = await openTlsHost();
    const { authority, directory, namespace, sidecar } = host;
    const isAnswered = async (words: readonly string[]): Promise<boolean> => {
      const to = ["-connect", "127.0.0.1:50051", "-alpn", "h2", "-quiet", version];
      const { stdout } = await namespace.run(
        ["timeout", "1", "openssl", "s_client", ...to, ...words],
        { stdin: PREFACE },
      );
      return stdout !== "";
    };
    const { cert, key } = await authority.issue("agent");
    const agent = ["-cert", cert, "-key", key];
    const session = (name: string) => `${directory}/${name}.session`;
    for (const name of ["first", "second"]) {
      assert.equal(await isAnswered([...agent, "-sess_out", session(name)]), true);
    }
    assert.equal(await isAnswered(["-sess_in", session("first")]), true);
    const other = await makeAuthority(directory, "other");
    await Deno.copyFile(other.cert, authority.cert);
    await sidecar.logged(/INFO: Reloaded the TLS files/);
    assert.equal(await isAnswered(agent), false);
    assert.equal(await isAnswered(["-sess_in", session("second")]), false);
    await until(
      () => sidecar.log.some((line) => /Refused a TLS client: .*session/.test(line)),
      { what: () => `the reason:\n${sidecar.log.join("\n")}` },
    );
  });
}
