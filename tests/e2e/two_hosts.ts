/** Two hosts as the mesh agent and the container runtime furnish them. */
import { setTimeout } from "node:timers/promises";
import { numberAt, parseJsonObject } from "../../deploy/json.ts";
import { collectLines } from "../support/lines.ts";
import type { Namespace } from "../support/namespace.ts";
import { repository } from "../support/serve_task.ts";
import { until } from "../support/wait.ts";
import { makeQuietNamespace } from "./host.ts";

/** One of the two hosts, and a container on it. */
export interface OverlayHost {
  readonly host: Namespace;
  readonly container: Namespace;
}

/** Hosts whose containers reach each other once each host has its route. */
export interface TwoHosts extends AsyncDisposable {
  /** Has 10.42.1.0/24. */
  readonly one: OverlayHost;
  /** Has 10.42.2.0/24. */
  readonly two: OverlayHost;
}

/** Makes both hosts; what each container is asked it answers. */
export async function makeTwoHosts(): Promise<TwoHosts> {
  await using stack = new AsyncDisposableStack();
  const make = async () => stack.use(await makeQuietNamespace());
  const one = { host: await make(), container: await make() };
  const two = { host: await make(), container: await make() };
  await one.host.ip(
    `link add underlay type veth peer name underlay netns ${two.host.name}`,
  );
  await furnish(one, 1);
  await furnish(two, 2);
  stack.use(await start(one.container, ["echo", "10.42.1.2"]));
  stack.use(await start(two.container, ["echo", "10.42.2.2"]));
  const kept = stack.move();
  return { one, two, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

async function must(namespace: Namespace, words: readonly string[]): Promise<void> {
  const { code, stderr } = await namespace.run(words);
  if (code !== 0) throw new Error(`Cannot run ${words.join(" ")}: ${stderr}`);
}

async function furnish(
  { host, container }: OverlayHost,
  number: number,
): Promise<void> {
  const local = `198.51.100.${number}`;
  for (
    const line of [
      // vxlan100 asks by ARP from the host's first address: both hosts must not share it.
      "address del 192.0.2.1/32 dev lo",
      `address add ${local}/24 dev underlay`,
      "link set underlay up",
      `link add vxlan100 type vxlan id 100 dstport 4789 local ${local} dev underlay`,
      "link set vxlan100 up",
      "link add quilt0 type bridge",
      `address add 10.42.${number}.1/24 dev quilt0`,
      "link set quilt0 up",
      `link add port0 type veth peer name eth0 netns ${container.name}`,
      "link set port0 master quilt0 up",
    ]
  ) await host.ip(line);
  const everyPeer = ["00:00:00:00:00:00", "dev", "vxlan100"];
  const other = `198.51.100.${3 - number}`;
  await must(host, ["bridge", "fdb", "append", ...everyPeer, "dst", other]);
  await must(host, [
    "sh",
    "-c",
    "echo 1 > /proc/sys/net/ipv4/ip_forward && " +
    "echo 1 > /proc/sys/net/ipv4/conf/vxlan100/proxy_arp",
  ]);
  await container.ip(`address add 10.42.${number}.2/24 dev eth0`);
  await container.ip("link set eth0 up");
  await container.ip(`route add default via 10.42.${number}.1`);
}

/** Starts `ping_main.ts` in a container; killed when disposed. */
async function start(container: Namespace, words: readonly string[]) {
  const program = `${repository}/tests/e2e/ping_main.ts`;
  const child = container.command(
    [Deno.execPath(), "run", "--frozen", "--cached-only", "-A", program, ...words],
    { stdin: "piped", stdout: "piped", stderr: "inherit" },
  ).spawn();
  const { lines, ended } = collectLines(child.stdout);
  await until(() => lines.length > 0, { what: `${words.join(" ")} to begin` });
  const input = child.stdin.getWriter();
  let alive = true;
  const end = Promise.all([child.status, ended]).then(() => alive = false);
  return {
    lines,
    input,
    /** Resolves when it has ended and all its lines are here. */
    ended: end,
    [Symbol.asyncDispose]: async () => {
      if (alive) child.kill("SIGKILL");
      await end;
      await input.abort();
    },
  };
}

/** What became of all datagrams of a {@linkcode Pinger}. */
export interface Tally {
  readonly sent: number;
  /** The numbers of those without an answer, counted from 1. */
  readonly lost: readonly number[];
}

/** Datagrams on their way, one after another. */
export interface Pinger extends AsyncDisposable {
  /**
   * Whether any that is sent from now on is answered in time, and before so many of them
   * were sent; a busy machine sends them late.
   */
  reaches(deadlineMs: number, least?: number): Promise<boolean>;
  /** Sends no more, and waits for the answers that are on their way. */
  finish(): Promise<Tally>;
}

/** Begins to send a datagram every so many milliseconds; ends when disposed. */
export async function startPinger(
  { container }: OverlayHost,
  address: string,
  everyMs: number,
): Promise<Pinger> {
  const asking = await start(container, ["ask", address, String(everyMs)]);
  const numbers = (name: string): readonly number[] =>
    asking.lines.filter((line) => line.startsWith(`{"${name}":`))
      .map((line) => numberAt(parseJsonObject(line), name));
  /** The number of the last datagram that had been sent when this was asked. */
  const lastSent = async (): Promise<number> => {
    const known = numbers("sent").length;
    await asking.input.write(new TextEncoder().encode("?"));
    return await until(() => numbers("sent")[known], { what: "the pinger's count" });
  };
  return {
    reaches: async (deadlineMs, least = 0) => {
      const before = await lastSent();
      const isAnswered = () => (numbers("answered").at(-1) ?? 0) > before;
      const end = performance.now() + deadlineMs;
      while (performance.now() < end || await lastSent() < before + least) {
        if (isAnswered()) return true;
        await setTimeout(everyMs);
      }
      return isAnswered();
    },
    finish: async () => {
      await asking.input.close();
      await asking.ended;
      const answered = new Set(numbers("answered"));
      const sent = numbers("sent").at(-1) ?? 0;
      const all = Array.from({ length: sent }, (_, at) => at + 1);
      return { sent, lost: all.filter((each) => !answered.has(each)) };
    },
    [Symbol.asyncDispose]: () => asking[Symbol.asyncDispose](),
  };
}
