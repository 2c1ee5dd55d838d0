/** Stop signals as they arrive. */
export interface StopSignals {
  /** Resolves with the name of the first one. */
  readonly first: Promise<StopSignal>;
  /** True after the first one. */
  readonly stopping: boolean;
  /** Resolves at the second one, with the exit code of a process that it killed. */
  readonly second: Promise<number>;
}

/**
 * Signals of Ctrl-C, Ctrl-\, a closed terminal and service managers, each with the exit
 * code of a shell: 128 and the number of the signal.
 */
export const STOP_EXIT_CODES = {
  SIGHUP: 129,
  SIGINT: 130,
  SIGQUIT: 131,
  SIGTERM: 143,
} as const;

export type StopSignal = keyof typeof STOP_EXIT_CODES;

const STOP_SIGNALS = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM"] as const;

/**
 * Signals that kill a process without a listener, and have no meaning for the sidecar.
 * SIGUSR1 is not one of them, because Deno opens a debugger on it in any case. The command
 * that starts the sidecar blocks it.
 */
export const IGNORED_SIGNALS = [
  "SIGUSR2",
  "SIGALRM",
  "SIGVTALRM",
  "SIGPROF",
  "SIGIO",
  // A write beyond the limit of a file's size fails as well, so its lines count as lost.
  "SIGXFSZ",
] as const;

/**
 * Listens for stop signals. From now on none of them kills the process by itself.
 *
 * @param onIgnored called for any other signal that would have killed the process
 */
export function listenForStopSignals(
  onIgnored: (name: Deno.Signal) => void,
): StopSignals {
  const first = Promise.withResolvers<StopSignal>();
  const second = Promise.withResolvers<number>();
  let stopping = false;
  const stop = (name: StopSignal): void => {
    if (stopping) second.resolve(STOP_EXIT_CODES[name]);
    stopping = true;
    first.resolve(name);
  };
  // Windows has no other signal, and --dry-run must work there.
  if (Deno.build.os === "windows") {
    Deno.addSignalListener("SIGINT", () => stop("SIGINT"));
  } else {
    for (const name of STOP_SIGNALS) Deno.addSignalListener(name, () => stop(name));
    for (const name of IGNORED_SIGNALS) {
      Deno.addSignalListener(name, () => onIgnored(name));
    }
  }
  return {
    first: first.promise,
    second: second.promise,
    get stopping(): boolean {
      return stopping;
    },
  };
}

/**
 * Resolves with the first uncaught error or rejection that is not handled here.
 *
 * Without a listener Deno prints the stack and exits with 1 at once, and the last lines of
 * the log are lost.
 *
 * @param handle returns true if it has handled the error, and the process can continue
 */
export function firstUncaughtError(
  handle: (error: unknown) => boolean,
): Promise<unknown> {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    if (!handle(event.error)) resolve(event.error);
  });
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    if (!handle(event.reason)) resolve(event.reason);
  });
  return promise;
}
