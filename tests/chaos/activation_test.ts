import assert from "node:assert/strict";
import { connectClient, GrpcStatusError, type QuiltClient } from "../support/client.ts";
import { holdSocket } from "../support/held_socket.ts";
import { addVxlan, type Namespace } from "../support/namespace.ts";
import { startSidecar } from "../support/sidecar.ts";
import { until } from "../support/wait.ts";
import { fib, makeQuietNamespace } from "../e2e/host.ts";
import { bounded } from "../support/suite.ts";

const RESTARTS = bounded(100, 4);
/** Calls that a sidecar answers before it ends. */
const CALLS = 5;
const PEERS = 8;

/** Calls one after another until disposed, and compares each answer with the kernel. */
class Caller implements AsyncDisposable {
  answered = 0;
  /** What the test does now, e.g. `start 3, SIGKILL`. */
  moment = "before the first start";
  /** The moment at which each failed call began. */
  readonly failures: string[] = [];
  /** The errors of the calls that failed. */
  readonly complaints: string[] = [];
  readonly untrue: string[] = [];
  readonly #client: QuiltClient;
  readonly #pid: number;
  readonly #calling: Promise<void>;
  #over = false;

  /** @param pid of a process in the client's namespace */
  constructor(client: QuiltClient, pid: number) {
    this.#client = client;
    this.#pid = pid;
    this.#calling = this.#callRepeatedly();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over = true;
    await this.#calling;
  }

  async #callRepeatedly(): Promise<void> {
    for (let at = 0; !this.#over; at += 1) {
      const destination = `10.42.${2 + at % PEERS}.0/24`;
      const add = Math.floor(at / PEERS) % 2 === 0;
      const { moment } = this;
      try {
        const { success } = add
          ? await this.#client.injectRoute(destination, "vxlan100", PATIENT)
          : await this.#client.removeRoute(destination, PATIENT);
        this.answered += 1;
        const true_ = success && fib(this.#pid).has(destination) === add;
        if (!true_) this.untrue.push(`${add ? "add" : "remove"} ${destination}`);
      } catch (error) {
        if (!(error instanceof GrpcStatusError)) throw error;
        this.failures.push(moment);
        this.complaints.push(`${moment}: ${error.message}`);
      }
    }
  }
}

const PATIENT = { deadlineMs: 15_000 };

/** One start of the sidecar on the held socket, and its end. */
async function serveAndEnd(
  namespace: Namespace,
  launcher: readonly string[],
  caller: Caller,
  start: number,
): Promise<void> {
  const signal = start % 2 === 0 ? "SIGTERM" : "SIGKILL";
  const options = ["--grpc-addr", "fd:3"];
  await using sidecar = await startSidecar(namespace, { launcher, options });
  caller.moment = `start ${start}, ${signal}`;
  const enough = caller.answered + CALLS;
  await until(() => caller.answered >= enough, {
    deadlineMs: 10_000,
    what: () => `answers; failures: ${caller.complaints.join("; ")}`,
  });
  sidecar.kill(signal);
  const { code } = await sidecar.status;
  caller.moment = `after start ${start}`;
  if (signal === "SIGTERM") assert.equal(code, 0, sidecar.log.join("\n"));
}

Deno.test(`${RESTARTS} restarts with the socket held by another process: SIGTERM fails no call, SIGKILL at most the one in flight, and all other answers are true`, async () => {
  await using namespace = await makeQuietNamespace();
  await addVxlan(namespace);
  using socket = holdSocket(namespace, { port: 50051 });
  const { launcher } = socket;
  const options = ["--grpc-addr", "fd:3"];
  await using anchor = startAnchor(namespace);
  const starting = startSidecar(namespace, { launcher, options });
  await using client = await connectClient(namespace);
  await (await starting).stop();
  await using caller = new Caller(client, anchor.pid);
  for (let start = 0; start < RESTARTS; start += 1) {
    await serveAndEnd(namespace, launcher, caller, start);
  }
  await using _last = await startSidecar(namespace, { launcher, options });
  await caller[Symbol.asyncDispose]();
  assert.deepEqual(caller.untrue, []);
  const { complaints, failures } = caller;
  const allowed = new Set(failures.filter((moment) => moment.endsWith("SIGKILL")));
  assert.deepEqual(failures, [...allowed], complaints.join("; "));
});

/** An idle process, through which the test reads the routes of the namespace. */
function startAnchor(namespace: Namespace): AsyncDisposable & { readonly pid: number } {
  const child = namespace.command(["sleep", "600"]).spawn();
  return {
    pid: child.pid,
    [Symbol.asyncDispose]: async () => {
      child.kill();
      await child.status;
    },
  };
}
