/** What is shown, in order. */
import { countOf } from "../src/shared/quote.ts";
import {
  type Node,
  overlayRoutes,
  type Peer,
  peer,
  type RouteEvent,
  type Sidecar,
  startSidecar,
  type Tally,
  type Traffic,
} from "./mesh.ts";
import { ip } from "./namespaces.ts";
import { Obstacle, pause, until } from "./processes.ts";
import type { Show } from "./show.ts";

/** What the scenes are played with. */
export interface Stage {
  readonly show: Show;
  readonly node1: Node;
  readonly node2: Node;
  /** Of node 1. */
  readonly sidecar: Sidecar;
  readonly traffic: Traffic;
  /** What the kernel of node 1 reports; it grows. */
  readonly kernel: readonly RouteEvent[];
}

/** A line of the summary: of what, and the figures. */
export type Shown = readonly [subject: string, figures: string];

/** A scene; it ends with what it has shown. */
export type Scene = (stage: Stage) => Promise<Shown>;

/** The first scene is the making of the mesh, in `scenes_main.ts`. */
export const SCENES: readonly Scene[] = [
  packetsFlow,
  peersComeAndGo,
  routeIsDeleted,
  sidecarIsKilled,
];

/** Nodes of which only the prefixes and the hosts exist. */
const PEERS: readonly Peer[] = [3, 4, 5, 8, 13, 21, 34, 40, 55, 72, 89, 110].map(peer);

async function packetsFlow(stage: Stage): Promise<Shown> {
  const { node1, node2, show, traffic } = stage;
  await show.scene(
    "Packets flow from container to container: each agent has asked its sidecar for the " +
      "route to the other node, and the kernel has it.",
  );
  await show.look(1);
  await Promise.all([inject(node1, node2), inject(node2, node1)]);
  await show.event("Each kernel has the route to the other node, through vxlan100");
  await traffic.begin();
  const { answered, lost } = await tallyOf(traffic, 50);
  await show.event(
    `${node2.container.address} answers ${node1.container.address}, 50 times a second`,
  );
  await show.look(5);
  return ["Packets", `${answered} of the first ${answered + lost} were answered`];
}

async function peersComeAndGo({ node1, node2, show }: Stage): Promise<Shown> {
  await show.scene(
    "Other nodes join the mesh, one of them flaps, and one leaves: the routes follow.",
  );
  for (const each of PEERS) {
    await Promise.all([inject(node1, each), inject(node2, each)]);
    await show.event(`${each.subnet} joined`);
    await show.look(0.3);
  }
  const [, flapping = PEERS[0], leaving = PEERS[0]] = PEERS;
  if (flapping === undefined || leaving === undefined) throw new TypeError("No peers");
  const flaps = 3;
  for (let flap = 1; flap <= flaps; flap += 1) {
    await Promise.all([remove(node1, flapping), remove(node2, flapping)]);
    await show.event(`${flapping.subnet} is gone`);
    await show.look(0.6);
    await Promise.all([inject(node1, flapping), inject(node2, flapping)]);
    await show.event(`${flapping.subnet} is back`);
    await show.look(0.6);
  }
  await Promise.all([remove(node1, leaving), remove(node2, leaving)]);
  await show.event(`${leaving.subnet} left`);
  await show.look(2);
  const routes = await overlayRoutes(node1);
  return [
    "Peers",
    `${PEERS.length} joined, 1 flapped ${flaps} times, 1 left; ` +
    `node 1 has ${countOf(routes.length, "route")}`,
  ];
}

