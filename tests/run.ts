/**
 * What `deno task test` executes: format, lint and types, then `deno test` in network
 * and mount namespaces of its own, as root or as an ordinary user, so that no test can
 * touch the machine's routes; afterwards they are compared with what they were.
 *
 * `deno task test PATH…` (or any other argument of `deno test`, e.g. `--filter`)
 * runs only that, without format, lint and types of the rest.
 */
import { repository } from "./support/serve_task.ts";
import { closingLine, readSummary, type Summary } from "./support/summary.ts";

/** A sentence for whoever runs the tests; no stack trace belongs to it. */
class Obstacle extends Error {
  override readonly name = "Obstacle";
}

/**
 * Runs inside the namespaces. /run is fresh because `ip netns add` writes to it; the
 * second address of lo is there because resolvers find no address family without.
 */
const enter = `set -e
mount -t tmpfs tmpfs /run
ip link set lo up
ip address add 192.0.2.1/32 dev lo
exec "$@"`;

const asRoot = ["unshare", "--net", "--mount", "--propagation", "private"];
const asUser = ["unshare", "--user", "--map-root-user", ...asRoot.slice(1)];

async function say(text: string): Promise<void> {
  await new Blob([`${text}\n`]).stream().pipeTo(Deno.stdout.writable, {
    preventClose: true,
  });
}

function command([program = "", ...args]: readonly string[]): Deno.Command {
  const plain = Deno.stdout.isTerminal() ? {} : { NO_COLOR: "1" };
  const env = { ...plain, QUILT_TESTS_ARE_ISOLATED: "1" };
  return new Deno.Command(program, {
    args,
    env,
    cwd: repository,
    stdin: "null",
    stdout: "piped",
  });
}

/** Runs a program to its end and returns what it wrote on stdout. */
async function output(words: readonly string[]): Promise<string> {
  const { code, stdout } = await command(words).output();
  if (code !== 0) throw new Obstacle(`"${words.join(" ")}" failed with ${code}.`);
  return new TextDecoder().decode(stdout);
}

/** Runs a program with our own stdout; false when it failed. */
async function shown(words: readonly string[]): Promise<boolean> {
  await say(`> ${words.slice(1).join(" ").slice(0, 88)}`);
  const child = command(words).spawn();
  await child.stdout.pipeTo(Deno.stdout.writable, { preventClose: true });
  return (await child.status).success;
}

/** The programs that the tests need, with the Debian package of each. */
async function requireTools(): Promise<void> {
  const tools = [["ip", "iproute2"], ["unshare", "util-linux"], ["mount", "mount"]];
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

/** The words that enter the namespaces, for root or for an ordinary user. */
async function entrance(): Promise<readonly string[]> {
  const works = async (words: readonly string[]): Promise<boolean> =>
    (await command([...words, "sh", "-c", enter, "sh", "true"]).output()).success;
  if (Deno.uid() === 0 && await works(asRoot)) return asRoot;
  if (await works(asUser)) return asUser;
  throw new Obstacle(
    "The tests need namespaces of their own: run them as root, or where an ordinary " +
      "user may make user namespaces (sysctl user.max_user_namespaces).",
  );
}

/** Everything a test could have changed on the machine; lifetimes run by themselves. */
async function routesOfTheMachine(): Promise<string> {
  const routes = await output(["ip", "route", "show", "table", "all"]);
  const rules = await output(["ip", "rule", "show"]);
  const rules6 = await output(["ip", "-6", "rule", "show"]);
  return [routes, rules, rules6].join("\n").replaceAll(/ expires \d+sec/g, "");
}

/** Format, lint and types; resolves to how many of them failed. */
async function checkSources(deno: string): Promise<number> {
  const results = [
    await shown([deno, "fmt", "--check"]),
    await shown([deno, "lint", "--quiet"]),
    await shown([deno, "check", "--frozen", "--quiet", "src", "tests"]),
  ];
  return results.filter((good) => !good).length;
}

/** Runs `deno test` in the namespaces, showing its output. */
async function runTests(
  enterWords: readonly string[],
  testWords: readonly string[],
): Promise<Summary> {
  const test = [Deno.execPath(), "test", "--frozen", "--cached-only", "--allow-all"];
  const words = [...enterWords, "sh", "-c", enter, "sh", ...test, ...testWords];
  const child = command(words).spawn();
  const [shownPart, readPart] = child.stdout.tee();
  const [text] = await Promise.all([
    new Response(readPart).text(),
    shownPart.pipeTo(Deno.stdout.writable, { preventClose: true }),
  ]);
  const { success } = await child.status;
  const read = readSummary(text) ?? { passed: 0, failed: 0, skipped: 0 };
  // A crash of the runner, or no test at all, is a failure without a failed test.
  const failed = success && read.passed > 0 ? read.failed : Math.max(read.failed, 1);
  return { ...read, failed };
}

async function main(args: readonly string[]): Promise<boolean> {
  const deno = Deno.execPath();
  await requireTools();
  const enterWords = await entrance();
  const before = await routesOfTheMachine();
  const everything = args.length === 0;
  const faults = everything ? await checkSources(deno) : 0;
  if (faults > 0) {
    await say(closingLine({ passed: 0, failed: faults, skipped: 0 }));
    return false;
  }
  // A network namespace has no way to a registry: all must be here before.
  const install = [deno, "install", "--frozen", "--quiet"];
  if (!await shown(install)) {
    throw new Obstacle("The dependencies cannot be installed.");
  }
  const suite = ["--no-check", "--ignore=tests/bench", "tests"];
  const summary = await runTests(enterWords, everything ? suite : args);
  const untouched = await routesOfTheMachine() === before;
  if (!untouched) {
    await say("The machine's own routes or rules changed while the tests ran.");
  }
  const failed = summary.failed + (untouched ? 0 : 1);
  await say(closingLine({ ...summary, failed }));
  return failed === 0;
}

try {
  Deno.exitCode = await main(Deno.args) ? 0 : 1;
} catch (error) {
  if (!(error instanceof Obstacle)) throw error;
  await new Blob([`${error.message}\n`]).stream().pipeTo(Deno.stderr.writable);
  Deno.exitCode = 1;
}
