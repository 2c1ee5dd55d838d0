import type { Namespace } from "./namespace.ts";
import { until } from "./wait.ts";

/**
 * Mounts the unified hierarchy where programs look for it, and makes the group `$1` with
 * the shell itself in it. To be run in a mount namespace of its own.
 */
export const ENTER_GROUP = `mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir "/sys/fs/cgroup/$1"
echo $$ >"/sys/fs/cgroup/$1/cgroup.procs"`;

const REMOVE = `mount -t cgroup2 cgroup2 /sys/fs/cgroup && cd /sys/fs/cgroup || exit
test ! -d "$1" || find "$1" -depth -type d -exec rmdir {} +`;

/** Removes a group with those in it, once the processes that were killed are gone. */
export async function removeGroup(namespace: Namespace, group: string): Promise<void> {
  const apart = ["unshare", "--mount", "--propagation", "private"];
  const words = [...apart, "sh", "-c", REMOVE, "sh", group];
  await until(async () => (await namespace.run(words)).code === 0, {
    what: `the control group ${group} to be empty`,
    everyMs: 50,
  });
}
