/** In so many milliseconds `ip` starts and ends on a quiet machine with two cores (measured). */
const QUIET_MS = 3;

/**
 * How many times longer than on a quiet machine things take at this moment, at least 1:
 * by the start of an `ip`, which is what most of the sidecar's work is made of. Limits in
 * milliseconds are promised of a quiet machine, so this many times a limit holds.
 */
export async function slowness(): Promise<number> {
  const from = performance.now();
  await new Deno.Command("ip", { args: ["-V"], stdout: "null" }).output();
  return Math.max(1, (performance.now() - from) / QUIET_MS);
}
