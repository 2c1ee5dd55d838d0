import assert from "node:assert/strict";
import { done, makeQuietNamespace, messages } from "../e2e/host.ts";
import { connectClient } from "../support/client.ts";
import { parseJsonObject, stringAt } from "../../deploy/json.ts";
import { addVxlan } from "../support/namespace.ts";
import { readPage } from "../support/pages.ts";
import { repository, serveCommand } from "../support/serve_task.ts";
import { startSidecar } from "../support/sidecar.ts";
import { fullTest } from "../support/suite.ts";
import { type AttemptName, attemptNames } from "./takeover.ts";

/** The words of docs/security.md that stand before `deno task serve`. */
function confinement(): readonly string[] {
  const { text } = readPage("docs/security.md");
  const line = /^(bwrap .*) deno task serve$/m.exec(text)?.[1];
  if (line === undefined) {
    throw new Error("docs/security.md has no line for bubblewrap");
  }
  return line.split(" ");
}

fullTest(
  "the serve task with docs/security.md's command for bubblewrap serves with one capability and stops gracefully",
  async () => {
    await using namespace = await makeQuietNamespace();
    await addVxlan(namespace);
    await using sidecar = await startSidecar(namespace, { launcher: confinement() });
    await using client = await connectClient(namespace);
    assert.deepEqual(await client.injectRoute("10.42.2.0/24", "vxlan100"), done);
    const { stdout } = await namespace.run(["pgrep", "-P", `${sidecar.pid}`]);
    const own = Number(stdout);
    const status = await Deno.readTextFile(`/proc/${own}/status`);
    assert.match(status, /^CapEff:\s+0000000000001000$/m);
    Deno.kill(own, "SIGTERM");
    assert.equal((await sidecar.status).code, 0);
    assert.equal(messages(sidecar).at(-1), "INFO: Stopping on SIGTERM");
  },
);

fullTest(
  "a takeover of the serve task with docs/security.md's command for bubblewrap can keep nothing",
  async () => {
    const denied: readonly AttemptName[] = [
      "run another program by ip netns exec",
      "make a network namespace to run one in",
      "name a network namespace by ip netns attach",
      "run ip as another user",
      "keep a file by the Cache API",
      "keep a file by localStorage",
      "write a file",
      "open a device by ip tuntap",
    ];
    await using namespace = await makeQuietNamespace();
    const attempt = async (name: AttemptName): Promise<string> => {
      const words = serveCommand([name], `${repository}/tests/security/takeover.ts`)
        .filter((word) => word !== "serve");
      const ended = await namespace.run([...confinement(), ...words]);
      assert.equal(ended.code, 0, ended.stderr);
      return stringAt(parseJsonObject(ended.stdout), "kind");
    };
    for (const name of denied) {
      assert.ok(attemptNames.includes(name));
      assert.equal(await attempt(name), "denied", name);
    }
    // What the line leaves: or the attempts themselves would be at fault.
    const left = "change links, addresses, rules and routes of the node";
    assert.equal(await attempt(left), "done");
  },
);
