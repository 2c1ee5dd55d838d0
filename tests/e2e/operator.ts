/** An operator at a host whose sidecar runs: by a port, a Unix socket, or mutual TLS. */
import assert from "node:assert/strict";
import { type CollectedLines, collectLines } from "../support/lines.ts";
import {
  addVxlan,
  type Finished,
  type Namespace,
  type RunOptions,
} from "../support/namespace.ts";
import {
  type ClientCommand,
  clientCommand,
  type ClientTask,
  repository,
  serveCommand,
} from "../support/serve_task.ts";
import { killIfAlive, type Sidecar, startSidecar } from "../support/sidecar.ts";
import { until } from "../support/wait.ts";
import { makeQuietNamespace } from "./host.ts";
import { openTlsHost, TLS_DIRECTORY } from "./tls_host.ts";

/** How the sidecar is reached: each has tasks of its own. */
export type Access = "port" | "unix" | "tls";

/** Every way there is. */
export const ACCESSES: readonly Access[] = ["port", "unix", "tls"];

/** Where the tasks have it. */
export const ADDRESSES: Readonly<Record<Access, string>> = {
  port: "127.0.0.1:50051",
  unix: "unix:///run/quilt/sidecar.sock",
  tls: "127.0.0.1:50051",
};

const ENV = { NO_COLOR: "1" } as const;

/** A host with vxlan100, its sidecar, and the user that types commands there. */
export interface OperatorHost extends AsyncDisposable {
  readonly namespace: Namespace;
  readonly sidecar: Sidecar;
  /** The command line of a task, with further words. */
  words(command: ClientCommand, words?: readonly string[]): readonly string[];
  /** Runs a command to its end, whatever that is. */
  run(
    command: ClientCommand,
    words?: readonly string[],
    options?: RunOptions,
  ): Promise<Finished>;
  /**
   * Runs a command that must end with 0 and without a word on standard error.
   *
   * @returns what it showed, without the line feed at its end
   */
  show(command: ClientCommand, ...words: readonly string[]): Promise<string>;
}

