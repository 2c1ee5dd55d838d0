/**
 * How `deno task test` and `deno task bench` enter network, mount and process
 * namespaces of their own, as root or as an ordinary user, so that nothing they do can
 * touch the machine's network, which is compared afterwards with what it was, and nothing
 * that they start outlives them.
 */
import { guardVariables, OURS } from "./guard.ts";
import { repository } from "./serve_task.ts";

/** A sentence for the user of the tests; it has no stack trace. */
export class Obstacle extends Error {
  override readonly name = "Obstacle";
}

/**
 * Runs inside the namespaces. /run is fresh because `ip netns add` writes to it; the
 * second address of lo is there because resolvers find no address family without.
 */
const enter = `set -e
# Debian keeps bridge outside of the PATH of an ordinary user.
export PATH="$PATH:/usr/sbin:/sbin"
mount -t tmpfs tmpfs /run
ip link set lo up
ip address add 192.0.2.1/32 dev lo
# As process 1 the shell stays, and waits for whatever has lost its parent.
test $$ -eq 1 || exec "$@"
"$@"`;

/** Ends with us, whatever ends us. */
const unshare = ["setpriv", "--pdeathsig", "KILL", "unshare"];
const asRoot = ["--net", "--mount", "--propagation", "private"];
const asUser = ["--user", "--map-root-user", ...asRoot];
/** What ends takes all with it that it has started. */
const apart = ["--pid", "--fork", "--kill-child", "--mount-proc"];

/** Writes one line to our own stdout. */
export async function print(text: string): Promise<void> {
  await new Blob([`${text}\n`]).stream().pipeTo(Deno.stdout.writable, {
    preventClose: true,
  });
}

/** A program in the repository's directory, its stdout to be read; not started. */
export function command(
  [program = "", ...args]: readonly string[],
  variables: Readonly<Record<string, string>> = {},
): Deno.Command {
  const plain = Deno.stdout.isTerminal() ? {} : { NO_COLOR: "1" };
  const env = { ...plain, ...guardVariables(), ...variables };
  return new Deno.Command(program, {
    args,
    env,
    cwd: repository,
    stdin: "null",
    stdout: "piped",
  });
}

/** Runs a program with our own stdout; false when it failed. */
export async function runAndShow(words: readonly string[]): Promise<boolean> {
  await print(`> ${words.slice(1).join(" ").slice(0, 88)}`);
  const child = command(words).spawn();
  await child.stdout.pipeTo(Deno.stdout.writable, { preventClose: true });
  return (await child.status).success;
}

/** Namespaces that can be entered. */
export interface Isolation {
  /** The command that runs a command line inside new namespaces. */
  commandFor(inner: readonly string[]): readonly string[];
  /**
   * Whether the machine's own network is as it was before, and no control group of ours
   * is left; prints what is not.
   */
  untouched(): Promise<boolean>;
}

/**
 * Finds a way into namespaces of our own, and sees to it that the dependencies are
 * here: a network namespace has no way to a registry.
 *
 * @throws {Obstacle} when a program, a privilege or a dependency is missing.
 */
export async function isolate(): Promise<Isolation> {
  await requireTools();
  const entering = await enteringCommand();
  const before = await machine();
  if (!await runAndShow([Deno.execPath(), "install", "--frozen", "--quiet"])) {
    throw new Obstacle("The dependencies cannot be installed.");
  }
  return {
    commandFor: (inner) => [...entering, "sh", "-c", enter, "sh", ...inner],
    untouched: async () => {
      const changes = difference(before, await machine());
      if (changes.length === 0) return true;
      await print(["The machine itself was changed meanwhile:", ...changes].join("\n"));
      return false;
    },
  };
}

/** Runs a program's main function; an {@linkcode Obstacle} becomes one line on stderr. */
export async function exitWith(main: () => Promise<boolean>): Promise<void> {
  try {
    Deno.exitCode = await main() ? 0 : 1;
  } catch (error) {
    if (!(error instanceof Obstacle)) throw error;
    await new Blob([`${error.message}\n`]).stream().pipeTo(Deno.stderr.writable);
    Deno.exitCode = 1;
  }
}

/** Runs a program to its end and returns what it wrote on stdout. */
async function output(words: readonly string[]): Promise<string> {
  const { code, stdout } = await command(words).output();
  if (code !== 0) throw new Obstacle(`"${words.join(" ")}" failed with ${code}.`);
  return new TextDecoder().decode(stdout);
}

/** The programs that the tests need, with the Debian package of each. */
async function requireTools(): Promise<void> {
  const tools = [
    ...[["ip", "iproute2"], ["mount", "mount"]],
    ...[["unshare", "util-linux"], ["setpriv", "util-linux"]],
  ];
  await Promise.all(tools.map(async ([tool = "", debian = ""]) => {
    try {
      await command([tool, "-V"]).output();
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      throw new Obstacle(
        `The tests need the program ${tool}: apt-get install ${debian}`,
      );
    }
  }));
}

/** The command that enters the namespaces, for root or for an ordinary user. */
async function enteringCommand(): Promise<readonly string[]> {
  const works = async (words: readonly string[]): Promise<boolean> =>
    (await command([...words, "sh", "-c", enter, "sh", "true"]).output()).success;
  const ways = [...(Deno.uid() === 0 ? [asRoot] : []), asUser];
  for (const way of ways) {
    // Where a part of /proc is hidden, as in a container, none can be mounted anew.
    for (const words of [[...unshare, ...way, ...apart], [...unshare, ...way]]) {
      if (await works(words)) return words;
    }
  }
  throw new Obstacle(
    "The tests need namespaces of their own: run them as root, or where an ordinary " +
      "user may make user namespaces (sysctl user.max_user_namespaces).",
  );
}

/**
 * Everything a test could have changed on the machine, without what changes by itself:
 * lifetimes, and an address that IPv6 has not yet tried (RFC 4862).
 */
async function machine(): Promise<readonly string[]> {
  const shown = [
    await output(["ip", "-oneline", "link", "show"]),
    await output(["ip", "-oneline", "address", "show"]),
    await output(["ip", "route", "show", "table", "all"]),
    await output(["ip", "rule", "show"]),
    await output(["ip", "-6", "rule", "show"]),
    await controlGroups(),
  ];
  const byItself = / (?:(?:expires|valid_lft|preferred_lft) \d+sec|tentative)\b/g;
  return shown.join("\n").replaceAll(byItself, "").split("\n");
}

/** Those of this run; only root can see them from here, as only root makes any. */
async function controlGroups(): Promise<string> {
  const list = `mount -t cgroup2 cgroup2 /sys/fs/cgroup && cd /sys/fs/cgroup &&
ls -d ${OURS}-*`;
  const apart = ["unshare", "--mount", "--propagation", "private", "sh", "-c", list];
  return new TextDecoder().decode((await command(apart).output()).stdout);
}

function difference(
  before: readonly string[],
  after: readonly string[],
): readonly string[] {
  const without = (lines: readonly string[], others: readonly string[]) =>
    lines.filter((line) => !others.includes(line));
  return [
    ...without(before, after).map((line) => `- ${line}`),
    ...without(after, before).map((line) => `+ ${line}`),
  ];
}
