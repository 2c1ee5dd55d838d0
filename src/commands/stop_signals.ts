/** Signals that mean "stop", as they come. */
export interface StopSignals {
  /** Resolves with the first one's name. */
  readonly first: Promise<StopSignal>;
  /** Resolves at the second one with the exit code of a process that it ended. */
  readonly second: Promise<number>;
}

/** What Ctrl-C sends, and what service managers send. */
export type StopSignal = "SIGINT" | "SIGTERM";

/** 128 and the signal's number, as a shell has it. */
const EXIT_CODES: { readonly [Name in StopSignal]: number } = {
  SIGINT: 130,
  SIGTERM: 143,
};

/** From now on a stop signal does not end the process by itself. */
export function listenForSignals(): StopSignals {
  const first = Promise.withResolvers<StopSignal>();
  const second = Promise.withResolvers<number>();
  let seen = false;
  const hear = (name: StopSignal) => {
    if (seen) second.resolve(EXIT_CODES[name]);
    seen = true;
    first.resolve(name);
  };
  Deno.addSignalListener("SIGINT", () => hear("SIGINT"));
  // Windows has no SIGTERM, and there --dry-run is to work.
  if (Deno.build.os !== "windows") {
    Deno.addSignalListener("SIGTERM", () => hear("SIGTERM"));
  }
  return { first: first.promise, second: second.promise };
}
