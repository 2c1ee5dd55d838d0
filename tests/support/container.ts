/**
 * Containers of the image, run by a container runtime (crun) with what Kubernetes hands
 * to one: the privileges of the manifest, a read-only root, RuntimeDefault seccomp.
 */
import type { Image } from "./image.ts";
import type { Privileges } from "./manifest.ts";
import type { Finished, Namespace } from "./namespace.ts";
import { runtimeDefault } from "./seccomp.ts";
import { type Sidecar, startSidecar } from "./sidecar.ts";

/** How a container is made. */
export interface ContainerOptions {
  readonly privileges: Privileges;
  /** Words after the entry point. @default {[]} */
  readonly args?: readonly string[];
  /** A whole command line in the place of the entry point. */
  readonly words?: readonly string[];
  /** Folders of this machine to be seen in it, read-only: there, by where from. */
  readonly mounts?: Readonly<Record<string, string>>;
}

/** A container that runs. */
export interface Container extends AsyncDisposable {
  /** Its log and trail, and its end; killing this kills all of it. */
  readonly sidecar: Sidecar;
  /** Its own process, as this machine numbers it. */
  readonly pid: number;
  /** Runs a further program in it, as a probe does. */
  exec(words: readonly string[]): Promise<Finished>;
}

/** The runtime wants one hierarchy of control groups. */
const RUNTIME = `mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec crun "$@"`;

/** In processes of its own, so that a runtime that is killed leaves none behind. */
const APART = [
  ...["unshare", "--mount", "--propagation", "private"],
  ...["--pid", "--fork", "--kill-child", "--mount-proc"],
];

/** Runs a program in a container to its end. */
export async function runContainer(
  namespace: Namespace,
  image: Image,
  options: ContainerOptions,
): Promise<Finished> {
  await using bundle = await makeBundle(image, options);
  return await namespace.run([...APART, ...bundle.run]);
}

/** Starts a container that serves. */
export async function startContainer(
  namespace: Namespace,
  image: Image,
  options: ContainerOptions,
): Promise<Container> {
  await using stack = new AsyncDisposableStack();
  const bundle = stack.use(await makeBundle(image, options));
  const words = [...APART, ...bundle.run];
  const sidecar = stack.use(await startSidecar(namespace, { words }));
  const runtime = onlyChildOf(sidecar.pid);
  const enter = ["nsenter", "--target", `${runtime}`, "--mount", "--pid"];
  const exec = ["crun", ...bundle.state, "exec", "--cwd", image.workingDir, bundle.id];
  const kept = stack.move();
  return {
    sidecar,
    pid: onlyChildOf(runtime),
    exec: (words) => namespace.run([...enter, ...exec, ...words]),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

let made = 0;

/** What a runtime wants: a folder with a configuration, and one for its own state. */
async function makeBundle(image: Image, options: ContainerOptions) {
  const folder = await Deno.makeTempDir();
  const config = JSON.stringify(runtimeConfig(image, options));
  await Deno.writeTextFile(`${folder}/config.json`, config);
  const id = `quilt-${Deno.pid}-${++made}`;
  const state = ["--root", `${folder}/state`, "--cgroup-manager", "disabled"];
  return {
    id,
    state,
    run: ["sh", "-c", RUNTIME, "crun", ...state, "run", "--bundle", folder, id],
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

function onlyChildOf(pid: number): number {
  const path = `/proc/${pid}/task/${pid}/children`;
  const [child, ...more] = Deno.readTextFileSync(path).trim().split(" ");
  if (child === undefined || more.length > 0) {
    throw new Error("There must be one child");
  }
  return Number(child);
}

/** config.json of the OCI runtime specification 1.0.2. */
function runtimeConfig(image: Image, options: ContainerOptions): object {
  const { privileges, args = [], mounts = {} } = options;
  const capabilities = privileges.capabilities.map((name) => `CAP_${name}`);
  return {
    ociVersion: "1.0.2",
    process: {
      terminal: false,
      user: { uid: privileges.user, gid: privileges.group },
      args: options.words ?? [...image.entrypoint, ...args],
      env: image.env,
      cwd: image.workingDir,
      // Neither inheritable nor ambient: Kubernetes sets none of these.
      capabilities: {
        bounding: capabilities,
        effective: capabilities,
        permitted: capabilities,
      },
      noNewPrivileges: true,
    },
    root: { path: image.rootfs, readonly: true },
    mounts: [
      ...MOUNTS,
      ...Object.entries(mounts).map(([destination, source]) => ({
        destination,
        source,
        type: "bind",
        options: ["bind", "ro", "nosuid", "nodev"],
      })),
    ],
    linux: {
      // Not the network's: hostNetwork.
      namespaces: ["pid", "ipc", "uts", "mount"].map((type) => ({ type })),
      maskedPaths: MASKED,
      readonlyPaths: READ_ONLY,
      seccomp: runtimeDefault(capabilities),
    },
  };
}

const NOTHING_SPECIAL = ["nosuid", "noexec", "nodev"];

const MOUNTS = [
  { destination: "/proc", type: "proc", source: "proc", options: NOTHING_SPECIAL },
  {
    destination: "/dev",
    type: "tmpfs",
    source: "tmpfs",
    options: ["nosuid", "strictatime", "mode=755", "size=65536k"],
  },
  {
    destination: "/sys",
    type: "sysfs",
    source: "sysfs",
    options: [...NOTHING_SPECIAL, "ro"],
  },
];

/** As containerd and CRI-O have them. */
const MASKED = [
  ...["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats"],
  ...["/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi"],
  ...["/sys/firmware", "/sys/devices/virtual/powercap"],
];
const READ_ONLY = [
  ...["/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"],
  "/proc/sysrq-trigger",
];
