/** The Unix socket of the task serve:unix. */
const SOCKET = "/run/quilt/sidecar.sock";

/** The port of the task serve. */
const PORT = "127.0.0.1:50051";

/** The folder of the certificates of the task serve:tls. */
const CERTIFICATES = "/etc/quilt/tls";

/** Commands that call no sidecar; no command, and what is none, calls none either. */
const ALONE = ["", "audit", "completions", "demo", "help", "man"];

/** Commands whose drawing depends on the terminal and its character set. */
const DRAWN = ["doctor", "events", "routes", "status"];

/** Commands that start `ip`. */
const WITH_IP = ["bundle", "doctor", "serve", "uninstall"];

/**
 * What of the permission set `image` a command does not need: the rest is what its task
 * grants, on the port, `:unix` or `:tls`.
 *
 * @param words those of the command line
 */
export function surplusGrants(
  [command = "", ...options]: readonly string[],
): readonly Deno.PermissionDescriptor[] {
  const isAlone = ALONE.includes(command) || command.startsWith("-");
  const isBySocket = options.some((word) => word.includes("unix:"));
  const isByTls = options.some((word) => word.startsWith("--tls-"));
  const surplus: readonly (readonly [boolean, Deno.PermissionDescriptor])[] = [
    [!WITH_IP.includes(command) || isDry(command, options), { name: "run" }],
    [!DRAWN.includes(command), { name: "env" }],
    [isAlone || isBySocket, { name: "net", host: PORT }],
    [isAlone || !isBySocket, { name: "net", host: `unix:${SOCKET}` }],
    [isAlone || !isBySocket, { name: "read", path: SOCKET }],
    [isAlone || !isBySocket, { name: "write", path: SOCKET }],
    [isAlone || !isByTls, { name: "read", path: CERTIFICATES }],
  ];
  return surplus.filter(([isSurplus]) => isSurplus).map(([, descriptor]) => descriptor);
}

function isDry(command: string, options: readonly string[]): boolean {
  return command === "serve" && options.includes("--dry-run");
}
