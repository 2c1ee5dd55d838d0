import assert from "node:assert/strict";
import { type CertificateFiles, makeAuthority } from "../support/certificates.ts";
import { until } from "../support/wait.ts";
import { messagesSoFar } from "./host.ts";
import { openTlsHost } from "./tls_host.ts";

Deno.test("a handshake error is a warning with its remedy, once a minute for each reason, and a bare connection is none", async () => {
  await using host = await openTlsHost();
  const { authority, directory, namespace, sidecar } = host;
  const other = await makeAuthority(directory, "other");
  const agent = await authority.issue("agent");
  const late = await authority.issue("late", { days: -1 });
  const stranger = await other.issue("stranger");
  const showing = ({ cert, key }: CertificateFiles) => ["-cert", cert, "-key", key];
  const connect = (...words: readonly string[]) => {
    const to = ["-connect", "127.0.0.1:50051", "-alpn", "h2", "-quiet"];
    return namespace.run(["timeout", "10", "openssl", "s_client", ...to, ...words]);
  };
  const open = (text: string) =>
    namespace.run(["bash", "-c", `exec 3<>/dev/tcp/127.0.0.1/50051; ${text}`]);
  await open("");
  await open("printf 'PRI * HTTP/2.0' >&3; cat <&3");
  await connect();
  await connect(...showing(late));
  await connect(...showing(stranger));
  await connect(...showing(agent), "-CAfile", other.cert, "-verify_return_error");
  const refused = "Refused a TLS client:";
  const warnings = [
    `WARN: ${refused} it does not speak TLS; connect with TLS`,
    `WARN: ${refused} it sent no certificate; give it one of a CA of --tls-ca`,
    `WARN: ${refused} its certificate has expired, is not for a client, or is not ` +
    "from a CA of --tls-ca; issue another one, or add its CA",
    `WARN: ${refused} it does not accept the certificate of --tls-cert (received ` +
    "fatal alert: UnknownCA); give it the CA of that certificate, and connect to a name " +
    "in it",
  ];
  const logged = () => messagesSoFar(sidecar).filter((line) => line.includes(refused));
  await until(() => logged().length >= warnings.length + 2, {
    what: () => `all refusals:\n${logged().join("\n")}`,
  });
  assert.deepEqual(logged().filter((line) => line.startsWith("WARN: ")), warnings);
});
