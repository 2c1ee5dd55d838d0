/** An ordinary user who has a clone and a warm cache, and tries the demo. */
import { parseJsonObject, stringAt } from "../../deploy/json.ts";
import { refuseOnTheMachine } from "../support/guard.ts";
import { type Finished, runToEnd } from "../support/namespace.ts";
import { repository } from "../support/serve_task.ts";

/** The user that has no rights, by convention. */
const NOBODY = 65534;

/** The user, with a home of its own. */
export interface DemoUser extends AsyncDisposable {
  /** A folder that has the program `deno`, and no other. */
  readonly programs: string;
  /** Runs a command to its end. */
  run(words: readonly string[]): Promise<Finished>;
  /** Starts `deno task demo`, or a command that runs it. */
  start(words?: readonly string[]): Deno.ChildProcess;
  /** What is there and would not be without the demo: empty if it has left nothing. */
  traces(): Promise<readonly string[]>;
}

/** What the user types. */
export const DEMO = ["deno", "task", "demo"] as const;

/**
 * Makes the user. Clone, cache and Deno are mounted where it can read them, because those
 * of the tests may be in the home of root.
 */
export async function makeDemoUser(): Promise<DemoUser> {
  refuseOnTheMachine();
  const place = await Deno.makeTempDir({ prefix: "quilt-demo-" });
  await must(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", place]);
  const user = isRoot() ? NOBODY : Deno.uid();
  for (const own of ["home", "cache"]) {
    await Deno.mkdir(`${place}/${own}`);
    await Deno.chown(`${place}/${own}`, user, user === NOBODY ? NOBODY : Deno.gid());
  }
  await bind(repository, `${place}/clone`);
  await bind(await packages(), `${place}/cache/npm`);
  await Deno.mkdir(`${place}/bin`);
  await Deno.writeTextFile(`${place}/bin/deno`, "");
  await must(["mount", "--bind", Deno.execPath(), `${place}/bin/deno`]);
  const [name, value] = ["QUILT_DEMO", crypto.randomUUID()] as const;
  const seen = async (): Promise<readonly string[]> => [
    ...processesWith(`${name}=${value}`),
    ...await mounts(),
    ...[...Deno.readDirSync(`${place}/home`)].map((entry) => `~/${entry.name}`),
    ...isRoot() ? [...filesOf("/tmp"), ...filesOf("/dev/shm")] : [],
  ];
  const before = await seen();
  const env = {
    ...{ HOME: `${place}/home`, DENO_DIR: `${place}/cache`, LC_ALL: "C.UTF-8" },
    ...{ PATH: `${place}/bin:${Deno.env.get("PATH")}`, TERM: "xterm", NO_COLOR: "1" },
  };
  const as = (words: readonly string[]): readonly string[] => [
    ...["env", "-C", `${place}/clone`],
    ...isRoot()
      ? ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"]
      : [],
    ...words,
  ];
  return {
    programs: `${place}/bin`,
    run: (words) => runToEnd(as(words), { env: { ...env, [name]: value } }),
    start: (words = DEMO) => {
      const [program = "", ...args] = as(words);
      return new Deno.Command(program, {
        args,
        env: { ...env, [name]: value },
        stdin: "piped",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
    },
    traces: async () => (await seen()).filter((each) => !before.includes(each)),
    [Symbol.asyncDispose]: async () => {
      await must(["umount", "--recursive", place]);
      // Not recursive: should something still be mounted there, it stays whole.
      await Deno.remove(place);
    },
  };
}

/** Whether we may become another user: root of a user namespace has but one. */
function isRoot(): boolean {
  const [, , count] = Deno.readTextFileSync("/proc/self/uid_map").trim().split(/\s+/);
  return Deno.uid() === 0 && Number(count) > NOBODY;
}

async function bind(from: string, to: string): Promise<void> {
  await Deno.mkdir(to);
  await must(["mount", "--bind", from, to]);
}

/** The folder of the cache with the npm packages. */
async function packages(): Promise<string> {
  const info = await must([Deno.execPath(), "info", "--json"]);
  return stringAt(parseJsonObject(info), "npmCache");
}

async function must(words: readonly string[]): Promise<string> {
  const { code, stderr, stdout } = await runToEnd(words);
  if (code !== 0) throw new Error(`Cannot run ${words.join(" ")}: ${stderr}`);
  return stdout;
}

async function mounts(): Promise<readonly string[]> {
  return (await Deno.readTextFile("/proc/self/mountinfo")).trim().split("\n");
}

/** The command lines of the processes that have a variable. */
function processesWith(variable: string): readonly string[] {
  return [...Deno.readDirSync("/proc")].flatMap(({ name }) => {
    try {
      const variables = Deno.readTextFileSync(`/proc/${name}/environ`).split("\0");
      if (!variables.includes(variable)) return [];
      return [Deno.readTextFileSync(`/proc/${name}/cmdline`).replaceAll("\0", " ")];
    } catch {
      // No process, or one that has just ended.
      return [];
    }
  });
}

/** What the user has in a folder that everybody may write to. */
function filesOf(folder: string): readonly string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name }) => {
    try {
      const path = `${folder}/${name}`;
      return Deno.lstatSync(path).uid === NOBODY ? [path] : [];
    } catch {
      // Another test has just removed it.
      return [];
    }
  });
}