async function routeIsDeleted(stage: Stage): Promise<Shown> {
  const { node1, node2, show, traffic } = stage;
  const { subnet } = node2;
  await show.scene(
    "Another process deletes routes: the kernel reports it, and the sidecar writes them " +
      "again.",
  );
  await show.look(2);
  const before = await tallyOf(traffic);
  const one = await deleteRoutes(stage, `del ${subnet}`, [subnet]);
  await show.event(`ip route del ${subnet}: it is back after ${one} ms`);
  await show.look(3);
  const lines = await overlayRoutes(node1);
  const destinations = lines.map((line) => line.split(" ", 1).join());
  const all = await deleteRoutes(stage, "flush", destinations);
  const count = countOf(destinations.length, "route");
  await show.event(`ip route flush: all ${count} are back after ${all} ms`);
  const { lost, sent } = since(before, await tallyOf(traffic, 25));
  await show.event(`${lost} of ${sent} packets got lost meanwhile`);
  await show.look(3);
  return [
    "Repair",
    `1 route back after ${one} ms, ${count} after ${all} ms; ` +
    `${lost} of ${sent} packets lost`,
  ];
}

/** Deletes routes as `ip route` does; returns the milliseconds until all are back. */
async function deleteRoutes(
  { kernel, node1 }: Stage,
  words: string,
  destinations: readonly string[],
): Promise<number> {
  const known = kernel.length;
  await ip(node1.name, `route ${words} dev vxlan100`);
  return await until("the routes to come back", () => {
    const events = kernel.slice(known);
    const first = events.find(({ isDeletion }) => isDeletion);
    const back = destinations.map((destination) =>
      events.find((each) => each.destination === destination && !each.isDeletion)
    ).filter((event) => event !== undefined);
    if (first === undefined || back.length < destinations.length) return undefined;
    return Math.max(...back.map(({ atMs }) => atMs)) - first.atMs;
  });
}

async function sidecarIsKilled(stage: Stage): Promise<Shown> {
  const { node1, show, sidecar, traffic } = stage;
  await show.scene(
    "The sidecar of node 1 is killed by SIGKILL: packets still flow, because the kernel " +
      "keeps the routes, and the sidecar's records as well.",
  );
  await show.look(2);
  const counts = await node1.agent.ask("counts");
  const kept = await overlayRoutes(node1);
  const before = await tallyOf(traffic);
  const died = performance.now();
  await sidecar.kill();
  await show.event("Killed: its port is closed, and its routes are still there");
  await pause(1_000);
  await show.look(2);
  if ((await overlayRoutes(node1)).length !== kept.length) {
    throw new Obstacle("The kernel of node 1 has lost a route");
  }
  await startSidecar(1);
  const seconds = ((performance.now() - died) / 1_000).toFixed(1);
  const remembered = await node1.agent.ask("counts");
  if (remembered !== counts) {
    throw new Obstacle(
      `The sidecar had ${counts} routes and addresses, and ${remembered} after SIGKILL`,
    );
  }
  const { lost, sent } = since(before, await tallyOf(traffic));
  const [routes = "", addresses = ""] = remembered.split(" ");
  await show.event(`It serves again; ${lost} of ${sent} packets got lost meanwhile`);
  await show.event(
    `Without a call of the agent it has ${countOf(Number(routes), "route")} and ` +
      `${countOf(Number(addresses), "address", "addresses")} again`,
  );
  await show.look(4);
  return [
    "SIGKILL",
    `${seconds} s without it: ${lost} of ${sent} packets lost, ` +
    `${countOf(Number(routes), "route")} and ` +
    `${countOf(Number(addresses), "address", "addresses")} kept`,
  ];
}

async function inject({ agent }: Node, { host, subnet }: Peer): Promise<void> {
  await agent.ask(`inject ${subnet} ${host}`);
}

async function remove({ agent }: Node, { host, subnet }: Peer): Promise<void> {
  await agent.ask(`remove ${subnet} ${host}`);
}

/** The tally as soon as it is known of all packets until now, and of so many more. */
async function tallyOf(traffic: Traffic, more = 0): Promise<Tally> {
  const { sent } = traffic.tally;
  return await until("the packets on their way", () => {
    const { tally } = traffic;
    return settled(tally) >= sent + more ? tally : undefined;
  });
}

/** How many of the packets that were sent between two tallies are lost. */
function since(before: Tally, after: Tally): Record<"lost" | "sent", number> {
  return { lost: after.lost - before.lost, sent: settled(after) - settled(before) };
}

/** Packets of which it is known what became of them. */
function settled({ answered, lost }: Tally): number {
  return answered + lost;
}
