/** Two nodes, each with a container, a sidecar and an agent; and what they do. */
import { numberAt, parseJsonObject } from "../deploy/json.ts";
import config from "../deno.json" with { type: "json" };
import type { Terminal } from "../src/cli/terminal.ts";
import { fileOf, inNamespace, ip, makeNamespace, makePlace } from "./namespaces.ts";
import {
  denoWords,
  forEachLine,
  linesOf,
  Obstacle,
  run,
  spawn,
  until,
} from "./processes.ts";

/** Half of the default, so that its map needs 8 rows. */
const CLUSTER = "10.42.0.0/17";

/** A node of the mesh, as the control plane lists it. */
export interface Peer {
  readonly subnet: string;
  /** Its address on the network below the overlay. */
  readonly host: string;
}

/** The node with this number, 1 to 127. */
export function peer(number: number): Peer {
  return { subnet: `10.42.${number}.0/24`, host: `198.51.100.${number}` };
}

/** A node in a network namespace of its own. */
export interface Node extends Peer {
  /** Of its namespace. */
  readonly name: string;
  /** Such as `Node 1`. */
  readonly title: string;
  readonly agent: Agent;
  readonly container: { readonly name: string; readonly address: string };
}

/** Asks the sidecar of its node, as the mesh agent and an operator do. */
export interface Agent {
  /**
   * One request of `agent_main.ts`.
   *
   * @throws {Obstacle} if the sidecar refuses it, or does not answer
   */
  ask(request: string): Promise<string>;
}

/** Makes the namespaces of the nodes and of their containers, and a wire between the nodes. */
export async function makeWire(): Promise<void> {
  await makePlace();
  for (const name of ["node1", "node2", "web1", "web2"]) await makeNamespace(name);
  await ip("node1", `link add wire type veth peer name wire netns ${fileOf("node2")}`);
}

/** Makes a node as the mesh agent and the container runtime do, without its sidecar. */
export async function furnish(number: 1 | 2): Promise<void> {
  const { host } = peer(number);
  const node = `node${number}`;
  await ip(
    node,
    "link set lo up",
    `address add ${host}/24 dev wire`,
    "link set wire up",
    `link add vxlan100 type vxlan id 100 dstport 4789 local ${host} dev wire`,
    "link set vxlan100 up",
    "link add quilt0 type bridge",
    `address add 10.42.${number}.1/24 dev quilt0`,
    "link set quilt0 up",
    `link add port0 type veth peer name eth0 netns ${fileOf(`web${number}`)}`,
    "link set port0 master quilt0 up",
  );
  const settings = ["net/ipv4/ip_forward", "net/ipv4/conf/vxlan100/proxy_arp"];
  for (const setting of settings) {
    const write = ["sh", "-c", `echo 1 > /proc/sys/${setting}`];
    await run([...inNamespace(node), ...write]);
  }
}

/** Has the agent configure the node, and its sidecar give the container an address. */
export async function join(number: 1 | 2, terminal: Terminal): Promise<Node> {
  const { host, subnet } = peer(number);
  const agent = startAgent(`node${number}`, terminal);
  await agent.ask(`configure ${subnet}`);
  const name = `web${number}`;
  const address = await agent.ask(`allocate ${name}`);
  await ip(
    name,
    `address add ${address}/24 dev eth0`,
    "link set eth0 up",
    `route add default via 10.42.${number}.1`,
  );
  return {
    name: `node${number}`,
    title: `Node ${number}`,
    subnet,
    host,
    agent,
    container: { name, address },
  };
}

function startAgent(
  namespace: string,
  { hasColour, hasUnicode }: Terminal,
): Agent {
  const words = [...hasColour ? ["colour"] : [], ...hasUnicode ? ["unicode"] : []];
  const grants = ["--allow-net=127.0.0.1:50051", "--allow-run=bridge"];
  const child = spawn(
    [...inNamespace(namespace), ...denoWords(grants, "agent_main.ts", words)],
    "piped",
  );
  void forEachLine(child.stderr, () => {});
  const answers = linesOf(child.stdout);
  const input = child.stdin.getWriter();
  const exchange = async (request: string): Promise<string> => {
    await input.write(new TextEncoder().encode(`${request}\n`));
    const { text, fault } = parseJsonObject((await answers.next()).value ?? "{}");
    if (typeof text === "string") return text;
    throw new Obstacle(`${request} was refused on ${namespace}: ${fault}`);
  };
  // One after another: the scenes and the picture ask at the same time.
  let last: Promise<unknown> = Promise.resolve();
  return {
    ask: (request) => {
      const answer = last.then(() => exchange(request));
      last = answer.catch(() => {});
      return answer;
    },
  };
}

