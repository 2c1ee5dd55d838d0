/** How `ip` is started, whatever for: its environment stands in this place alone. */

/**
 * The whole environment of `ip`. Nothing is inherited: IP_LIB_DIR, for one, names code that
 * it loads. LC_ALL: its messages are read.
 */
export const IP_ENVIRONMENT: Readonly<Record<string, string>> = { LC_ALL: "C" };

/** An `ip` that is not sent anything. */
export function ipCommand(args: readonly string[]): Deno.Command {
  return new Deno.Command("ip", {
    args: [...args],
    clearEnv: true,
    env: { ...IP_ENVIRONMENT },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}
