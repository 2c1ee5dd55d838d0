/** A host whose process 1 is the real systemd, for the units of deploy/systemd. */
import { dirname } from "node:path";
import { childrenOf } from "../e2e/processes.ts";
import { removeGroup } from "./control_group.ts";
import { uniqueName } from "./guard.ts";
import type { Finished, Namespace } from "./namespace.ts";
import { repository } from "./serve_task.ts";
import { until } from "./wait.ts";

/** A host that has booted; everything on it is killed when it is disposed. */
export interface SystemdHost extends AsyncDisposable {
  /** Runs a program on the host to its end. */
  run(command: readonly string[]): Promise<Finished>;
  /**
   * The state of a unit, e.g. `MainPID`.
   *
   * @throws {Error} when there is no such unit.
   */
  property(unit: string, name: string): Promise<string>;
  /** What a unit has written, a line each, its log and its trail. */
  journal(unit: string): Promise<readonly string[]>;
}

/** What a host has that this machine has not. */
interface Equipment {
  /** A folder, and where the host has it. */
  readonly source: string;
  readonly place: string;
  /** Units and drop-ins: texts by their path. */
  readonly units: Readonly<Record<string, string>>;
}

/**
 * Boots a host in a network namespace: the sidecar is installed there, and does not run.
 *
 * @param image The folder of the image's files.
 * @param units Units beside those of deploy/systemd, and drop-ins: texts by their path.
 */
export function bootHost(
  namespace: Namespace,
  image: string,
  units: Readonly<Record<string, string>> = {},
): Promise<SystemdHost> {
  const shipped = `${repository}/deploy/systemd`;
  const ours = [...Deno.readDirSync(shipped)].filter(({ isFile }) => isFile)
    .map(({ name }) => [name, Deno.readTextFileSync(`${shipped}/${name}`)] as const);
  return bootWith(namespace, {
    source: image,
    place: "/opt/quilt-sidecar",
    units: { ...Object.fromEntries(ours), ...units },
  });
}

/**
 * Boots a host in a network namespace that has nothing of the sidecar.
 *
 * @param archive The folder of an unpacked release, which the host has at
 * {@linkcode ARCHIVE}.
 */
export function bootBareHost(
  namespace: Namespace,
  archive: string,
): Promise<SystemdHost> {
  return bootWith(namespace, { source: archive, place: ARCHIVE, units: {} });
}

/** Where a bare host has the unpacked release. */
export const ARCHIVE = "/srv/quilt-release";

async function bootWith(
  namespace: Namespace,
  { source, place, units }: Equipment,
): Promise<SystemdHost> {
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  await layOut(folder, units);
  const group = uniqueName();
  stack.defer(() => removeGroup(namespace, group));
  const init = stack.use(await boot(namespace, [group, folder, source, place]));
  const enter = ["nsenter", "--target", `${init.pid}`, ...ITS_NAMESPACES];
  const run: SystemdHost["run"] = (command) => namespace.run([...enter, ...command]);
  await until(
    async () => (await run(["systemctl", "is-active", "basic.target"])).code === 0,
    { what: "systemd to boot", deadlineMs: 20_000 },
  );
  const kept = stack.move();
  return {
    run,
    property: async (unit, name) =>
      (await must(run, ["systemctl", "show", "--value", "--property", name, unit]))
        .trim(),
    journal: async (unit) => {
      const command = ["journalctl", "--quiet", "--output", "cat", "--unit", unit];
      return (await must(run, command)).split("\n").filter((line) => line !== "");
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/**
 * Puts quilt-sidecar on the PATH of root as install.sh does; the answer runs it, with the
 * variables of a login.
 */
export async function putOnPath(
  { run }: SystemdHost,
): Promise<(words: readonly string[]) => Promise<Finished>> {
  const launcher = "/opt/quilt-sidecar/app/bin/quilt-sidecar";
  await must(run, ["ln", "-s", launcher, "/usr/local/bin/"]);
  const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  const login = ["env", "--ignore-environment", `PATH=${path}`, "HOME=/root"];
  return (words) => run([...login, "quilt-sidecar", ...words]);
}

const ITS_NAMESPACES = ["--mount", "--pid", "--uts", "--ipc", "--cgroup"];

async function layOut(
  folder: string,
  units: Readonly<Record<string, string>>,
): Promise<void> {
  for (const name of ["root", "changes", "units"]) {
    await Deno.mkdir(`${folder}/${name}`);
  }
  for (const [path, text] of Object.entries(units)) {
    await Deno.mkdir(`${folder}/units/${dirname(path)}`, { recursive: true });
    await Deno.writeTextFile(`${folder}/units/${path}`, text);
  }
}

/** Starts process 1 of the host; killed with all that is below it. */
async function boot(
  namespace: Namespace,
  command: readonly string[],
): Promise<AsyncDisposable & { readonly pid: number }> {
  const child = namespace.command([
    `${repository}/tests/packaging/host/boot.sh`,
    ...command,
  ], {
    stdin: "null",
    stdout: "null",
  }).spawn();
  let ended = false;
  const status = child.status.then(() => ended = true);
  const pid = await until(() => {
    if (ended) throw new Error("systemd cannot be started: see above");
    return childrenOf(child.pid).find(({ command: [name] }) =>
      name?.endsWith("/systemd")
    )
      ?.pid;
  }, { what: "systemd to start" });
  return {
    pid,
    [Symbol.asyncDispose]: async () => {
      if (!ended) child.kill("SIGKILL");
      await status;
    },
  };
}

async function must(
  run: SystemdHost["run"],
  command: readonly string[],
): Promise<string> {
  const { code, stdout, stderr } = await run(command);
  if (code !== 0) {
    throw new Error(`Cannot run "${command.join(" ")}": ${stderr.trim()}`);
  }
  return stdout;
}
