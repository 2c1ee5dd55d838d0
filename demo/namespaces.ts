/**
 * Network namespaces with names. `ip netns` would need /run, where some systems have their
 * programs, so the files of the namespaces are kept in /dev/shm: in an empty one, which is
 * in the mount namespace of the demo alone.
 */
import { Obstacle, run } from "./processes.ts";

const PLACE = "/dev/shm";

/** Makes the place of the files; before anything else, and once. */
export async function makePlace(): Promise<void> {
  await run(["mount", "-t", "tmpfs", "tmpfs", PLACE]);
}

/** The file of a namespace, which `ip` takes for its name. */
export function fileOf(name: string): string {
  return `${PLACE}/${name}`;
}

/** Makes a namespace, which lasts as long as its file. */
export async function makeNamespace(name: string): Promise<void> {
  const keep = `: >"$1" && mount --bind /proc/self/ns/net "$1"`;
  await run(["unshare", "--net", "sh", "-c", keep, "sh", fileOf(name)]);
}

/** What stands before a command that runs in a namespace. */
export function inNamespace(name: string): readonly string[] {
  return ["nsenter", `--net=${fileOf(name)}`];
}

/** Runs lines of `ip` in a namespace, and returns what it wrote. */
export function ip(namespace: string, ...lines: readonly string[]): Promise<string> {
  return run([...inNamespace(namespace), "ip", "-batch", "-"], lines);
}

/** Each with the package that has it. */
const PROGRAMS = [
  ["ip", "-V", "iproute2"],
  ["bridge", "-V", "iproute2"],
  ["mount", "--version", "mount or util-linux"],
  ["nsenter", "--version", "util-linux"],
] as const;

/** Kinds of devices, each a module of the kernel, with the words that one needs. */
const DEVICES = [
  ["veth", ""],
  ["bridge", ""],
  ["vxlan", "id 1 dstport 4789"],
] as const;

/**
 * Looks whether all is there that the demo is made of.
 *
 * @throws {Obstacle} with what is missing, and what to do
 */
export async function requireAll(): Promise<void> {
  for (const [program, option, origin] of PROGRAMS) {
    await run([program, option]).catch(() => {
      throw new Obstacle(
        `The demo needs the program ${program}, which is not there; install ${origin}`,
      );
    });
  }
  for (const [kind, words] of DEVICES) {
    await run(["ip", "-batch", "-"], [`link add probe-${kind} type ${kind} ${words}`])
      .catch(() => {
        throw new Obstacle(
          `The demo needs devices of the kind ${kind}, which this kernel does not have; ` +
            `run modprobe ${kind} as root`,
        );
      });
  }
}
