/**
 * What `deno task pictures` executes: draws the pictures of README.md and docs/cli.md anew,
 * from what the real commands show of real sidecars, in namespaces of its own. It needs
 * iproute2 and script(1), and root or user namespaces.
 *
 * `deno task pictures NAME…` draws only those. Times are replaced, so that a picture
 * changes only when what is shown does.
 */
import { connectClient } from "../../tests/support/client.ts";
import { command, exitWith, isolate, print } from "../../tests/support/isolation.ts";
import type { Namespace } from "../../tests/support/namespace.ts";
import { repository } from "../../tests/support/serve_task.ts";
import { startSidecar } from "../../tests/support/sidecar.ts";
import { until } from "../../tests/support/wait.ts";
import { runLines } from "../../tests/e2e/planted_faults.ts";
import { makeTwoHosts } from "../../tests/e2e/two_hosts.ts";
import { drawTerminal } from "./terminal_svg.ts";

/** A picture, and what it is taken of. */
interface Picture {
  /** Of its file, without `.svg`. */
  readonly name: string;
  /** What a screen reader says. */
  readonly title: string;
  readonly columns: number;
  readonly rows: number;
  /** What an operator types. */
  readonly typed: string;
  /** Shell lines on the node before. */
  readonly plant: readonly string[];
  /** Shell lines on the node afterwards. */
  readonly mend: readonly string[];
  /** What is to be seen: the sidecar may not have noticed yet what was planted. */
  readonly shows: RegExp;
}

