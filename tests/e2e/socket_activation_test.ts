import assert from "node:assert/strict";
import { connectClient } from "../support/client.ts";
import { type HeldAddress, holdSocket } from "../support/held_socket.ts";
import { addVxlan, type Namespace } from "../support/namespace.ts";
import { serveToEnd, type Sidecar, startSidecar } from "../support/sidecar.ts";
import { auditRecords, done, makeQuietNamespace } from "./host.ts";
import { fullTest } from "../support/suite.ts";

const OPTIONS = ["--grpc-addr", "fd:3"];

async function makeHost(): Promise<Namespace> {
  const namespace = await makeQuietNamespace();
  await addVxlan(namespace);
  return namespace;
}

const kinds: readonly (readonly [
  what: string,
  held: HeldAddress,
  address: string,
  peer: RegExp,
  logged: string,
])[] = [
  [
    "TCP",
    { port: 50051 },
    "127.0.0.1:50051",
    /^127\.0\.0\.1:\d+$/,
    "127.0.0.1:50051",
  ],
  ["Unix", { path: "/run/held.sock" }, "unix:///run/held.sock", /^fd:3#1$/, "fd:3"],
];

for (const [what, held, address, peer, logged] of kinds) {
  Deno.test(`the serve task serves on a ${what} socket of a socket activation, with its two grants`, async () => {
    await using namespace = await makeHost();
    using socket = holdSocket(namespace, held);
    const { launcher } = socket;
    await using sidecar = await startSidecar(namespace, { launcher, options: OPTIONS });
    assert.ok(
      sidecar.log.some((line) => line.endsWith(`Starting gRPC server on ${logged}`)),
      sidecar.log.join("\n"),
    );
    await using client = await connectClient(namespace, address);
    assert.deepEqual(await client.injectRoute("10.42.2.0/24", "vxlan100"), done);
    // Its trail is complete when it has ended.
    assert.equal((await sidecar.stop()).code, 0, sidecar.log.join("\n"));
    const records = auditRecords(sidecar);
    assert.ok(records.length > 0);
    for (const record of records) assert.match(String(record["peer"]), peer);
  });

  fullTest(
    `a call on a held ${what} socket without a sidecar waits for the next one`,
    async () => {
      await using namespace = await makeHost();
      using socket = holdSocket(namespace, held);
      const { launcher } = socket;
      const start = (): Promise<Sidecar> =>
        startSidecar(namespace, { launcher, options: OPTIONS });
      await using first = await start();
      await using client = await connectClient(namespace, address);
      assert.deepEqual(await client.injectRoute("10.42.2.0/24", "vxlan100"), done);
      assert.equal((await first.stop()).code, 0);
      const waiting = client.injectRoute("10.42.3.0/24", "vxlan100");
      await using _next = await start();
      assert.deepEqual(await waiting, done);
    },
  );
}

Deno.test("a start on a descriptor that is no listening socket ends with 1 and one sentence", async () => {
  await using namespace = await makeHost();
  const remedy = "pass a listening socket as systemd does for a " +
    ".socket unit (sd_listen_fds(3))\n";
  const nothing = await serveToEnd(namespace, ["--grpc-addr", "fd:99"]);
  const file = await serveToEnd(namespace, OPTIONS);
  for (const { code, stderr, stdout } of [nothing, file]) {
    assert.deepEqual([code, stdout], [1, ""], stderr);
    assert.match(stderr, /^\S+Z ERROR: Cannot listen on fd:\d+: E[A-Z]+: [^;\n]+; /);
    assert.ok(stderr.endsWith(remedy), stderr);
  }
});
