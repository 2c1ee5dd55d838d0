import type { Namespace } from "../support/namespace.ts";
import { serveWords } from "../support/serve_task.ts";

/** A server whose log and audit trail go to /dev/null. Killed when disposed. */
export interface UnheardServer extends AsyncDisposable {
  readonly pid: number;
  /** Kills it and does not wait for its end. */
  kill(): void;
}

/**
 * Starts a program under the flags of the `serve` task. A reader of its log would need
 * a third of a core, one of the two that server and client share.
 */
export function startUnheard(
  namespace: Namespace,
  program = "src/main.ts",
  options: readonly string[] = [],
): UnheardServer {
  const child = namespace.command(serveWords(options, program), {
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
    kill,
    [Symbol.asyncDispose]: async () => {
      kill();
      await child.status;
    },
  };
}
