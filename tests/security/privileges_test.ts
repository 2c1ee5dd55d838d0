import assert from "node:assert/strict";
import { connectClient } from "../support/client.ts";
import { addVxlan, runToEnd } from "../support/namespace.ts";
import { serveCommand } from "../support/serve_task.ts";
import { startSidecar } from "../support/sidecar.ts";
import {
  allRoutes,
  auditRecords,
  done,
  makeQuietNamespace,
  openHost,
} from "../e2e/host.ts";

const denied = /^Permission denied: .*needs CAP_NET_ADMIN.*/;

Deno.test("the sidecar without CAP_NET_ADMIN logs that at the start, every RPC that writes answers it, and no table changes", async () => {
  await using host = await openHost({
    before: ["route add 10.42.9.0/24 dev vxlan100"],
    launcher: ["setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin"],
  });
  const { client, namespace, sidecar } = host;
  await sidecar.logged(/no-permission .*: Permission denied: .*needs CAP_NET_ADMIN/);
  const before = await allRoutes(namespace);
  for (
    const { success, error } of [
      await client.configureNodeSubnet("10.42.1.0/24"),
      await client.injectRoute("10.42.2.0/24", "vxlan100"),
      await client.injectRoute("10.42.9.0/24", "vxlan100"),
      await client.removeRoute("10.42.9.0/24"),
    ]
  ) {
    assert.equal(success, false);
    assert.match(error, denied);
  }
  // Nothing is to be written here, so nothing is to be permitted.
  assert.deepEqual(await client.removeRoute("10.42.3.0/24"), done);
  assert.equal(await allRoutes(namespace), before);
  assert.equal((await sidecar.stop()).code, 0);
  for (const line of sidecar.log) assert.match(line, /^\S+Z (INFO|WARN|ERROR): /);
  const outcomes = new Set(auditRecords(sidecar).map((record) => record["outcome"]));
  assert.deepEqual([...outcomes], ["failed"]);
});

const onlyNetAdmin = [
  "--inh-caps",
  "-all,+net_admin",
  "--bounding-set",
  "-all,+net_admin",
  "--no-new-privs",
];

Deno.test("the sidecar works as uid 0 with CAP_NET_ADMIN as its only capability", async () => {
  await using host = await openHost({ launcher: ["setpriv", ...onlyNetAdmin] });
  const { client, namespace, sidecar } = host;
  const status = await Deno.readTextFile(`/proc/${sidecar.pid}/status`);
  assert.match(status, /^CapEff:\s+0000000000001000$/m);
  assert.deepEqual(await client.configureNodeSubnet("10.42.1.0/24"), done);
  assert.deepEqual(await client.injectRoute("10.42.2.0/24", "vxlan100"), done);
  assert.match(await namespace.ip("route show"), /^10\.42\.2\.0\/24 dev vxlan100 /);
  assert.deepEqual(await client.removeRoute("10.42.2.0/24"), done);
  assert.equal((await sidecar.stop()).code, 0);
  assert.doesNotMatch(sidecar.log.join("\n"), /Permission denied/);
});

/** A user namespace of an ordinary user has only the one identity. */
const hasOtherUsers = !/^\s*0\s+\d+\s+1\s*$/.test(
  Deno.readTextFileSync("/proc/self/uid_map"),
);

/**
 * Deno and its cached dependencies where another user can reach them: npx keeps both
 * below the home folder of the user who runs the tests, which may be closed to others.
 */
async function readableDeno(): Promise<
  AsyncDisposable & { readonly program: string; readonly cache: string }
> {
  const info = await runToEnd([Deno.execPath(), "info", "--json"]);
  const found = /"denoDir": *"([^"]+)"/.exec(info.stdout)?.[1];
  assert.ok(found !== undefined, info.stdout);
  const folder = await Deno.makeTempDir();
  const [program, cache] = [`${folder}/deno`, `${folder}/cache`];
  for (
    const words of [
      ["cp", Deno.execPath(), program],
      // The packages alone: beside them are databases, whose files come and go while
      // other tests run.
      ["mkdir", cache],
      ["cp", "-r", `${found}/npm`, cache],
      ["chmod", "-R", "a+rwX", folder],
    ]
  ) {
    const copied = await runToEnd(words);
    assert.equal(copied.code, 0, copied.stderr);
  }
  return {
    program,
    cache,
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

Deno.test({
  name:
    "the sidecar works as an ordinary user with CAP_NET_ADMIN as its ambient capability",
  ignore: !hasOtherUsers,
  fn: async () => {
    await using deno = await readableDeno();
    await using namespace = await makeQuietNamespace();
    await addVxlan(namespace);
    await using sidecar = await startSidecar(namespace, {
      env: { DENO_DIR: deno.cache },
      command: serveCommand([]).map((word) =>
        word === Deno.execPath() ? deno.program : word
      ),
      launcher: [
        ...["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"],
        ...onlyNetAdmin,
        ...["--ambient-caps", "-all,+net_admin"],
      ],
    });
    const status = await Deno.readTextFile(`/proc/${sidecar.pid}/status`);
    assert.match(status, /^Uid:\s+65534\s/m);
    await using client = await connectClient(namespace);
    assert.deepEqual(await client.configureNodeSubnet("10.42.1.0/24"), done);
    assert.deepEqual(await client.injectRoute("10.42.2.0/24", "vxlan100"), done);
    assert.match(await namespace.ip("route show"), /^10\.42\.2\.0\/24 dev vxlan100 /);
    assert.deepEqual(await client.removeRoute("10.42.2.0/24"), done);
  },
});
