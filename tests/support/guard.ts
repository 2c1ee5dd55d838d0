/** Whether we are where nothing can touch the machine, and what is ours on it. */

/** The variable with the network namespace of the machine. */
const MACHINE = "QUILT_TESTS_NETWORK_OF_THE_MACHINE";

/** The variable with the prefix of all names that this run makes on the machine. */
export const NAMES = "QUILT_TESTS_NAMES";

/** The prefix of all names that this run makes on the machine. */
export const OURS = Deno.env.get(NAMES) ?? `quilt-${crypto.randomUUID().slice(0, 8)}`;

/** Such as `net:[4026531840]`. */
function ownNetwork(): string {
  return Deno.readLinkSync("/proc/self/ns/net");
}

/** Variables for processes that start in the machine's namespace and enter another. */
export function guardVariables(): Readonly<Record<string, string>> {
  return { [MACHINE]: ownNetwork(), [NAMES]: OURS };
}

/**
 * Stops a test that would change routes.
 *
 * @throws {Error} in the machine's own network namespace, and where it is unknown.
 */
export function refuseOnTheMachine(): void {
  const machine = Deno.env.get(MACHINE) ?? "";
  if (/^net:\[\d+\]$/.test(machine) && machine !== ownNetwork()) return;
  throw new Error("Cannot touch the machine's own network: run `deno task test FILE`");
}

/** A unique name on the machine, because process numbers are reused. */
export function uniqueName(): string {
  return `${OURS}-${crypto.randomUUID().slice(0, 8)}`;
}
