import assert from "node:assert/strict";
import fc from "fast-check";
import { connectClient, type QuiltClient } from "../support/client.ts";
import { lanes } from "../support/lanes.ts";
import { addVxlan, type Namespace } from "../support/namespace.ts";
import { type Sidecar, startSidecar } from "../support/sidecar.ts";
import { until } from "../support/wait.ts";
import { Expected } from "./expected.ts";
import { makeNamespaceWith, type Overlay } from "./overlay.ts";
import { reconnect } from "./reconnect.ts";
import { type Scenario, scenario, type Step } from "./scenarios.ts";
import { isOurs, readLines, readStateTable } from "./tables.ts";
import { bounded } from "../support/suite.ts";

const RUNS = bounded(30, 4);

/** Concurrent properties, because a run mostly waits for processes to start. */
const LANES = 2;

/** The rules and addresses, which neither the test nor the sidecar may change. */
async function surroundings(namespace: Namespace): Promise<string> {
  return await namespace.ip("rule show") + await namespace.ip("-oneline address show");
}

/** Sets up the state before the first start. */
async function furnish(overlay: Overlay, { connected, link, routes }: Scenario) {
  const { namespace } = overlay;
  await addVxlan(namespace, { name: "other", id: 7 });
  if (connected) {
    await addVxlan(namespace, { name: "quilt0", id: 8 });
    await namespace.ip("address add 10.42.6.1/24 dev quilt0");
  }
  const stdin = routes.map((route) => `route add ${route}\n`).join("");
  await namespace.run(["ip", "-force", "-batch", "-"], { stdin });
  await overlay.turn(link);
}

/** The difference from what is expected, or undefined. */
async function difference(
  namespace: Namespace,
  expected: Expected,
): Promise<string | undefined> {
  const lines = await readLines(namespace);
  const state = await readStateTable(namespace);
  const routes = lines.filter((line) => isOurs(line) && line.table === "main")
    .map(({ text }) => text.trim());
  const shown = (pairs: Iterable<readonly [to: string, device: string]>) =>
    [...pairs].map(([to, device]) => `${to} dev ${device} proto 142 scope 253`);
  try {
    const perhaps = shown(expected.maybeCarried).filter((line) =>
      routes.includes(line)
    );
    assert.deepEqual(
      routes.toSorted(),
      [...shown(expected.carried), ...perhaps].toSorted(),
    );
    assert.deepEqual([...state.routes].toSorted(), [...expected.desired].toSorted());
    assert.equal(state.subnet, expected.subnet);
    const left = lines.filter((line) => !isOurs(line)).map(({ text }) => text);
    const possible = expected.foreign()
      .filter(({ must, text }) => must || left.includes(text));
    assert.deepEqual(left, possible.map(({ text }) => text));
    return undefined;
  } catch (error) {
    if (error instanceof assert.AssertionError) return error.message;
    throw error;
  }
}

async function settle(namespace: Namespace, expected: Expected): Promise<void> {
  expected.settle();
  let found: string | undefined;
  await until(async () => {
    found = await difference(namespace, expected);
    return found === undefined;
  }, { what: () => `the expected state: ${found}` });
}

/** A host with the sidecar that runs now. */
interface Stage {
  readonly overlay: Overlay;
  readonly client: QuiltClient;
  readonly expected: Expected;
  sidecar: Sidecar;
}

async function apply(stage: Stage, step: Step): Promise<void> {
  const { client, expected, overlay } = stage;
  switch (step.kind) {
    case "inject": {
      const { device, to } = step;
      const answer = await client.injectRoute(to, device);
      return assert.deepEqual(answer, expected.inject(to, device));
    }
    case "remove":
      return assert.deepEqual(
        await client.removeRoute(step.to),
        expected.remove(step.to),
      );
    case "configure":
      return assert.deepEqual(
        await client.configureNodeSubnet(step.to),
        expected.configure(step.to),
      );
    case "link":
      await overlay.turn(step.state);
      return expected.turn(step.state);
    case "restart":
      stage.sidecar.kill(step.signal);
      await stage.sidecar.status;
      stage.sidecar = await startSidecar(overlay.namespace);
      await reconnect(client);
      return expected.started();
    case "flush":
      await overlay.namespace.ip("route flush table main proto 142");
      return expected.flushed();
    case "settle":
      return await settle(overlay.namespace, expected);
  }
}

async function play(scenario: Scenario): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const overlay = stack.use(await makeNamespaceWith("up"));
  const { namespace } = overlay;
  await furnish(overlay, scenario);
  const expected = new Expected(await readLines(namespace), scenario.link);
  const around = await surroundings(namespace);
  const sidecar = await startSidecar(namespace);
  expected.started();
  const client = stack.use(await connectClient(namespace));
  const stage: Stage = { overlay, client, expected, sidecar };
  stack.defer(() => stage.sidecar[Symbol.asyncDispose]());
  for (const [at, step] of [...scenario.steps, { kind: "settle" } as const].entries()) {
    try {
      await apply(stage, step);
    } catch (error) {
      const log = stage.sidecar.log.join("\n");
      throw new Error(`Step ${at}, ${step.kind}; the log:\n${log}`, { cause: error });
    }
  }
  assert.equal(await surroundings(namespace), around);
}

Deno.test("foreign routes stay byte for byte and our routes are those requested, in any state and with any steps", async () => {
  // Without shrinking, which takes as long as all runs: the seed repeats a failure.
  const options = { numRuns: RUNS / LANES, verbose: 1, endOnFailure: true } as const;
  const lane = () => fc.assert(fc.asyncProperty(scenario, play), options);
  await lanes(Array.from({ length: LANES }, lane));
});
