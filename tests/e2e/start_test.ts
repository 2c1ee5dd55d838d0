import assert from "node:assert/strict";
import { runToEnd } from "../support/namespace.ts";
import { serveCommand, serveCommandInPath } from "../support/serve_task.ts";
import { serveToEnd, startSidecar } from "../support/sidecar.ts";
import { allRoutes, changesIn, done, makeQuietNamespace, openHost } from "./host.ts";
import { watchRoutes } from "./route_watch.ts";
import { partOf } from "../support/suite.ts";

/** Options that `serve` must refuse with exit code 2, and the line that it prints. */
const wrongUse: readonly (readonly [options: readonly string[], sentence: RegExp])[] = [
  [
    ["--grpc-adr", "127.0.0.1:50051"],
    /^Unknown option "--grpc-adr"; did you mean --grpc-addr\?$/,
  ],
  [["--log-level", "loud"], /^Invalid --log-level "loud"; use one of trace, .*error$/],
  [
    ["--log-format", "xml"],
    /^Invalid --log-format "xml"; use one of text, json, journald$/,
  ],
  [["--log-level"], /^--log-level needs a value/],
  [["--grpc-addr", "50051"], /^Invalid --grpc-addr "50051"; use .*127\.0\.0\.1:50051$/],
  [
    ["--grpc-addr", "127.0.0.1:70000"],
    /^Invalid --grpc-addr "127\.0\.0\.1:70000"; use /,
  ],
  [
    ["--cluster-cidr", "10.42.0.0"],
    /^Invalid cluster CIDR format: "10\.42\.0\.0"; use /,
  ],
  [
    ["--cluster-cidr", "10.42.0.1/16"],
    /host bits set; use --cluster-cidr 10\.42\.0\.0\/16$/,
  ],
  [["--node-prefix", "8"], /^Invalid node prefix 8; .* from 16 to 30$/],
  [["--node-prefix", "x\ny"], /^Invalid --node-prefix "x\\ny"; use a whole number/],
  [["--dry-run=yes"], /^--dry-run takes no value, got "yes"$/],
  [["now"], /^Unexpected argument "now"; serve takes only options$/],
  [
    ["--grpc-addr", "127.0.0.1:50052"],
    /^\S+ ERROR: Cannot listen on 127\.0\.0\.1:50052: .* --allow-net=127\.0\.0\.1:50052 /,
  ],
];

for (const [options, sentence] of partOf(wrongUse, 3)) {
  const shown = JSON.stringify(options.join(" "));
  Deno.test(`serve ${shown} ends with 2 and one sentence that names the remedy`, async () => {
    await using namespace = await makeQuietNamespace();
    const { code, stdout, stderr } = await serveToEnd(namespace, options);
    assert.equal(code, 2, stderr);
    assert.equal(stdout, "");
    assert.match(stderr, /^[^\n]+\n$/, "one line");
    assert.match(stderr.trimEnd(), sentence);
  });
}

for (const options of partOf([[], ["--remove-routes-on-exit"]], 1)) {
  const words = ["serve", ...options].join(" ");
  Deno.test(`a second "${words}" finds its port in use: it ends with 1 and one sentence that says how to find the first, and writes nothing`, async () => {
    await using first = await openHost();
    const { client, namespace, sidecar } = first;
    assert.deepEqual(await client.injectRoute("10.42.2.0/24", "vxlan100"), done);
    // A route of ours without a record: a start finds something to write.
    await namespace.ip("route add 10.42.9.0/24 dev vxlan100 proto 142");
    const before = await allRoutes(namespace);
    await using watch = await watchRoutes(namespace);
    const { code, stdout, stderr } = await serveToEnd(namespace, options);
    assert.equal(code, 1, stderr);
    // An empty audit trail: it changed nothing before it found out.
    assert.equal(stdout, "");
    const errors = stderr.split("\n").filter((line) => !line.includes("Z INFO: "));
    assert.match(
      errors.join("\n"),
      /^\S+Z ERROR: Cannot listen on 127\.0\.0\.1:50051: the port is in use; [^\n]*ss -ltnp[^\n]*\n$/,
    );
    assert.deepEqual(await watch.seen(), []);
    assert.equal(await allRoutes(namespace), before);
    assert.deepEqual(await client.injectRoute("10.42.2.0/24", "vxlan100"), done);
    assert.equal((await sidecar.stop()).code, 0);
    await using _next = await startSidecar(namespace);
    const written = await watch.seen();
    assert.ok(written.some((line) => line.includes("unreachable 10.42.9.0/24")));
  });
}

Deno.test("a start without ip in PATH ends with 1 and one sentence that names iproute2", async () => {
  await using namespace = await makeQuietNamespace();
  const env = { NO_COLOR: "1" };
  const { code, stdout, stderr } = await namespace.run(serveCommandInPath([]), { env });
  assert.equal(code, 1, stderr);
  assert.deepEqual(changesIn(stdout), []);
  // Deno itself reports that the grant names a program that is not there.
  const ours = stderr.split("\n").filter((line) => !line.startsWith("Info "));
  assert.match(ours.join("\n"), /^\S+Z ERROR: [^\n]*\bip\b[^\n]*iproute2[^\n]*\n$/);
});

Deno.test("serve --help prints every option on stdout and ends with 0", async () => {
  const { code, stdout, stderr } = await runToEnd(serveCommand(["--help"]));
  assert.equal(code, 0);
  assert.equal(stderr, "");
  for (
    const option of [
      "grpc-addr",
      "log-level",
      "log-format",
      "cluster-cidr",
      "node-prefix",
    ]
  ) {
    assert.match(stdout, new RegExp(`--${option} `));
  }
  assert.match(stdout, /--dry-run/);
  assert.match(stdout, /--remove-routes-on-exit/);
});
