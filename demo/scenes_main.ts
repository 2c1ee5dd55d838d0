/**
 * Process 1 of the demo's namespaces: makes the mesh and plays the scenes. It ends when its
 * input does, and the kernel ends everything else with it. Why it failed goes to
 * standard error, for the process that started it.
 */
import { standardTerminal } from "../src/cli/terminal.ts";
import {
  furnish,
  join,
  makeWire,
  overlayRoutes,
  startSidecar,
  trafficBetween,
  watchKernel,
} from "./mesh.ts";
import { describeTally, statusSize } from "./picture.ts";
import { requireAll } from "./namespaces.ts";
import { Obstacle } from "./processes.ts";
import { SCENES, type Shown, type Stage } from "./scenes.ts";
import { openShow, type Show, type Sight } from "./show.ts";

async function endWithInput(): Promise<void> {
  for await (const _ of Deno.stdin.readable) { /* Only its end matters. */ }
  // The process that changed the terminal may have been killed.
  if (standardTerminal().hasControl) {
    await write(Deno.stdout, "\u001b[?25h\u001b[?1049l");
  }
  Deno.exit(1);
}

async function write(
  { writable }: Pick<typeof Deno.stdout, "writable">,
  text: string,
): Promise<void> {
  const writer = writable.getWriter();
  await writer.write(new TextEncoder().encode(text)).catch(() => {});
  writer.releaseLock();
}

async function makeStage(show: Show, see: (stage: Stage) => void): Promise<Stage> {
  await show.scene(
    "Two nodes join: each has a bridge, a container, a VXLAN device and a real sidecar.",
  );
  await makeWire();
  await Promise.all([furnish(1), furnish(2)]);
  await show.event("Two nodes are there, in network namespaces");
  const [sidecar] = await Promise.all([startSidecar(1), startSidecar(2)]);
  await show.event("Their sidecars serve on 127.0.0.1:50051, each in its own node");
  const terminal = standardTerminal();
  const [node1, node2] = await Promise.all([join(1, terminal), join(2, terminal)]);
  const traffic = trafficBetween(node1, node2);
  const kernel = watchKernel(node1.name);
  const stage = { show, node1, node2, sidecar, traffic, kernel };
  see(stage);
  for (const { container, subnet, title } of [node1, node2]) {
    const { address } = container;
    await show.event(
      `${title} has ${subnet}; its sidecar gave ${address} to its container`,
    );
  }
  await show.look(4);
  return stage;
}

async function sightOf(stage: Stage | undefined): Promise<Sight> {
  if (stage === undefined) {
    return { routes: [], status: "", tally: { sent: 0, answered: 0, lost: 0 } };
  }
  const { node1, traffic } = stage;
  const { columns, rows } = statusSize(standardTerminal());
  const [routes, status] = await Promise.all([
    overlayRoutes(node1),
    node1.agent.ask(`status ${columns} ${rows}`),
  ]);
  return { routes, status, tally: traffic.tally };
}

function summary(shown: readonly Shown[], { traffic }: Stage): string {
  const seconds = (performance.now() / 1_000).toFixed(0);
  return [
    `What was shown, in ${seconds} s, with real sidecars and a real kernel:`,
    ...shown.map(([subject, figures]) => `  ${subject.padEnd(8)} ${figures}`),
    `  ${"All".padEnd(8)} ${describeTally(traffic.tally)}`,
    "All of it was in namespaces that are gone now; this machine is as it was.",
    "",
    "Next:",
    "  deno task serve           the sidecar of this machine, for a mesh agent",
    "  deno task status --watch  what it does, seen live",
    "  README.md                 what a node needs, and the calls of the agent",
  ].join("\n");
}

async function main(): Promise<string> {
  await requireAll();
  let stage: Stage | undefined;
  const show = openShow(SCENES.length + 1, () => sightOf(stage));
  const made = await makeStage(show, (ready) => stage = ready);
  const shown: Shown[] = [];
  for (const scene of SCENES) shown.push(await scene(made));
  show.close();
  return summary(shown, made);
}

void endWithInput();
try {
  await write(Deno.stderr, await main());
  Deno.exit(0);
} catch (cause) {
  if (!(cause instanceof Obstacle)) throw cause;
  await write(Deno.stderr, cause.message);
  Deno.exit(1);
}
