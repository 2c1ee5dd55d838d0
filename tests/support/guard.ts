/** Whether we are where nothing can touch the machine, and what is ours on it. */

/** Tells what is started which network namespace is the machine's own. */
const MACHINE = "QUILT_TESTS_NETWORK_OF_THE_MACHINE";

/** Tells it what begins the names of whatever it makes on the machine. */
const NAMES = "QUILT_TESTS_NAMES";

/** What begins the names of what this run makes on the machine. */
export const OURS = Deno.env.get(NAMES) ?? `quilt-${crypto.randomUUID().slice(0, 8)}`;

/** Such as `net:[4026531840]`. */
function ownNetwork(): string {
  return Deno.readLinkSync("/proc/self/ns/net");
}

/** For what is started from the machine's own namespace, to enter another. */
export function telling(): Readonly<Record<string, string>> {
  return { [MACHINE]: ownNetwork(), [NAMES]: OURS };
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

/** A name for something of the machine's: process numbers come again. */
export function uniqueName(): string {
  return `${OURS}-${crypto.randomUUID().slice(0, 8)}`;
}
