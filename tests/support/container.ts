/**
 * Containers of the image, run by a container runtime (crun) with what Kubernetes hands
 * to one: the privileges of the manifest, a read-only root, RuntimeDefault seccomp.
 */
import { rtnetlinkOnly } from "../../deploy/kubernetes/seccomp.ts";
import { ENTER_GROUP, removeGroup } from "./control_group.ts";
import { uniqueName } from "./guard.ts";
import type { Image } from "./image.ts";
import type { Privileges } from "./manifest.ts";
import type { Finished, Namespace } from "./namespace.ts";
import { runtimeDefault } from "./seccomp.ts";
import { type Sidecar, startSidecar } from "./sidecar.ts";

/** How a container is made. */
export interface ContainerOptions {
  readonly privileges: Privileges;
  /** Arguments after the entry point. @default {[]} */
  readonly args?: readonly string[];
  /** A whole command line in the place of the entry point. */
  readonly command?: readonly string[];
  /** Files and folders of this machine to be seen in it: from where, by where. */
  readonly mounts?: Readonly<Record<string, string>>;
  /** Which of the mounts may be written. @default {[]} */
  readonly writable?: readonly string[];
  /** Layers that are left off, to see what the others deny alone. @default {[]} */
  readonly without?: readonly Layer[];
}

/** The layers around a container besides Deno. */
export type Layer = "capability" | "seccomp" | "rtnetlink" | "file system";

/** A container that runs. */
export interface Container extends AsyncDisposable {
  /** Its log and audit log, and its end; killing this kills all of it. */
  readonly sidecar: Sidecar;
  /** Its own process, as this machine numbers it. */
  readonly pid: number;
  /** Runs a further program in it, as a probe does. */
  exec(words: readonly string[]): Promise<Finished>;
}

/**
 * The runtime wants one hierarchy of control groups. The image is seen through an
 * overlay, because a runtime makes what it mounts something on.
 */
const RUNTIME = `set -e
${ENTER_GROUP}
mount -t tmpfs tmpfs "$3/changes"
mkdir "$3/changes/upper" "$3/changes/work"
mount -t overlay overlay "$3/rootfs" \\
  -o "lowerdir=$2,upperdir=$3/changes/upper,workdir=$3/changes/work"
shift 3
exec crun "$@"`;

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
  await using bundle = await makeBundle(namespace, image, options);
  return await namespace.run([...APART, ...bundle.run]);
}

/** Starts a container that serves. */
export async function startContainer(
  namespace: Namespace,
  image: Image,
  options: ContainerOptions,
): Promise<Container> {
  await using stack = new AsyncDisposableStack();
  const bundle = stack.use(await makeBundle(namespace, image, options));
  const command = [...APART, ...bundle.run];
  const sidecar = stack.use(await startSidecar(namespace, { command }));
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

/** What a runtime wants: a folder with a configuration, and one for its own state. */
async function makeBundle(
  namespace: Namespace,
  image: Image,
  options: ContainerOptions,
) {
  const folder = await Deno.makeTempDir();
  for (const name of ["changes", "rootfs"]) await Deno.mkdir(`${folder}/${name}`);
  const config = JSON.stringify(runtimeConfig(image, `${folder}/rootfs`, options));
  await Deno.writeTextFile(`${folder}/config.json`, config);
  const id = uniqueName();
  const state = ["--root", `${folder}/state`, "--cgroup-manager", "disabled"];
  return {
    id,
    state,
    run: [
      ...["sh", "-c", RUNTIME, "sh", id, image.rootfs, folder],
      ...[...state, "run", "--bundle", folder, id],
    ],
    [Symbol.asyncDispose]: async () => {
      await removeGroup(namespace, id);
      await Deno.remove(folder, { recursive: true });
    },
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
function runtimeConfig(
  image: Image,
  rootfs: string,
  options: ContainerOptions,
): object {
  const { privileges, args = [], mounts = {}, without = [], writable = [] } = options;
  const granted = privileges.capabilities.map((name) => `CAP_${name}`);
  const capabilities = without.includes("capability") ? EVERY_CAPABILITY : granted;
  return {
    ociVersion: "1.0.2",
    process: {
      terminal: false,
      user: { uid: privileges.user, gid: privileges.group },
      args: options.command ?? [...image.entrypoint, ...args],
      env: image.env,
      cwd: image.workingDir,
      // Neither inheritable nor ambient: Kubernetes sets none of these.
      capabilities: {
        bounding: capabilities,
        effective: capabilities,
        permitted: capabilities,
      },
      noNewPrivileges: !without.includes("capability"),
    },
    root: { path: rootfs, readonly: !without.includes("file system") },
    mounts: [
      ...MOUNTS,
      {
        destination: "/sys/fs/cgroup",
        type: "cgroup",
        source: "cgroup",
        options: without.includes("file system")
          ? NOTHING_SPECIAL
          : [...NOTHING_SPECIAL, "ro"],
      },
      ...Object.entries(mounts).map(([destination, source]) => ({
        destination,
        source,
        type: "bind",
        options: ["rbind", writable.includes(destination) ? "rw" : "ro"],
      })),
    ],
    linux: {
      // Not the network's: hostNetwork.
      namespaces: ["pid", "ipc", "uts", "mount", "cgroup"].map((type) => ({ type })),
      maskedPaths: without.includes("file system") ? [] : MASKED,
      readonlyPaths: without.includes("file system") ? [] : READ_ONLY,
      // Made for what is granted, whatever it stands in for.
      ...seccomp(granted, without),
    },
  };
}

/** RuntimeDefault, what is made of it, or of what is made of it only its own part. */
function seccomp(capabilities: readonly string[], without: readonly Layer[]): object {
  const change = without.includes("rtnetlink") ? undefined : rtnetlinkOnly;
  if (!without.includes("seccomp")) {
    return { seccomp: runtimeDefault(capabilities, change) };
  }
  // For a process with every capability, RuntimeDefault denies next to nothing.
  return change === undefined
    ? {}
    : { seccomp: runtimeDefault(EVERY_CAPABILITY, change) };
}

/** capabilities(7) in the order of their numbers. */
const CAPABILITIES = [
  ...["CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL"],
  ...["SETGID", "SETUID", "SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE"],
  ...["NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER", "SYS_MODULE"],
  ...["SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT"],
  ...["SYS_NICE", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE"],
  ...["AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN"],
  ...["SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF"],
  "CHECKPOINT_RESTORE",
];

/** All that this machine itself has. */
const EVERY_CAPABILITY = CAPABILITIES.filter((_, number) => {
  const status = Deno.readTextFileSync("/proc/self/status");
  const bounding = BigInt(`0x${/^CapBnd:\s+(\w+)$/m.exec(status)?.[1]}`);
  return (bounding >> BigInt(number) & 1n) === 1n;
}).map((name) => `CAP_${name}`);

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
