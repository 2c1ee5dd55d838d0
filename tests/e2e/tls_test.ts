import assert from "node:assert/strict";
import { type CertificateFiles, makeAuthority } from "../support/certificates.ts";
import { until } from "../support/wait.ts";
import { auditRecords, done, makeQuietNamespace, messagesSoFar } from "./host.ts";
import { ENDED, greet } from "./tls_greeting.ts";
import { openTlsHost, tlsCommand, type TlsHost } from "./tls_host.ts";
import { fullTest, partOf } from "../support/suite.ts";

function showing({ cert, key }: CertificateFiles): readonly string[] {
  return ["-cert", cert, "-key", key];
}

/** Whom the certificate is for that the sidecar shows. */
async function shownName({ authority, namespace }: TlsHost): Promise<string> {
  const { stdout } = await namespace.run([
    ...["openssl", "s_client", "-connect", "127.0.0.1:50051"],
    ...["-CAfile", authority.cert, "-verify_return_error"],
  ]);
  return /^subject=.*CN = (\S+)$/m.exec(stdout)?.[1] ?? stdout;
}

Deno.test("a client with a certificate of the CA is served over mutual TLS, and the audit log has its subject", async () => {
  await using host = await openTlsHost();
  const subject = `/C=IT/O=Quilt, Inc/CN=agent "1"\n{}`;
  const certificate = await host.authority.issue("agent", { subject });
  await using client = await host.connect(certificate);
  assert.deepEqual(await client.injectRoute("10.42.2.0/24", "vxlan100"), done);
  // Its trail is complete when it has ended.
  assert.equal((await host.sidecar.stop()).code, 0, host.sidecar.log.join("\n"));
  const records = auditRecords(host.sidecar);
  assert.ok(records.length > 0);
  for (const record of records) {
    assert.match(String(record["peer"]), /^127\.0\.0\.1:\d+$/);
    assert.equal(
      record["subject"],
      String.raw`CN=agent \"1\"\u000a{},O=Quilt\, Inc,C=IT`,
    );
  }
});

Deno.test("a client without a valid certificate of the CA receives nothing: no certificate, another CA, expired", async () => {
  await using host = await openTlsHost();
  const { authority, directory, namespace, sidecar } = host;
  const other = await makeAuthority(directory, "other");
  const right = await authority.issue("right");
  assert.equal(await greet(namespace, showing(right)), "answered");
  assert.match(await greet(namespace, []), ENDED);
  assert.match(await greet(namespace, showing(await other.issue("stranger"))), ENDED);
  const late = await authority.issue("late", { days: -1 });
  assert.match(await greet(namespace, showing(late)), ENDED);
  await sidecar.logged(/DEBUG: Refused a TLS client: .*certificate/);
  // Nor is who does not speak TLS: an alert at most, and the end.
  const plain = await namespace.run([
    ...["timeout", "10", "bash", "-c"],
    "exec 3<>/dev/tcp/127.0.0.1/50051; printf 'PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n' >&3; cat <&3",
  ]);
  assert.notEqual(plain.code, 124, "it waits on");
  assert.ok(plain.stdout === "" || plain.stdout.startsWith("\x15"), plain.stdout);
});

/** Without it openssl itself would not offer the old versions. */
const OLD = ["-cipher", "DEFAULT@SECLEVEL=0"];

