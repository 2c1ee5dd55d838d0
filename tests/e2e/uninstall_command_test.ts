/** The command `uninstall` takes away everything that is ours in the kernel. */
import assert from "node:assert/strict";
import { parseJsonObject } from "../../deploy/json.ts";
import type { Finished, Namespace } from "../support/namespace.ts";
import { clientCommand } from "../support/serve_task.ts";
import { fullTest } from "../support/suite.ts";
import { atTerminal, openOperatorHost } from "./operator.ts";

/** Runs what the uninstall task runs. */
function uninstall(
  namespace: Namespace,
  ...options: readonly string[]
): Promise<Finished> {
  return namespace.run(clientCommand("uninstall", options), { env: { NO_COLOR: "1" } });
}

/** The overlay's routes in the main table and in table 142. */
async function overlay(namespace: Namespace): Promise<readonly string[]> {
  const text = await namespace.ip("-4 route show table all");
  return text.split("\n").filter((line) => line.includes("10.42."))
    .map((line) => line.trim());
}

function refused(code: number, sentence: string): Finished {
  return { code, stdout: "", stderr: `${sentence}\n` };
}

Deno.test("uninstall --routes --yes deletes what a stopped sidecar left, and a second one has nothing to do", async () => {
  await using host = await openOperatorHost();
  const { namespace, sidecar } = host;
  await host.show("configure", "10.42.1.0/24");
  await host.show("inject", "10.42.2.0/24", "vxlan100");
  await namespace.ip("route add 10.42.9.0/24 dev vxlan100 proto static");
  const left = await overlay(namespace);
  assert.deepEqual(
    await uninstall(namespace),
    refused(
      2,
      "uninstall needs --routes: it then deletes the routes and the entries of table 142",
    ),
  );
  assert.deepEqual(
    await uninstall(namespace, "--routes", "--yes"),
    refused(
      1,
      "A process listens on 127.0.0.1:50051: a sidecar would restore what uninstall " +
        "deletes; stop it first",
    ),
  );
  await sidecar.stop();
  assert.deepEqual(
    await uninstall(namespace, "--routes"),
    refused(
      1,
      "Nothing was deleted, because standard input is not a terminal; give --yes to delete without a question",
    ),
  );
  assert.deepEqual(await overlay(namespace), left);
  assert.deepEqual(await uninstall(namespace, "--routes", "--yes"), {
    code: 0,
    stdout: "- 10.42.2.0/24 dev vxlan100\n" +
      "Deleted 1 route and 2 entries of table 142; nothing of the sidecar is left\n",
    stderr: "",
  });
  const foreign = ["10.42.9.0/24 dev vxlan100 proto static scope link"];
  assert.deepEqual(await overlay(namespace), foreign);
  assert.deepEqual(await uninstall(namespace, "--routes"), {
    code: 0,
    stdout: "Nothing of the sidecar is in this network namespace\n",
    stderr: "",
  });
  assert.deepEqual(await uninstall(namespace, "--routes", "--json"), {
    code: 0,
    stdout: "",
    stderr: "",
  });
});

fullTest("uninstall --json prints the audit record of each deletion", async () => {
  await using host = await openOperatorHost();
  const { namespace, sidecar } = host;
  await host.show("inject", "10.42.2.0/24", "vxlan100");
  await sidecar.stop();
  const ran = await uninstall(namespace, "--routes", "--yes", "--json");
  assert.deepEqual([ran.code, ran.stderr], [0, ""]);
  const records = ran.stdout.trimEnd().split("\n").map(parseJsonObject);
  assert.deepEqual(
    records.map(({ outcome, rpc, sequence, words }) => [sequence, rpc, words, outcome]),
    [
      [
        1,
        "uninstall",
        "route del unreachable 10.42.2.0/24 table 142 proto 142 metric 142",
        "done",
      ],
      [
        2,
        "uninstall",
        "route del 10.42.2.0/24 dev vxlan100 proto 142 metric 0",
        "done",
      ],
    ],
  );
});

fullTest("uninstall asks at a terminal: no changes nothing, yes does it", async () => {
  await using host = await openOperatorHost();
  const { namespace, sidecar } = host;
  await host.show("inject", "10.42.2.0/24", "vxlan100");
  await sidecar.stop();
  const left = await overlay(namespace);
  const answer = async (keys: string) => {
    await using terminal = atTerminal(
      namespace,
      clientCommand("uninstall", ["--routes"]),
    );
    await terminal.shown(
      /- 10\.42\.2\.0\/24 dev vxlan100\r\nDelete 1 route and 1 entry of table 142 in this network namespace\? \[y\/N\] /,
    );
    await terminal.type(`${keys}\r`);
    return { code: await terminal.ended, screen: terminal.screen };
  };
  const declined = await answer("n");
  assert.equal(declined.code, 1);
  assert.match(declined.screen, /\r\nNothing was deleted\r\n$/);
  assert.deepEqual(await overlay(namespace), left);
  const agreed = await answer("yes");
  assert.equal(agreed.code, 0);
  assert.match(agreed.screen, /Deleted 1 route and 1 entry of table 142; nothing /);
  assert.deepEqual(await overlay(namespace), []);
});

fullTest(
  "uninstall without the right to change routes says so, and deletes nothing",
  async () => {
    await using host = await openOperatorHost();
    const { namespace, sidecar } = host;
    await host.show("inject", "10.42.2.0/24", "vxlan100");
    await sidecar.stop();
    const left = await overlay(namespace);
    const ran = await namespace.run(
      [
        "setpriv",
        "--bounding-set=-net_admin",
        "--inh-caps=-net_admin",
        ...clientCommand("uninstall", ["--routes", "--yes"]),
      ],
      { env: { NO_COLOR: "1" } },
    );
    assert.deepEqual(
      ran,
      refused(
        1,
        "Permission denied: deleting routes needs CAP_NET_ADMIN; run uninstall as root",
      ),
    );
    assert.deepEqual(await overlay(namespace), left);
  },
);

fullTest(
  "uninstall says that a sidecar on another address puts routes back",
  async () => {
    await using host = await openOperatorHost("unix");
    await host.show("inject", "10.42.2.0/24", "vxlan100");
    assert.deepEqual(
      await uninstall(host.namespace, "--routes", "--yes"),
      refused(
        1,
        "Another process, such as a sidecar on another address, restored 10.42.2.0/24; " +
          "stop it, and run the command again",
      ),
    );
  },
);
