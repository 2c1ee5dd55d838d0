/** Each failure of a command is one sentence with a remedy, the same in every command. */
import assert from "node:assert/strict";
import { type IssueOptions, makeAuthority } from "../support/certificates.ts";
import type { Finished, Namespace } from "../support/namespace.ts";
import {
  CLIENT_COMMANDS,
  type ClientCommand,
  clientCommand,
  clientTask,
} from "../support/serve_task.ts";
import { killIfAlive } from "../support/sidecar.ts";
import { bounded, fullTest, partOf } from "../support/suite.ts";
import { until } from "../support/wait.ts";
import { makeQuietNamespace } from "./host.ts";
import { ADDRESSES, openOperatorHost, taskOf } from "./operator.ts";
import { openTlsHost, TLS_DIRECTORY } from "./tls_host.ts";

const ENV = { NO_COLOR: "1" } as const;

/** What each command needs besides its name; the sidecar is asked for nothing else. */
const WORDS: Readonly<Partial<Record<ClientCommand, readonly string[]>>> = {
  configure: ["10.42.1.0/24"],
  inject: ["10.42.2.0/24", "vxlan100"],
  remove: ["10.42.2.0/24"],
  allocate: ["web-1"],
  release: ["web-1"],
  sync: ["-", "--yes"],
};

/** Those that say it as a failure: doctor has it as a finding, a bundle as a part. */
const ASKING = CLIENT_COMMANDS.filter((name) => name !== "doctor" && name !== "bundle");

/** In the quick suite one that probes by itself, and one that calls. */
const SEVERAL = bounded<readonly ClientCommand[]>(ASKING, ["health", "status"]);

/** Asserts that a command failed with one line on standard error; returns it. */
function sentenceOf(
  { code, stderr, stdout }: Finished,
  expectedCode: number,
  what: string,
): string {
  assert.deepEqual([code, stdout], [expectedCode, ""], `${what}: ${stderr}`);
  assert.match(stderr, /^[^\n]+\n$/, `${what}: ${stderr}`);
  assert.doesNotMatch(stderr, /\bat file:|\bError\b/, `${what}: ${stderr}`);
  return stderr.trimEnd();
}

/** Asserts that every command fails with this sentence. */
async function assertAllSay(
  names: readonly ClientCommand[],
  run: (name: ClientCommand) => Promise<Finished>,
  expected: RegExp,
): Promise<void> {
  for (const name of names) {
    let sentence = "";
    const failsSo = async () => {
      sentence = sentenceOf(await run(name), 1, name);
      return expected.test(sentence);
    };
    // It waits for moments alone: on a busy machine it may have to ask again.
    if (name === "health") {
      await until(failsSo, { what: () => `another: ${sentence}` });
    } else assert.ok(await failsSo(), `${name}: ${sentence}`);
  }
}

/** A whole sentence of a sidecar that does not answer. */
function unanswered(why: string, address = ADDRESSES.port): RegExp {
  return new RegExp(`^The sidecar on ${address} does not answer: ${why}$`);
}

const ABSENT =
  "nothing listens there; start the sidecar, or give its address with --grpc-addr";

const STDIN = "- {destination: 10.42.2.0/24, device: vxlan100}\n";

function plainly(namespace: Namespace) {
  return (name: ClientCommand): Promise<Finished> =>
    namespace.run(clientCommand(name, WORDS[name]), { env: ENV, stdin: STDIN });
}

Deno.test("where nothing listens every command says that, in the same words", async () => {
  await using namespace = await makeQuietNamespace();
  await assertAllSay(SEVERAL, plainly(namespace), unanswered(ABSENT));
});

fullTest(
  "a socket that is missing and one that a killed sidecar has left are the same: nothing listens there",
  async () => {
    await using host = await openOperatorHost("unix");
    host.sidecar.kill("SIGKILL");
    await host.sidecar.status;
    const run = (name: ClientCommand) => host.run(name, WORDS[name], { stdin: STDIN });
    await assertAllSay(ASKING, run, unanswered(ABSENT, ADDRESSES.unix));
    await Deno.remove(ADDRESSES.unix.replace("unix://", ""));
    await assertAllSay(ASKING, run, unanswered(ABSENT, ADDRESSES.unix));
  },
);

Deno.test("a socket that this user may not connect to is named as such", async () => {
  await using host = await openOperatorHost("unix");
  await Deno.chmod(ADDRESSES.unix.replace("unix://", ""), 0o000);
  // As root has it who lacks the capability to pass by permissions.
  const drop = "-dac_override,-dac_read_search";
  const launcher = ["setpriv", "--inh-caps", drop, "--bounding-set", drop];
  await assertAllSay(
    SEVERAL,
    (name) =>
      host.namespace.run([...launcher, ...host.words(name, WORDS[name])], {
        env: ENV,
        stdin: STDIN,
      }),
    unanswered(
      "this user may not connect; run this command as root or as the user of the sidecar",
      ADDRESSES.unix,
    ),
  );
});

