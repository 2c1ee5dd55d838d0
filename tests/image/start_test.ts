/**
 * @alone
 * @needs image
 */
import assert from "node:assert/strict";
import { makeQuietNamespace } from "../e2e/host.ts";
import { processorSeconds } from "../e2e/processes.ts";
import { withImage } from "../support/image.ts";
import { runToEnd } from "../support/namespace.ts";
import { type SidecarOptions, startSidecar } from "../support/sidecar.ts";

/** Enough that the clock's ticks of 10 ms do not count; one start takes some 20. */
const STARTS = 12;

/**
 * The seconds of the cheaper half of many starts, one kind after the other in each
 * round: what else the machine does makes a start dearer, never cheaper.
 */
async function compare<Kind extends string>(
  kinds: Readonly<Record<Kind, () => Promise<number>>>,
): Promise<ReadonlyMap<string, number>> {
  const seconds = new Map<string, number[]>();
  for (let round = 0; round < STARTS; round += 1) {
    for (const [kind, start] of Object.entries<() => Promise<number>>(kinds)) {
      seconds.set(kind, [...seconds.get(kind) ?? [], await start()]);
    }
  }
  return new Map(
    [...seconds].map(([kind, each]) => [
      kind,
      each.toSorted((one, other) => one - other).slice(0, STARTS / 2)
        .reduce((sum, next) => sum + next, 0),
    ]),
  );
}

async function must(words: readonly string[]): Promise<void> {
  const { code, stderr } = await runToEnd(words);
  assert.equal(code, 0, stderr);
}

/** The image's files read-only, as a pod has them, under a folder of their own. */
async function mountReadOnly(rootfs: string) {
  const root = await Deno.makeTempDir();
  await must(["mount", "--bind", rootfs, root]);
  await must(["mount", "-o", "remount,bind,ro", root]);
  await must(["mount", "-t", "proc", "proc", `${root}/proc`]);
  await must(["mount", "--rbind", "/dev", `${root}/dev`]);
  return {
    root,
    [Symbol.asyncDispose]: async () => {
      await must(["umount", "--recursive", root]);
      await Deno.remove(root);
    },
  };
}

async function start(options: SidecarOptions = {}): Promise<number> {
  await using namespace = await makeQuietNamespace();
  await using sidecar = await startSidecar(namespace, options);
  return processorSeconds(sidecar.pid);
}

withImage("the start of the image", (image) => {
  Deno.test("a start from the image costs no more than one from a clone, and more without its compiled code", async () => {
    await using files = await mountReadOnly(image.rootfs);
    await using others = await mountReadOnly(image.rootfs);
    // Deno cannot open it, compiles everything, and can keep none of it.
    const cache = `${others.root}/deno-dir/v8_code_cache_v2`;
    await must(["mount", "--bind", "/dev/null", cache]);
    const env = Object.fromEntries(image.env.map((line) => line.split("=", 2)));
    const startIn = (root: string): Promise<number> => {
      // No container runtime, whose own time would count as the sidecar's.
      const words = ["unshare", "--root", root, "--wd", image.workingDir];
      return start({ words: [...words, ...image.entrypoint], env });
    };
    const seconds = await compare({
      clone: () => start(),
      image: () => startIn(files.root),
      bare: () => startIn(others.root),
    });
    const { clone = 0, image: shipped = 0, bare = 0 } = Object.fromEntries(seconds);
    const figures =
      `the cheaper half of ${STARTS} starts: ${clone} s from a clone, ${shipped} s from the image, ${bare} s without its code`;
    assert.ok(clone > 0 && shipped <= clone * 1.1, figures);
    assert.ok(bare > shipped * 1.1, figures);
  });
});