/** Starts the sidecar as the task for this access does, with further options. */
export async function openOperatorHost(
  access: Access = "port",
  options: readonly string[] = [],
): Promise<OperatorHost> {
  await using stack = new AsyncDisposableStack();
  const host = await openAccess(stack, access, options);
  const kept = stack.move();
  return { ...operate(host, access), [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

/** Where a sidecar runs, and its certificates if it has any. */
interface AccessedHost {
  readonly namespace: Namespace;
  readonly sidecar: Sidecar;
  /** Stands in the place of the directory that the tasks for TLS read. */
  readonly directory: string;
}

async function openAccess(
  stack: AsyncDisposableStack,
  access: Access,
  options: readonly string[],
): Promise<AccessedHost> {
  if (access === "tls") return stack.use(await openTlsHost());
  const namespace = stack.use(await makeQuietNamespace());
  await addVxlan(namespace);
  if (access === "unix") await Deno.mkdir("/run/quilt", { recursive: true });
  const task = access === "unix" ? "serve:unix" : "serve";
  const command = serveCommand(options, undefined, task);
  const sidecar = stack.use(await startSidecar(namespace, { command }));
  return { namespace, sidecar, directory: TLS_DIRECTORY };
}

function operate(
  { directory, namespace, sidecar }: AccessedHost,
  access: Access,
): Omit<OperatorHost, typeof Symbol.asyncDispose> {
  const words: OperatorHost["words"] = (command, more = []) =>
    clientCommand(taskOf(command, access), more)
      .map((word) => word.replaceAll(TLS_DIRECTORY, directory));
  const run: OperatorHost["run"] = (command, more, options = {}) =>
    namespace.run(words(command, more), {
      ...options,
      env: { ...ENV, ...options.env },
    });
  return {
    namespace,
    sidecar,
    words,
    run,
    show: async (command, ...more) => {
      const { code, stderr, stdout } = await run(command, more);
      assert.deepEqual([code, stderr], [0, ""], `${command} ${more.join(" ")}`);
      return stdout.replace(/\n$/, "");
    },
  };
}

/** The task of a command. */
export function taskOf(command: ClientCommand, access: Access): ClientTask {
  return access === "port" ? command : `${command}:${access}`;
}

/** The program that operators type, and what it needs to find Deno on the PATH. */
export const LAUNCHED = {
  program: `${repository}/bin/quilt-sidecar`,
  env: {
    ...ENV,
    PATH: `${Deno.execPath().replace(/\/[^/]*$/, "")}:${Deno.env.get("PATH") ?? ""}`,
  },
} as const;

/** A command that goes on until it is ended. Killed when disposed. */
export interface Followed extends AsyncDisposable {
  /** Lines on standard output until now. */
  readonly lines: readonly string[];
  /** Lines on standard error until now. */
  readonly complaints: readonly string[];
  kill(signal: Deno.Signal): void;
  /** Resolves with the exit code when all its lines are here. */
  readonly ended: Promise<number>;
  /** Waits for the first line that matches, from the start. */
  shown(pattern: RegExp): Promise<string>;
}

/** Starts a command and reads what it shows, as it comes. */
export function follow(namespace: Namespace, words: readonly string[]): Followed {
  const child = namespace.command(words, {
    env: ENV,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const [out, err] = [collectLines(child.stdout), collectLines(child.stderr)];
  const ended = endOf(child, [out, err]);
  return {
    lines: out.lines,
    complaints: err.lines,
    kill: (signal) => killIfAlive(child, signal),
    ended,
    shown: (pattern) =>
      until(() => out.lines.find((line) => pattern.test(line)), {
        what: () => `${pattern} in:\n${[...out.lines, ...err.lines].join("\n")}`,
      }),
    [Symbol.asyncDispose]: async () => {
      killIfAlive(child, "SIGKILL");
      await ended;
    },
  };
}

async function endOf(
  child: Deno.ChildProcess,
  outputs: readonly CollectedLines[],
): Promise<number> {
  const [{ code }] = await Promise.all([
    child.status,
    ...outputs.map(({ ended }) => ended),
  ]);
  return code;
}

/** A command at a terminal of its own. Killed when disposed. */
export interface AtTerminal extends AsyncDisposable {
  /** All that the terminal was sent until now, control codes included. */
  readonly screen: string;
  /** Types keys: `\r` is Return, and `\x03` is Ctrl-C. */
  type(keys: string): Promise<void>;
  /** Waits for a text on the terminal, from the start. */
  shown(pattern: RegExp): Promise<void>;
  /** Resolves with the exit code. */
  readonly ended: Promise<number>;
}

/** The size of {@linkcode atTerminal}'s windows. */
export const WINDOW = { columns: 80, rows: 24 } as const;

/** Starts a command at a terminal, by script(1). */
export function atTerminal(
  namespace: Namespace,
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
): AtTerminal {
  const { columns, rows } = WINDOW;
  const sized = `stty rows ${rows} cols ${columns}; exec ${words.join(" ")}`;
  const child = namespace.command(
    ["script", "--quiet", "--return", "--command", sized, "/dev/null"],
    {
      env: { TERM: "xterm-256color", LC_ALL: "C.UTF-8", ...ENV, ...env },
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    },
  ).spawn();
  const keyboard = child.stdin.getWriter();
  let screen = "";
  const read = async (): Promise<void> => {
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      screen += text;
    }
  };
  const end = async (): Promise<number> => {
    const [{ code }] = await Promise.all([child.status, read()]);
    await keyboard.abort().catch(() => {});
    return code;
  };
  const ended = end();
  return {
    get screen(): string {
      return screen;
    },
    type: (keys) => keyboard.write(new TextEncoder().encode(keys)),
    shown: async (pattern) => {
      await until(() => pattern.test(screen), {
        what: () => `${pattern} on the terminal:\n${JSON.stringify(screen)}`,
      });
    },
    ended,
    [Symbol.asyncDispose]: async () => {
      killIfAlive(child, "SIGKILL");
      await ended;
    },
  };
}
