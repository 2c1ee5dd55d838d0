/**
 * @needs go python rust
 */
import assert from "node:assert/strict";
import { makeQuietNamespace } from "../e2e/host.ts";
import { holdSocket } from "../support/held_socket.ts";
import { print } from "../support/isolation.ts";
import { addVxlan, type Namespace } from "../support/namespace.ts";
import { startSidecar } from "../support/sidecar.ts";
import { goTool, pythonClient, tonicClient } from "../support/tools.ts";
import { until } from "../support/wait.ts";
import { startSteadyClient, type SteadyClient } from "./steady_client.ts";
import { fullTest } from "../support/suite.ts";

const RESTARTS = 50;
/** Calls of each client that a sidecar answers before it ends. */
const CALLS = 5;

const OPTIONS = ["--grpc-addr", "fd:3"];

/** The three stacks, each with a route of its own. */
async function startClients(namespace: Namespace): Promise<readonly SteadyClient[]> {
  const [tonic, go, python] = [
    { command: [await tonicClient(), "steady"], env: {} },
    { command: [await goTool("quiltcall"), "steady"], env: {} },
    await pythonClient("steady"),
  ];
  return [
    startSteadyClient(namespace, "tonic", tonic, "10.42.2.0/24"),
    startSteadyClient(namespace, "grpc-go", go, "10.42.3.0/24"),
    startSteadyClient(namespace, "grpcio", python, "10.42.4.0/24"),
  ];
}

function lost(clients: readonly SteadyClient[]): readonly string[] {
  return clients.flatMap(({ failures }) => failures);
}

/** Waits until each of them was answered so much more often. */
async function answerEach(
  clients: readonly SteadyClient[],
  moment: string,
): Promise<void> {
  const before = await Promise.all(clients.map((client) => client.report(moment)));
  await until(async () => {
    const now = await Promise.all(clients.map((client) => client.report(moment)));
    return now.every(({ answered }, at) =>
      answered >= (before[at]?.answered ?? 0) + CALLS
    );
  }, {
    what: () => `answers ${moment}: ${lost(clients).slice(-8).join("\n")}`,
  });
}

fullTest(
  `${RESTARTS} graceful restarts on fd:3 lose no call of tonic, grpc-go and grpcio clients`,
  async () => {
    await using namespace = await makeQuietNamespace();
    await addVxlan(namespace);
    using socket = holdSocket(namespace, { port: 50051 });
    const start = () =>
      startSidecar(namespace, { launcher: socket.launcher, options: OPTIONS });
    await using stack = new AsyncDisposableStack();
    const starting = start();
    const clients = await startClients(namespace);
    for (const client of clients) stack.use(client);
    let sidecar = await starting;
    for (let at = 0; at < RESTARTS; at += 1) {
      await answerEach(clients, `after start ${at}`);
      const { code } = await sidecar.stop();
      assert.equal(code, 0, sidecar.log.join("\n"));
      sidecar = await start();
    }
    stack.use(sidecar);
    await answerEach(clients, "after the last start");
    for (const client of clients) {
      const { answered } = await client.end();
      await print(
        `${client.name}: ${answered} answered, ${client.failures.length} lost`,
      );
    }
    assert.deepEqual(lost(clients), []);
  },
);
