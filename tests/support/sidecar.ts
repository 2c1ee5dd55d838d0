import { type CollectedLines, collectLines } from "./lines.ts";
import type { Finished, Namespace } from "./namespace.ts";
import { serveCommand } from "./serve_task.ts";
import { until } from "./wait.ts";

/** How {@linkcode startSidecar} starts it. */
export interface SidecarOptions {
  /** Further options of `serve`, e.g. `["--log-level", "debug"]`. @default {[]} */
  readonly options?: readonly string[];
  /** Variables for Deno itself; the sidecar sees none. @default {{}} */
  readonly env?: Readonly<Record<string, string>>;
  /** Milliseconds within which it must listen. @default {15000} */
  readonly deadlineMs?: number;
  /**
   * A command in front of the command line, which executes it, e.g.
   * `["setpriv", "--reuid", "65534"]`.
   * @default {[]}
   */
  readonly launcher?: readonly string[];
  /** A program to start in the sidecar's place, under the same grants. */
  readonly program?: string;
  /** A whole command line in the place of the task's, e.g. that of a container. */
  readonly command?: readonly string[];
}

/** The real sidecar in a process of its own. Killed when disposed. */
export interface Sidecar extends AsyncDisposable {
  readonly pid: number;
  /** Lines on stderr until now: the human log. */
  readonly log: readonly string[];
  /** Lines on stdout until now: the audit log, one JSON object each. */
  readonly audit: readonly string[];
  /** Whether it has ended and all its lines are here. */
  readonly ended: boolean;
  /** Resolves when it has ended and all its lines are here. */
  readonly status: Promise<Deno.CommandStatus>;
  /** Sends a signal and does not wait; nothing happens when it has ended already. */
  kill(signal: Deno.Signal): void;
  /** Sends SIGTERM and waits for the end; SIGKILL after the deadline, as a failure. */
  stop(deadlineMs?: number): Promise<Deno.CommandStatus>;
  /** Waits for the first line of the log that matches, from the start of the log. */
  logged(pattern: RegExp, deadlineMs?: number): Promise<string>;
}

/** The sidecar ended before it listened. */
export class SidecarEnded extends Error {
  override readonly name = "SidecarEnded";
  /** Its exit code. */
  readonly code: number;
  /** Its log. */
  readonly log: readonly string[];

  constructor(status: Deno.CommandStatus, log: readonly string[]) {
    super(
      `The sidecar ended with ${status.code} before it listened:\n${log.join("\n")}`,
    );
    this.code = status.code;
    this.log = log;
  }
}

/**
 * Starts the sidecar in a namespace with the very flags of the `serve` task and
 * waits until its port is open.
 *
 * @throws {SidecarEnded} when it ends first.
 * @throws {Error} when the deadline passes first; it is killed then.
 */
export async function startSidecar(
  namespace: Namespace,
  options: SidecarOptions = {},
): Promise<Sidecar> {
  const { env = {}, deadlineMs = 15_000, launcher = [], program } = options;
  const command = options.command ?? serveCommand(options.options ?? [], program);
  const child = namespace.command([...launcher, ...command], {
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const sidecar = watch(child, collectLines(child.stdout), collectLines(child.stderr));
  let ended: Deno.CommandStatus | undefined;
  sidecar.status.then((status) => ended = status);
  try {
    await until(() => {
      if (ended !== undefined) throw new SidecarEnded(ended, sidecar.log);
      return listens(sidecar);
    }, {
      deadlineMs,
      what: () => `the sidecar to listen; its log:\n${sidecar.log.join("\n")}`,
    });
  } catch (error) {
    await sidecar[Symbol.asyncDispose]();
    throw error;
  }
  return sidecar;
}

/** Runs `serve` with options that it must refuse, to its end. */
export function serveToEnd(
  namespace: Namespace,
  options: readonly string[],
): Promise<Finished> {
  return namespace.run(serveCommand(options), { env: { NO_COLOR: "1" } });
}

function watch(
  child: Deno.ChildProcess,
  audit: CollectedLines,
  log: CollectedLines,
): Sidecar {
  let ended = false;
  const end = async (): Promise<Deno.CommandStatus> => {
    const [status] = await Promise.all([child.status, audit.ended, log.ended]);
    ended = true;
    return status;
  };
  const status = end();
  const kill = (signal: Deno.Signal): void => killIfAlive(child, signal);
  return {
    pid: child.pid,
    log: log.lines,
    audit: audit.lines,
    get ended(): boolean {
      return ended;
    },
    status,
    kill,
    stop: (deadlineMs = 10_000) => stop(kill, status, deadlineMs),
    logged: (pattern, deadlineMs = 15_000) =>
      until(() => log.lines.find((line) => pattern.test(line)), {
        deadlineMs,
        what: () => `${pattern} in the log:\n${log.lines.join("\n")}`,
      }),
    [Symbol.asyncDispose]: async () => {
      kill("SIGKILL");
      await status;
    },
  };
}

/** Sends a signal to a child, if it has not ended. */
export function killIfAlive(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch (error) {
    // Deno throws the one when the process is gone, the other once it was waited for.
    const over = error instanceof Deno.errors.NotFound || error instanceof TypeError;
    if (!over) throw error;
  }
}

async function stop(
  kill: Sidecar["kill"],
  status: Sidecar["status"],
  deadlineMs: number,
): Promise<Deno.CommandStatus> {
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    kill("SIGKILL");
  }, deadlineMs);
  kill("SIGTERM");
  const ended = await status;
  clearTimeout(timer);
  if (late) throw new Error(`The sidecar outlived SIGTERM by ${deadlineMs} ms`);
  return ended;
}

/**
 * The log line alone would do if it were written after the port is open; the kernel
 * is asked as well, so that no test depends on that order.
 */
function listens({ pid, log }: { pid: number; log: readonly string[] }): boolean {
  const line = log.find((line) => line.includes("Starting gRPC server on "));
  if (line === undefined) return false;
  const port = /Starting gRPC server on [0-9.]+:([0-9]+)/.exec(line)?.[1];
  if (port === undefined) return true;
  const hex = Number(port).toString(16).toUpperCase().padStart(4, "0");
  const listening = new RegExp(`^ *\\d+: [0-9A-F]{8}:${hex} 0{8}:0000 0A `, "m");
  try {
    return listening.test(Deno.readTextFileSync(`/proc/${pid}/net/tcp`));
  } catch {
    // It has just ended; its status has the reason.
    return false;
  }
}