/** Every picture, in the order in which it is taken. */
export const PICTURES: readonly Picture[] = [
  {
    name: "status",
    title: "quilt-sidecar status: a finding, the network, and the routes to look at",
    columns: 100,
    rows: 60,
    typed: "quilt-sidecar status",
    plant: ["bridge fdb del 00:00:00:00:00:00 dev vxlan100 dst 198.51.100.9"],
    mend: ["bridge fdb append 00:00:00:00:00:00 dev vxlan100 dst 198.51.100.9"],
    shows: /\(fdb-lost/,
  },
  {
    name: "map",
    title: "quilt-sidecar status --map: the cluster as a grid, a cell for each node",
    columns: 100,
    rows: 60,
    typed: "quilt-sidecar status --map",
    plant: ["ip route add blackhole 10.42.36.128/25"],
    mend: ["ip route del blackhole 10.42.36.128/25"],
    shows: /\(route-shadowed/,
  },
  {
    name: "doctor",
    title: "quilt-sidecar doctor: what stops traffic, and the commands that end it",
    columns: 100,
    rows: 60,
    typed: "quilt-sidecar doctor",
    plant: ["echo 0 > /proc/sys/net/ipv4/ip_forward"],
    mend: ["echo 1 > /proc/sys/net/ipv4/ip_forward"],
    shows: /\(forwarding-off/,
  },
  {
    name: "demo",
    title: "quilt-sidecar demo: peers join and leave, and packets flow",
    columns: 124,
    rows: 36,
    typed: "quilt-sidecar demo",
    plant: [],
    mend: [],
    shows: /› \S+ left\n/,
  },
];

/** The numbers of the nodes that a mesh of some size has besides the first. */
const PEERS: readonly number[] = [
  ...Array.from({ length: 40 }, (_, at) => at + 2),
  ...Array.from({ length: 30 }, (_, at) => at + 64),
  ...Array.from({ length: 12 }, (_, at) => 2 * at + 130),
];

/** Peers whose routes the agent has not requested since its start. */
const UNCONFIRMED: readonly number[] = [88, 89, 90];

async function drawAll(names: readonly string[]): Promise<boolean> {
  await using hosts = await makeTwoHosts();
  const { host } = hosts.one;
  const bin = await Deno.makeTempDir();
  await Deno.symlink(Deno.execPath(), `${bin}/deno`);
  await using _ = {
    [Symbol.asyncDispose]: () => Deno.remove(bin, { recursive: true }),
  };
  await runLines(host, [
    "ip link set vxlan100 mtu 1450",
    ...PEERS.filter((peer) => peer !== 2).map((peer) =>
      `bridge fdb append 00:00:00:00:00:00 dev vxlan100 dst 198.51.100.${peer}`
    ),
  ]);
  await using sidecar = await startSidecar(host);
  await state(host);
  for (const picture of PICTURES) {
    if (names.length > 0 && !names.includes(picture.name)) continue;
    await runLines(host, picture.plant);
    let shown = "";
    await until(async () => {
      shown = await showOnTerminal(host, picture, bin);
      return picture.shows.test(shown);
    }, { what: () => `${picture.typed} to show ${picture.shows}:\n${shown}` });
    await runLines(host, picture.mend);
    await write(picture, shown);
  }
  await sidecar.stop();
  return true;
}

/** What the mesh agent has asked for. */
async function state(host: Namespace): Promise<void> {
  await using client = await connectClient(host);
  const inject = async (peers: readonly number[]): Promise<void> => {
    for (const peer of peers) {
      await client.injectRoute(`10.42.${peer}.0/24`, "vxlan100");
    }
  };
  await client.configureNodeSubnet("10.42.1.0/24");
  await inject(PEERS);
  await client.configureNodeSubnet("10.42.1.0/24");
  await inject(PEERS.filter((peer) => !UNCONFIRMED.includes(peer)));
}

/**
 * Runs a command on a terminal of its own.
 *
 * @returns what is to be seen at its end; of what draws in place, the last picture that
 * shows what is to be seen
 */
async function showOnTerminal(
  host: Namespace,
  { columns, rows, shows, typed }: Picture,
  bin: string,
): Promise<string> {
  const path = `${bin}:${repository}/bin:${Deno.env.get("PATH")}`;
  const words = `stty cols ${columns} rows ${rows}; ${typed}`;
  const { stdout } = await host.run(
    ["env", "--unset=NO_COLOR", "script", "--quiet", "--command", words, "/dev/null"],
    { env: { PATH: path, TERM: "xterm-256color", LC_ALL: "C.UTF-8" } },
  );
  const frames = stdout.replaceAll("\r\n", "\n").split(HOME).map((frame) =>
    ERASE.reduce((text, sequence) => text.replaceAll(sequence, ""), frame)
  );
  return frames.findLast((frame) => shows.test(frame)) ?? frames.join("\n");
}

/** To the upper left corner, where a picture begins (ECMA-48, CUP). */
const HOME = "\u001b[H";

/** What a picture erases of the one before it (ECMA-48, EL and ED). */
const ERASE = ["\u001b[K", "\u001b[J", "\u001b[2J"] as const;

/** Replaces times and counts that differ from run to run. */
export function fixTimes(shown: string): string {
  return shown
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, "2026-11-24T10:00:00.000Z")
    .replaceAll(/\bup (?:\d+ (?:d|h|min|s)\b ?)+/g, "up 20 s")
    .replaceAll(/\b\d+ s(?= {3}Ctrl-C)/g, "20 s")
    // What got lost stays: it is a result.
    .replaceAll(/\b\d+ sent, \d+ answered, 0 lost/g, "500 sent, 500 answered, 0 lost");
}

async function write(picture: Picture, shown: string): Promise<void> {
  const { columns, name, title, typed } = picture;
  const file = `${repository}/docs/pictures/${name}.svg`;
  const output = `\u001b[2m$\u001b[22m \u001b[1m${typed}\u001b[22m\n${fixTimes(shown)}`;
  await Deno.writeTextFile(file, drawTerminal({ title, columns, output }));
  const { success } = await command([Deno.execPath(), "fmt", "--quiet", file]).output();
  if (!success) throw new Error(`Cannot format ${file}`);
  await print(`docs/pictures/${name}.svg`);
}

/** Enters namespaces of its own, and does the rest there. */
async function enter(names: readonly string[]): Promise<boolean> {
  const isolation = await isolate();
  const program = [Deno.execPath(), "run", "--frozen", "--cached-only", "--allow-all"];
  const words = [...program, "docs/pictures/draw.ts", INSIDE, ...names];
  const child = command(isolation.commandFor(words)).spawn();
  await child.stdout.pipeTo(Deno.stdout.writable, { preventClose: true });
  const { success } = await child.status;
  return await isolation.untouched() && success;
}

/** The first word within the namespaces. */
const INSIDE = "--inside";

if (import.meta.main) {
  const [first, ...names] = Deno.args;
  await exitWith(() => first === INSIDE ? drawAll(names) : enter(Deno.args));
}