/** Programs on the sidecar's port that are none. */
const STRANGERS = {
  "a web server": 'Deno.serve({ port: 50051 }, () => new Response("hello"));',
  "a program that says nothing":
    "for await (const each of Deno.listen({ port: 50051 })) globalThis.kept = each;",
  "a program that hangs up":
    "for await (const each of Deno.listen({ port: 50051 })) each.close();",
} as const;

for (const [what, program] of Object.entries(STRANGERS)) {
  fullTest(
    `${what} on the sidecar's port does not answer as one: a sentence within some seconds`,
    async () => {
      await using namespace = await makeQuietNamespace();
      const child = namespace.command([Deno.execPath(), "eval", program], {
        stdin: "null",
        stdout: "null",
        stderr: "null",
      }).spawn();
      try {
        await until(async () => {
          const { stdout } = await namespace.run(["ss", "-Hltn", "sport = :50051"]);
          return stdout !== "";
        }, { what: `${what} to listen` });
        await assertAllSay(
          ["health", "status", "routes"],
          plainly(namespace),
          unanswered("[^;]+; check whether the sidecar runs, and read its log"),
        );
      } finally {
        killIfAlive(child, "SIGKILL");
        await child.status;
      }
    },
  );
}

/** A command in the sandbox of its task for TLS, with `--tls` options of the test's own. */
function withTls(
  name: ClientCommand,
  directory: string,
  options: readonly string[],
): readonly string[] {
  const { flags, program } = clientTask(taskOf(name, "tls"));
  const granted = flags.map((flag) => flag.replaceAll(TLS_DIRECTORY, directory));
  const words = [name, ...WORDS[name] ?? [], ...options];
  return [Deno.execPath(), "run", ...granted, program, ...words];
}

Deno.test("a sidecar that serves TLS is named as such, and so is one that does not", async () => {
  await using secure = await openTlsHost();
  await assertAllSay(
    SEVERAL,
    plainly(secure.namespace),
    unanswered(
      "it requires TLS; give --tls-ca, and also --tls-cert and --tls-key if it requires " +
        "a client certificate",
    ),
  );
  await using plain = await openOperatorHost();
  const ca = ["--tls-ca", secure.authority.cert];
  await assertAllSay(
    SEVERAL,
    (name) =>
      plain.namespace.run(withTls(name, secure.directory, ca), {
        env: ENV,
        stdin: STDIN,
      }),
    unanswered("it does not use TLS; leave out the --tls options"),
  );
});

/** The remedy if one side does not accept the certificate of the other, as a pattern. */
const LOOK =
  "check that --tls-ca is the CA of its certificate, and whether it requires a client " +
  "certificate [(]--tls-cert and --tls-key[)]";

Deno.test("a certificate that one side does not believe is named with the options to look at: another CA, none, expired", async () => {
  await using host = await openTlsHost();
  const { authority, directory, namespace } = host;
  const other = await makeAuthority(directory, "other");
  const own = await authority.issue("agent");
  const late = await authority.issue("late", { days: -1 });
  const stranger = await other.issue("stranger");
  const show = ({ cert, key }: typeof own) => ["--tls-cert", cert, "--tls-key", key];
  const cases: readonly (readonly string[])[] = [
    ["--tls-ca", other.cert, ...show(own)],
    ["--tls-ca", authority.cert],
    ["--tls-ca", authority.cert, ...show(late)],
    ["--tls-ca", authority.cert, ...show(stranger)],
    show(own),
  ];
  for (const options of partOf(cases, 2)) {
    await assertAllSay(
      ["health", "status"],
      (name) => namespace.run(withTls(name, directory, options), { env: ENV }),
      unanswered(`[^;]+; ${LOOK}`),
    );
  }
});

const UNBELIEVED: readonly (readonly [
  what: string,
  certificate: IssueOptions,
  reason: string,
])[] = [
  ["has expired", { days: -1 }, "[Ee]xpired"],
  ["is for another address", { names: "IP:10.1.1.1,DNS:localhost" }, "10[.]1[.]1[.]1"],
];