/** A sidecar that serves. */
export interface Sidecar {
  /** Ends it by SIGKILL, and waits for its end. */
  kill(): Promise<void>;
}

/** Starts a sidecar by the command of `deno task serve`, and waits until it serves. */
export async function startSidecar(number: 1 | 2): Promise<Sidecar> {
  const serve = config.tasks.serve.command.split(" ")
    .map((word) => word === "deno" ? Deno.execPath() : word);
  const inside = inNamespace(`node${number}`);
  const child = spawn([...inside, ...serve, "--cluster-cidr", CLUSTER]);
  const log: string[] = [];
  void forEachLine(child.stderr, (line) => log.push(line));
  // The audit log.
  void forEachLine(child.stdout, () => {});
  let isOver = false;
  const ended = child.status.then(() => {
    isOver = true;
  });
  await until(`the sidecar of node ${number}`, () => {
    if (isOver) throw new Obstacle(`A sidecar does not start: ${log.at(-1)}`);
    return log.find((line) => line.includes("Starting gRPC server on"));
  });
  return {
    kill: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** How many datagrams were sent, and what became of them. */
export interface Tally {
  readonly sent: number;
  readonly answered: number;
  /** Those that had no answer within half a second. */
  readonly lost: number;
}

/** Datagrams from one container to the other, 50 a second. */
export interface Traffic {
  /** Resolves when the first one is about to be sent. */
  begin(): Promise<void>;
  /** As it was within the last tenth of a second. */
  readonly tally: Tally;
}

/** The datagrams from one node's container to another's; none is sent yet. */
export function trafficBetween(from: Node, to: Node): Traffic {
  let tally: Tally = { sent: 0, answered: 0, lost: 0 };
  const addresses = [from.container.address, to.container.address];
  const start = (container: string, words: readonly string[]): Deno.ChildProcess => {
    const grants = [`--allow-net=${addresses.join()}`];
    const child = spawn([
      ...inNamespace(container),
      ...denoWords(grants, "container_main.ts", words),
    ]);
    void forEachLine(child.stderr, () => {});
    return child;
  };
  return {
    begin: async () => {
      const echo = start(to.container.name, ["echo", to.container.address]);
      const answers = Promise.withResolvers<void>();
      void forEachLine(echo.stdout, () => answers.resolve());
      await answers.promise;
      const asking = start(from.container.name, ["ask", ...addresses]);
      void forEachLine(asking.stdout, (line) => {
        const counts = parseJsonObject(line);
        tally = {
          sent: numberAt(counts, "sent"),
          answered: numberAt(counts, "answered"),
          lost: numberAt(counts, "lost"),
        };
      });
    },
    get tally(): Tally {
      return tally;
    },
  };
}

/** A change of the main table, as `ip monitor route` reports it. */
export interface RouteEvent {
  readonly isDeletion: boolean;
  readonly destination: string;
  /** When the kernel reported it, in milliseconds as `Date.now()`. */
  readonly atMs: number;
}

/** Watches the overlay's routes in the main table of a node; the list grows. */
export function watchKernel(node: string): readonly RouteEvent[] {
  const child = spawn([
    ...inNamespace(node),
    ...["ip", "-ts", "-oneline", "monitor", "route"],
  ]);
  void forEachLine(child.stderr, () => {});
  const events: RouteEvent[] = [];
  void forEachLine(child.stdout, (line) => {
    const [, time, deleted, destination] =
      /^\[(\S+)\] (Deleted )?(10\.42\.\S+) dev vxlan100 /.exec(line) ?? [];
    if (time === undefined || destination === undefined || line.includes(" table ")) {
      return;
    }
    const isDeletion = deleted !== undefined;
    events.push({ isDeletion, destination, atMs: Date.parse(`${time}Z`) });
  });
  return events;
}

/** The lines of `ip route show dev vxlan100` on a node. */
export async function overlayRoutes({ name }: Node): Promise<readonly string[]> {
  const shown = await ip(name, "route show dev vxlan100");
  return shown.split("\n").map((line) => line.trimEnd()).filter((line) => line !== "");
}
