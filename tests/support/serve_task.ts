import { objectAt, parseJsonObject, stringAt } from "../../deploy/json.ts";

/** The repository's root, without a slash at its end. */
export const repository = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");

/** A `deno run` command line, taken apart. */
export interface DenoRun {
  /** The command in front of `deno`, e.g. `env --block-signal=USR1`. */
  readonly launcher: readonly string[];
  /** The options between `deno run` and the program, e.g. `--allow-run=ip`. */
  readonly flags: readonly string[];
  /** The program, e.g. `src/main.ts`. */
  readonly program: string;
  /** The arguments of the program, e.g. `serve`. */
  readonly args: readonly string[];
}

/**
 * Takes a `deno run …` command line apart. Knows no quoting: a task that needs it
 * is no longer plain enough for an operator to copy.
 *
 * @throws {Error} when it is not `deno run`, names no program or contains quotes.
 */
export function parseDenoRun(command: string): DenoRun {
  const words = command.trim().split(/\s+/);
  const start = words.indexOf("deno");
  const [run, ...rest] = words.slice(start + 1);
  const at = rest.findIndex((word) => !word.startsWith("-"));
  const program = rest[at];
  if (start < 0 || run !== "run" || program === undefined) {
    throw new Error(
      `Cannot read as "deno run FLAGS PROGRAM": current value is ${command}`,
    );
  }
  if (/["'\\$]/.test(command)) {
    throw new Error(`Cannot read a quoted command: current value is ${command}`);
  }
  return {
    launcher: words.slice(0, start),
    flags: rest.slice(0, at),
    program,
    args: rest.slice(at + 1),
  };
}

/** The tasks of deno.json that serve. */
export type ServeTask = "serve" | "serve:dry-run" | "serve:tls" | "serve:unix";

/** The commands that call a sidecar. */
export const CLIENT_COMMANDS = [
  "status",
  "doctor",
  "health",
  "routes",
  "addresses",
  "events",
  "configure",
  "inject",
  "remove",
  "allocate",
  "release",
  "sync",
  "bundle",
] as const;

/** One of {@linkcode CLIENT_COMMANDS}. */
export type ClientCommand = typeof CLIENT_COMMANDS[number];

/** The tasks of deno.json that an operator types: on a port, a Unix socket, over TLS. */
export type ClientTask =
  | ClientCommand
  | `${ClientCommand}:${"tls" | "unix"}`
  | "audit"
  | "completions"
  | "man"
  | "uninstall";

/** A task of deno.json: what operators run, and therefore what every test runs. */
export function serveTask(name: ServeTask = "serve"): DenoRun {
  return taskOf(name);
}

/** A task of deno.json that an operator types. */
export function clientTask(name: ClientTask): DenoRun {
  return taskOf(name);
}

/**
 * The command of such a task.
 *
 * @param options Further words of the command, e.g. `--json`.
 */
export function clientCommand(
  name: ClientTask,
  options: readonly string[] = [],
): readonly string[] {
  const { flags, program, args } = clientTask(name);
  return [Deno.execPath(), "run", ...flags, program, ...args, ...options];
}

/** The command of `serve` with `path` as PATH, so that no other program is found. */
export function serveCommandInPath(
  options: readonly string[],
  path = "/nonexistent",
): readonly string[] {
  const words = serveCommand(options);
  const at = words.indexOf(Deno.execPath());
  return [...words.slice(0, at), `PATH=${path}`, ...words.slice(at)];
}

function taskOf(name: ServeTask | ClientTask): DenoRun {
  const config = parseJsonObject(Deno.readTextFileSync(`${repository}/deno.json`));
  return parseDenoRun(stringAt(objectAt(objectAt(config, "tasks"), name), "command"));
}

/**
 * The command that starts the sidecar as the `serve` task does.
 *
 * @param options Further options of `serve`, e.g. `--log-level`, `debug`.
 * @param substitute A program to start in the sidecar's place, under the same grants.
 * @param task Which task.
 */
export function serveCommand(
  options: readonly string[],
  substitute?: string,
  task: ServeTask = "serve",
): readonly string[] {
  const { launcher, flags, program, args } = serveTask(task);
  const run = [...launcher, Deno.execPath(), "run", ...flags];
  return [...run, substitute ?? program, ...args, ...options];
}
