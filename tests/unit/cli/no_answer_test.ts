import assert from "node:assert/strict";
import {
  describeNoAnswer,
  findReason,
  type NoAnswer,
} from "../../../src/cli/no_answer.ts";

const AUTHORITY = "127.0.0.1:50051";

const CASES: readonly (readonly [NoAnswer, string])[] = [
  [
    { kind: "absent" },
    "nothing listens there; start the sidecar, or give its address with --grpc-addr",
  ],
  [
    { kind: "not-permitted" },
    "this user may not connect; run this command as root or as the user of the sidecar",
  ],
  [
    { kind: "serves-tls" },
    "it requires TLS; give --tls-ca, and also --tls-cert and --tls-key if it requires a " +
    "client certificate",
  ],
  [
    { kind: "serves-plain" },
    "it does not use TLS; leave out the --tls options",
  ],
  [
    { kind: "tls-refused", reason: "certificate has expired" },
    "certificate has expired; check that --tls-ca is the CA of its certificate, and " +
    "whether it requires a client certificate (--tls-cert and --tls-key)",
  ],
  [{ kind: "old" }, "it does not know this call; upgrade the sidecar"],
  [
    { kind: "other", reason: "no answer came within 3 s" },
    "no answer came within 3 s; check whether the sidecar runs, and read its log",
  ],
];

for (const [why, expected] of CASES) {
  Deno.test(`a sidecar that does not answer is explained: ${why.kind}`, () => {
    const sentence = `The sidecar on ${AUTHORITY} does not answer: ${expected}`;
    assert.equal(describeNoAnswer(AUTHORITY, why), sentence);
  });
}

const TLS = { ca: undefined, own: undefined };

/** Who listens answers so, and closes. */
const SERVERS = [
  {
    what: "a sidecar without TLS",
    bytes: new TextEncoder().encode("HTTP/1.1 200 OK\r\n\r\nSERVING"),
    asked: { plain: { kind: "other", reason: "why" }, tls: { kind: "serves-plain" } },
  },
  {
    what: "a server of TLS",
    bytes: new Uint8Array([21, 3, 3, 0, 2, 2, 50]),
    asked: {
      plain: { kind: "serves-tls" },
      tls: { kind: "tls-refused", reason: "why" },
    },
  },
  {
    what: "another program",
    bytes: new TextEncoder().encode("220 mail.example ESMTP\r\n"),
    asked: {
      plain: { kind: "other", reason: "why" },
      tls: { kind: "other", reason: "why" },
    },
  },
] as const;

for (const { asked, bytes, what } of SERVERS) {
  for (const [how, tls] of [["plain", undefined], ["tls", TLS]] as const) {
    Deno.test(`findReason finds out that ${what} listens, asked ${how}`, async () => {
      const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const served = listener.accept().then(async (connection) => {
        await connection.read(new Uint8Array(1_024));
        await connection.write(bytes);
        connection.close();
      });
      const { port } = listener.addr;
      const address = { kind: "tcp", host: "127.0.0.1", port } as const;
      assert.deepEqual(await findReason({ address, tls }, "why", 5_000), asked[how]);
      await served;
      listener.close();
    });
  }
}

Deno.test("findReason finds out that nothing listens, on a port and on a Unix socket", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const addresses = [
    { kind: "tcp", host: "127.0.0.1", port },
    { kind: "unix", path: "/run/there-is-no-such.sock" },
  ] as const;
  for (const address of addresses) {
    const found = await findReason({ address, tls: undefined }, "why", 5_000);
    assert.deepEqual(found, { kind: "absent" });
  }
});
