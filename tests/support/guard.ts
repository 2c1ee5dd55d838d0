/** Whether we are where nothing can touch the machine's own routes. */

/** Tells what is started which network namespace is the machine's own. */
const MACHINE = "QUILT_TESTS_NETWORK_OF_THE_MACHINE";

/** Such as `net:[4026531840]`. */
function ownNetwork(): string {
  return Deno.readLinkSync("/proc/self/ns/net");
}

/** For what is started from the machine's own namespace, to enter another. */
export function telling(): Readonly<Record<string, string>> {
  return { [MACHINE]: ownNetwork() };
}

/**
 * Holds whoever would change routes.
 *
 * @throws {Error} in the machine's own network namespace, and where nobody knows which
 * that is.
 */
export function refuseOnTheMachine(): void {
  const machine = Deno.env.get(MACHINE) ?? "";
  if (/^net:\[\d+\]$/.test(machine) && machine !== ownNetwork()) return;
  throw new Error("Cannot touch the machine's own network: run `deno task test FILE`");
}
