import assert from "node:assert/strict";
import { runToEnd } from "./namespace.ts";

/** A disk with little room, for what happens when it is full. Disposing takes it away. */
export interface SmallDisk extends AsyncDisposable {
  /** Where it is mounted. */
  readonly folder: string;
  /** Leaves no room. */
  fill(): Promise<void>;
  /** Makes room again. */
  free(): Promise<void>;
}

/** Mounts a disk with so much room: a tmpfs. */
export async function openSmallDisk(kibibytes: number): Promise<SmallDisk> {
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(folder));
  const size = `size=${kibibytes}k`;
  const mount = ["mount", "-t", "tmpfs", "-o", size, "tmpfs", folder];
  assert.equal((await runToEnd(mount)).code, 0);
  stack.defer(async () => void await runToEnd(["umount", "--lazy", folder]));
  const rest = `${folder}/rest`;
  const kept = stack.move();
  return {
    folder,
    fill: async () =>
      void await runToEnd(["dd", "if=/dev/zero", `of=${rest}`, "bs=4096"]),
    free: () => Deno.remove(rest),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
