/** Signals that mean "stop", as they come. */
export interface StopSignals {
  /** Resolves with the first one's name. */
  readonly first: Promise<StopSignal>;
  /** Whether there was one. */
  readonly stopping: boolean;
  /** Resolves at the second one with the exit code of a process that it ended. */
  readonly second: Promise<number>;
}

/**
 * What Ctrl-C, Ctrl-\, a terminal that is closed and service managers send, each with 128
 * and its number, as a shell has it.
 */
const EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGQUIT: 131, SIGTERM: 143 } as const;

export type StopSignal = keyof typeof EXIT_CODES;

const STOPS = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM"] as const;

/**
 * What would end a process that does not listen, without a word, and means nothing here.
 * SIGUSR1 is not among them: Deno opens a debugger on it, whoever listens, so it is blocked
 * by the command that starts the sidecar.
 */
const MEANINGLESS = [
  "SIGUSR2",
  "SIGALRM",
  "SIGVTALRM",
  "SIGPROF",
  "SIGIO",
  // What a file cannot take is told as lost lines are.
  "SIGXFSZ",
] as const;

/**
 * From now on a stop signal does not end the process by itself.
 *
 * @param onMeaningless told of any other signal that would have ended it
 */
export function listenForSignals(
  onMeaningless: (name: Deno.Signal) => void,
): StopSignals {
  const first = Promise.withResolvers<StopSignal>();
  const second = Promise.withResolvers<number>();
  let stopping = false;
  const stop = (name: StopSignal): void => {
    if (stopping) second.resolve(EXIT_CODES[name]);
    stopping = true;
    first.resolve(name);
  };
  // Windows knows no other, and there --dry-run is to work.
  if (Deno.build.os === "windows") {
    Deno.addSignalListener("SIGINT", () => stop("SIGINT"));
  } else {
    for (const name of STOPS) Deno.addSignalListener(name, () => stop(name));
    for (const name of MEANINGLESS) {
      Deno.addSignalListener(name, () => onMeaningless(name));
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