for (const version of partOf(["-tls1_1", "-tls1"], 1)) {
  Deno.test(`openssl s_client ${version} is refused, although it offers that version`, async () => {
    await using host = await openTlsHost();
    const { authority, namespace } = host;
    const right = await authority.issue("right");
    const words = [version, ...OLD, ...showing(right)];
    assert.match(await greet(namespace, words), ENDED);
    const files = [...showing(right), "-accept", "50052", "-quiet"];
    const child = namespace.command(["openssl", "s_server", ...OLD, ...files], {
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const control = ["openssl", "s_client", "-connect", "127.0.0.1:50052", ...words];
    await until(
      async () => /^ +Protocol +: TLSv1/m.test((await namespace.run(control)).stdout),
      {
        what: `openssl's own server to be spoken to in ${version}`,
      },
    );
    child.kill();
    await child.status;
  });
}

for (const version of partOf(["-tls1_3", "-tls1_2"], 1)) {
  Deno.test(`openssl s_client ${version} is served`, async () => {
    await using host = await openTlsHost();
    const words = [version, ...OLD, ...showing(await host.authority.issue("right"))];
    assert.equal(await greet(host.namespace, words), "answered");
  });
}

/** Lays the files out as Kubernetes does, where one link decides which are seen. */
async function seeThroughLinks(directory: string): Promise<void> {
  await Deno.mkdir(`${directory}/..first`);
  for (const name of ["tls.crt", "tls.key"]) {
    await Deno.rename(`${directory}/${name}`, `${directory}/..first/${name}`);
    await Deno.symlink(`..data/${name}`, `${directory}/${name}`);
  }
  await Deno.symlink("..first", `${directory}/..data`);
}

/** Changes the link to other files, in one step. */
async function swap(directory: string, { cert, key }: CertificateFiles, to: string) {
  await Deno.mkdir(`${directory}/${to}`);
  await Deno.copyFile(cert, `${directory}/${to}/tls.crt`);
  await Deno.copyFile(key, `${directory}/${to}/tls.key`);
  await Deno.symlink(to, `${directory}/..next`);
  await Deno.rename(`${directory}/..next`, `${directory}/..data`);
}

Deno.test("a certificate reload under load, as Kubernetes does it, fails no call", async () => {
  await using host = await openTlsHost({ prepare: seeThroughLinks });
  const { authority, directory, sidecar } = host;
  const agent = await authority.issue("agent");
  await using client = await host.connect(agent);
  let [over, calls, connections] = [false, 0, 0];
  const callOnAndOn = async (): Promise<void> => {
    for (; !over; calls += 1) {
      assert.deepEqual(await client.injectRoute("10.42.2.0/24", "vxlan100"), done);
    }
  };
  const connectOnAndOn = async (): Promise<void> => {
    for (; !over; connections += 1) {
      await using another = await host.connect(agent);
      assert.deepEqual(await another.injectRoute("10.42.3.0/24", "vxlan100"), done);
    }
  };
  const load = Promise.all([callOnAndOn(), connectOnAndOn()]);
  for (const name of partOf(["second", "third", "fourth"], 1)) {
    await swap(directory, await authority.issue(name), `..${name}`);
    await sidecar.logged(new RegExp(`INFO: Reloaded the TLS files, .*CN=${name}"`));
    assert.equal(await shownName(host), name);
    const before = { calls, connections };
    await until(
      () => calls > before.calls + 33 && connections > before.connections,
      { what: "calls and connections after the reload" },
    );
  }
  over = true;
  await load;
});

fullTest(
  "a certificate reload with a broken pair keeps the old one, logs that once, and uses the next good one",
  async () => {
    await using host = await openTlsHost();
    const { authority, directory, namespace, sidecar } = host;
    const agent = await authority.issue("agent");
    const next = await authority.issue("next");
    const breakings = [
      () => Deno.copyFile(next.key, `${directory}/tls.key`),
      () => Deno.writeTextFile(`${directory}/tls.key`, "nothing"),
      () => Deno.truncate(`${directory}/tls.crt`, 100),
      () => Deno.remove(`${directory}/tls.crt`),
    ];
    const complaints = () =>
      messagesSoFar(sidecar).filter((line) =>
        line.startsWith("WARN: Cannot use the new TLS files")
      );
    for (const [at, breakIt] of breakings.entries()) {
      await breakIt();
      await until(() => complaints().length === at + 1, {
        what: () => `${at + 1} complaints: ${complaints().join("\n")}`,
      });
      assert.equal(await greet(namespace, showing(agent)), "answered");
      assert.equal(await shownName(host), "tls");
    }
    await Deno.copyFile(next.cert, `${directory}/tls.crt`);
    await Deno.copyFile(next.key, `${directory}/tls.key`);
    await sidecar.logged(/INFO: Reloaded the TLS files, .*CN=next"/);
    assert.equal(await shownName(host), "next");
    const stay = "WARN: Cannot use the new TLS files, so the old ones stay in use: ";
    assert.deepEqual(complaints(), [
      `${stay}The key of --tls-key does not belong to the certificate`,
      `${stay}The file of --tls-key is not a PEM private key without a passphrase`,
      `${stay}The file of --tls-cert is not a PEM certificate`,
      `${stay}Cannot read ${directory}/tls.crt: there is no such file`,
    ]);
  },
);

Deno.test("a start with unusable TLS files ends with 1 and one sentence, and changes nothing", async () => {
  await using stack = new AsyncDisposableStack();
  const directory = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(directory, { recursive: true }));
  const authority = await makeAuthority(directory, "ca");
  await authority.issue("tls");
  await using namespace = await makeQuietNamespace();
  const start = async (words: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await namespace.run(words, {
      env: { NO_COLOR: "1" },
    });
    assert.deepEqual([code, stdout], [1, ""], stderr);
    return stderr.replace(/^\S+Z /, "");
  };
  const words = tlsCommand(directory);
  assert.equal(
    await start(words.map((word) => word.replace("ca.crt", "nobody.crt"))),
    `ERROR: Cannot read ${directory}/nobody.crt: there is no such file\n`,
  );
  assert.equal(
    await start(words.map((word) => word.replace(/^.*tls\.key/, "/etc/hostname"))),
    "ERROR: Cannot read /etc/hostname: the sandbox does not grant it; " +
      "start with --allow-read=/etc (see docs/tls-and-sockets.md)\n",
  );
  assert.equal(
    await start(words.map((word) => word.replace("ca.crt", "tls.key"))),
    "ERROR: The file of --tls-ca is not a PEM certificate\n",
  );
});
