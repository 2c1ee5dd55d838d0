/** @needs image */
import assert from "node:assert/strict";
import { makeQuietNamespace } from "../../e2e/host.ts";
import { withImage } from "../../support/image.ts";
import { runToEnd } from "../../support/namespace.ts";
import { serveCommand } from "../../support/serve_task.ts";
import { type SidecarOptions, startSidecar } from "../../support/sidecar.ts";

async function must(command: readonly string[]): Promise<void> {
  const { code, stderr } = await runToEnd(command);
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

/** Deno cannot open its compiled code then, and can keep none of what it compiles. */
async function takeCompiledCode(root: string): Promise<void> {
  await must(["mount", "--bind", "/dev/null", `${root}/deno-dir/v8_code_cache_v2`]);
}

/** The command line with which Deno logs where the code of each module came from. */
function debugged(command: readonly string[]): readonly string[] {
  const run = command.indexOf("run") + 1;
  assert.ok(run > 0, command.join(" "));
  const rest = command.slice(run).filter((word) => word !== "--quiet");
  return [...command.slice(0, run), "--log-level=debug", ...rest];
}

/**
 * How many modules came from the cache of compiled code, and how many Deno had to compile,
 * by what it says of each itself. Times would not tell: two runs of one and the same start
 * differ by 7 %.
 */
function modulesIn(
  log: string,
): { readonly cached: number; readonly compiled: number } {
  return {
    cached: [...log.matchAll(/V8 code cache hit for /g)].length,
    compiled: [...log.matchAll(/Updating V8 code cache for /g)].length,
  };
}

withImage("the start of the image", (image) => {
  const env = Object.fromEntries(image.env.map((line) => line.split("=", 2)));

  /** A command of the image's, with its root there. */
  const commandIn = (root: string, command: readonly string[]): readonly string[] => [
    // No container runtime: it would want a namespace of its own for the network.
    ...["unshare", "--root", root, "--wd", image.workingDir],
    ...debugged(command),
  ];

  /** The modules of a sidecar, from its start to its end. */
  async function modulesOf(options: SidecarOptions) {
    await using namespace = await makeQuietNamespace();
    await using sidecar = await startSidecar(namespace, options);
    await sidecar.stop();
    return modulesIn(sidecar.log.join("\n"));
  }

  Deno.test("a start of the image compiles no more modules than one of a clone, and all of them without its compiled code", async () => {
    const fromClone = { command: debugged(serveCommand([])) };
    // Deno keeps what it compiles while it runs, and loses what is left when it ends; a few
    // modules are compiled each time all the same.
    let clone = await modulesOf(fromClone);
    for (let starts = 1; starts < 5; starts += 1) {
      const next = await modulesOf(fromClone);
      if (next.compiled < clone.compiled) clone = next;
    }

    await using files = await mountReadOnly(image.rootfs);
    assert.deepEqual(
      await modulesOf({ command: commandIn(files.root, image.entrypoint), env }),
      clone,
    );
    assert.ok(clone.cached > 10 * clone.compiled, JSON.stringify(clone));

    await using others = await mountReadOnly(image.rootfs);
    await takeCompiledCode(others.root);
    assert.deepEqual(
      await modulesOf({ command: commandIn(others.root, image.entrypoint), env }),
      { cached: 0, compiled: clone.cached + clone.compiled },
    );
  });

  Deno.test("the HEALTHCHECK of the image compiles no module", async () => {
    await using namespace = await makeQuietNamespace();
    await using _sidecar = await startSidecar(namespace);
    const modulesOfHealth = async (root: string) => {
      const command = commandIn(root, image.healthcheck);
      const { code, stderr } = await namespace.run(command, { env });
      assert.equal(code, 0, stderr);
      return modulesIn(stderr);
    };
    await using files = await mountReadOnly(image.rootfs);
    const { cached, compiled } = await modulesOfHealth(files.root);
    assert.equal(compiled, 0);
    assert.ok(cached > 0);

    await using others = await mountReadOnly(image.rootfs);
    await takeCompiledCode(others.root);
    assert.deepEqual(await modulesOfHealth(others.root), {
      cached: 0,
      compiled: cached,
    });
  });
});
