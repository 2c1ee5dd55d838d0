import { processorSeconds } from "../e2e/processes.ts";
import type { Namespace } from "../support/namespace.ts";
import { serveCommand } from "../support/serve_task.ts";
import { until } from "../support/wait.ts";

/** A server whose log and audit trail go to /dev/null. Killed when disposed. */
export interface QuietServer extends AsyncDisposable {
  readonly pid: number;
  /**
   * Waits until it has done nothing for a while. A flush of thousands of routes is more
   * than its monitor has room for: a second later it looks at everything.
   */
  rest(): Promise<void>;
  /** Kills it and does not wait for its end. */
  kill(): void;
}

/**
 * Starts a program under the flags of the `serve` task. A reader of its log would need
 * a third of a core, one of the two that server and client share.
 *
 * @param env variables for Deno itself; default: none
 */
export function startQuietServer(
  namespace: Namespace,
  program = "src/main.ts",
  options: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): QuietServer {
  const child = namespace.command(serveCommand(options, program), {
    env,
    stdout: "null",
    stderr: "null",
  }).spawn();
  let killed = false;
  const kill = (): void => {
    if (!killed) child.kill("SIGKILL");
    killed = true;
  };
  return {
    pid: child.pid,
    rest: () => calm(child.pid),
    kill,
    [Symbol.asyncDispose]: async () => {
      kill();
      await child.status;
    },
  };
}

async function calm(pid: number): Promise<void> {
  let before = NaN;
  await until(() => {
    const now = processorSeconds(pid);
    const resting = now === before;
    before = now;
    return resting;
  }, { what: "the sidecar to rest", everyMs: 1_500 });
}
