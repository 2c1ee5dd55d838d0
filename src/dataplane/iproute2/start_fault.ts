/** True once an `ip` could be started in this process. */
let wasStarted = false;

/** An `ip` has been started. */
export function noteStarted(): void {
  wasStarted = true;
}

/** Why `ip` could not be started, and what to do about it. */
export function describeStartFault(error: unknown): string {
  if (!(error instanceof Error)) return "ip cannot be started";
  if (error instanceof Deno.errors.NotCapable) {
    // Deno grants the one file that it finds at the start of the process.
    return wasStarted
      ? "the ip that was there at the start of the sidecar is gone or cannot be executed, " +
        "and the sandbox lets no other one be started; put the ip of iproute2 (package " +
        "iproute2) back in its place, or restart the sidecar"
      : "the sandbox does not let ip be started; use deno task serve (see README)";
  }
  switch ("code" in error ? error.code : undefined) {
    case "ENOENT":
      return "the command ip was not found; install the package iproute2";
    case "EMFILE":
      return "ip cannot be started: too many open files; raise the limit (ulimit -n)";
    default:
      return `ip cannot be started (${error.message})`;
  }
}