for (const [what, certificate, reason] of UNBELIEVED) {
  fullTest(`a sidecar whose own certificate ${what} is not believed`, async () => {
    await using host = await openTlsHost();
    const { authority, directory, namespace, sidecar } = host;
    const own = await authority.issue("agent");
    const other = await authority.issue("other", certificate);
    await Deno.copyFile(other.cert, `${directory}/tls.crt`);
    await Deno.copyFile(other.key, `${directory}/tls.key`);
    await sidecar.logged(/Reloaded the TLS files/);
    const mine = ["--tls-ca", authority.cert, "--tls-cert", own.cert];
    await assertAllSay(
      ["health", "status", "inject", "events"],
      (name) =>
        namespace.run(withTls(name, directory, [...mine, "--tls-key", own.key]), {
          env: ENV,
        }),
      unanswered(`.*${reason}.*; ${LOOK}`),
    );
  });
}

/** What is wrong before anything is asked: 2, and 1 for health, which has no 2. */
async function assertUsage(
  namespace: Namespace,
  words: (name: ClientCommand) => readonly string[],
  expected: RegExp,
  all: readonly ClientCommand[] = CLIENT_COMMANDS,
): Promise<void> {
  for (const name of bounded<readonly ClientCommand[]>(all, ["health", "inject"])) {
    const finished = await namespace.run(words(name), { env: ENV, stdin: STDIN });
    const sentence = sentenceOf(finished, name === "health" ? 1 : 2, name);
    assert.match(sentence, expected, name);
  }
}

Deno.test("an address that the sandbox does not grant is refused with what grants it", async () => {
  await using namespace = await makeQuietNamespace();
  await assertUsage(
    namespace,
    (name) => [...clientCommand(name, WORDS[name]), "--grpc-addr", "127.0.0.1:50052"],
    /^Cannot connect to 127\.0\.0\.1:50052: the sandbox grants only 127\.0\.0\.1:50051; start with --allow-net=127\.0\.0\.1:50052 \(see docs\/tls-and-sockets\.md\) or leave --grpc-addr out$/,
  );
});

fullTest("an address that is none is refused in every command", async () => {
  await using namespace = await makeQuietNamespace();
  await assertUsage(
    namespace,
    (name) => [...clientCommand(name, WORDS[name]), "--grpc-addr", "nowhere"],
    /^Invalid --grpc-addr "nowhere"; /,
  );
  await assertUsage(
    namespace,
    (name) => [...clientCommand(name, WORDS[name]), "--grpc-addr", "fd:3"],
    /^--grpc-addr fd:N is only for serve; give the address of that socket$/,
  );
});

Deno.test("a file of certificates that cannot be read, or has none, is named with what to do", async () => {
  await using namespace = await makeQuietNamespace();
  const directory = await Deno.makeTempDir();
  const authority = await makeAuthority(directory, "ca");
  const empty = `${directory}/empty.pem`;
  await Deno.writeTextFile(empty, "no certificate");
  const ca = ["--tls-ca", authority.cert];
  const key = authority.cert.replace(".crt", ".key");
  const cases: readonly (readonly [options: readonly string[], expected: RegExp])[] = [
    [
      ["--tls-ca", `${directory}/nobody.crt`],
      /^Cannot read \/\S+\/nobody\.crt: there is no such file[^\n]*$/,
    ],
    [
      ["--tls-ca", "/etc/elsewhere/ca.crt"],
      /^Cannot read \/etc\/elsewhere\/ca\.crt: the sandbox does not grant it; start with --allow-read=\/etc\/elsewhere \(see docs\/tls-and-sockets\.md\)$/,
    ],
    [
      [...ca, "--tls-cert", authority.cert],
      /^--tls-cert and --tls-key belong together; give both or neither$/,
    ],
    [["--tls-ca", directory], /^Cannot read \/\S+: /],
    [
      ["--tls-ca", empty],
      /^\/\S+\/empty\.pem is not a certificate in PEM; check --tls-ca$/,
    ],
    [
      [...ca, "--tls-cert", key, "--tls-key", key],
      /^\/\S+\/ca\.key is not a certificate in PEM; check --tls-cert$/,
    ],
    [
      [...ca, "--tls-cert", authority.cert, "--tls-key", authority.cert],
      /^\/\S+\/ca\.crt is not a private key in PEM without a passphrase; check --tls-key$/,
    ],
  ];
  try {
    for (const [options, expected] of partOf(cases, 3)) {
      await assertUsage(
        namespace,
        (name) => withTls(name, directory, options),
        expected,
        ["health", "status", "sync"],
      );
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

fullTest("TLS options with a Unix socket are refused", async () => {
  await using namespace = await makeQuietNamespace();
  const { flags, program } = clientTask("status:unix");
  const words = ["status", "--grpc-addr", ADDRESSES.unix, "--tls-ca", "/ca.crt"];
  const finished = await namespace.run(
    [Deno.execPath(), "run", ...flags, program, ...words],
    { env: ENV },
  );
  assert.equal(
    sentenceOf(finished, 2, "status"),
    "TLS needs a TCP address; leave out the --tls options for a Unix socket",
  );
});
