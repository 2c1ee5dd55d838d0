/**
 * install.sh into a system that does not run: a chroot, or an image that is being built.
 *
 * @needs busybox image shellcheck
 */
import assert from "node:assert/strict";
import { layOutHost } from "../../../deploy/release/host_files.ts";
import { SIDECAR_VERSION } from "../../../src/shared/versions.ts";
import { withImage } from "../../support/image.ts";
import { type Finished, runToEnd } from "../../support/namespace.ts";
import { machineProgram } from "../../support/tools.ts";

/** A folder with an unpacked release, and one with a system that has systemd's units. */
async function prepare(rootfs: string) {
  const folder = await Deno.makeTempDir();
  await layOutHost(rootfs, `${folder}/release`);
  await Deno.mkdir(`${folder}/root/usr/lib/systemd`, { recursive: true });
  await Deno.symlink("usr/lib", `${folder}/root/lib`);
  const units = await runToEnd(
    ["cp", "--archive", "/lib/systemd/system", `${folder}/root/usr/lib/systemd/`],
  );
  assert.equal(units.code, 0, units.stderr);
  return {
    release: `${folder}/release`,
    root: `${folder}/root`,
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

async function must(...words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runToEnd(words);
  assert.equal(code, 0, `${words.join(" ")}: ${stderr}`);
  return stdout;
}

/** Every file of a folder, but for the accounts. */
async function filesOf(root: string): Promise<readonly string[]> {
  const text = await must("find", root, "-printf", "%P %y %m %U %G %s %l\n");
  const accounts = /^etc\/(passwd|group|shadow|gshadow)-? |^etc\/\.pwd\.lock /;
  // A folder may stay larger than what it holds, on some file systems.
  return text.split("\n").filter((line) => !accounts.test(line))
    .map((line) => line.replace(/^(\S* d \S+ \S+ \S+) \d+ /, "$1 ")).sort();
}

function install(
  { release, root }: { readonly release: string; readonly root: string },
  shell: readonly string[],
  ...words: readonly string[]
): Promise<Finished> {
  return runToEnd([...shell, `${release}/install.sh`, ...words, "--root", root]);
}

withImage("install.sh into a folder", (image) => {
  Deno.test("install.sh --root installs units that systemd finds no fault in, for root alone to write, and uninstalls them without a trace", async () => {
    await using system = await prepare(image.rootfs);
    const { root } = system;
    const before = await filesOf(root);
    for (const shell of [["dash"], [await machineProgram("busybox"), "sh"]]) {
      const { code, stdout, stderr } = await install(system, shell);
      assert.deepEqual([code, stdout], [0, `Installed ${SIDECAR_VERSION}\n`], stderr);

      const units = ["quilt-sidecar.service", "quilt-sidecar.socket"];
      const verify = ["systemd-analyze", "verify", `--root=${root}`, ...units];
      const verified = await runToEnd(verify);
      // It looks for env in the root itself, not in the RootDirectory of the unit.
      const faults = verified.stderr.split("\n").filter((line) =>
        line.includes("quilt-sidecar") && !line.includes("/usr/bin/env")
      );
      assert.deepEqual(faults, []);
      const security = ["systemd-analyze", "security", `--root=${root}`];
      await must(
        ...security,
        "--offline=true",
        "--threshold=17",
        "--no-pager",
        units[0] ?? "",
      );

      const target = Deno.readLinkSync(`${root}/opt/quilt-sidecar`);
      const unit = Deno.readTextFileSync(`${root}/etc/systemd/system/${units[0]}`);
      assert.match(unit, new RegExp(`^RootDirectory=/opt/${target}$`, "m"));
      for (const wants of ["multi-user.target.wants", "sockets.target.wants"]) {
        const enabled = [...Deno.readDirSync(`${root}/etc/systemd/system/${wants}`)];
        assert.equal(enabled.length, 1, wants);
      }
      assert.match(Deno.readTextFileSync(`${root}/etc/passwd`), /^quilt-sidecar:x:/m);
      const installed = await filesOf(root);
      const others = installed.filter((line) =>
        /^(opt|etc|usr\/local)/.test(line) &&
        !/ (l 777|[fd] [0-7][0145][0145]) 0 0 /.test(line)
      );
      assert.deepEqual(others, []);

      const uninstalled = await install(system, shell, "uninstall");
      assert.deepEqual([uninstalled.code, uninstalled.stdout], [0, "Uninstalled\n"]);
      assert.deepEqual(
        (await filesOf(root)).filter((line) => line !== "etc d 755 0 0 "),
        before,
      );
    }
  });

  Deno.test("install.sh leaves the old version as it was if a file cannot be copied", async () => {
    await using system = await prepare(image.rootfs);
    const { release, root } = system;
    assert.equal((await install(system, ["dash"])).code, 0);
    const installed = await filesOf(root);
    await Deno.remove(`${release}/rt_protos.d/quilt.conf`);
    const { code, stderr } = await install(system, ["dash"]);
    assert.equal(code, 1);
    assert.match(
      stderr,
      /quilt\.conf.*\nThe version that was installed before is in force\n$/,
    );
    assert.deepEqual(await filesOf(root), installed);
  });

  Deno.test("install.sh replaces files that were unpacked by hand, as 0.1.0 was installed", async () => {
    await using system = await prepare(image.rootfs);
    const { release, root } = system;
    await Deno.mkdir(`${root}/opt/quilt-sidecar/app`, { recursive: true });
    await Deno.mkdir(`${root}/etc/systemd/system`, { recursive: true });
    const unit = `${root}/etc/systemd/system/quilt-sidecar.service`;
    await Deno.writeTextFile(unit, "");
    // An installation that fails after the change puts them back.
    const users = `${release}/systemd/sysusers.conf`;
    const text = await Deno.readTextFile(users);
    await Deno.writeTextFile(users, "z nonsense\n");
    const failed = await install(system, ["dash"]);
    assert.equal(failed.code, 1);
    assert.match(failed.stderr, /The version that was installed before is in force\n$/);
    assert.ok(Deno.lstatSync(`${root}/opt/quilt-sidecar/app`).isDirectory);
    assert.ok(Deno.lstatSync(`${root}/opt/quilt-sidecar`).isDirectory);
    assert.equal(Deno.readTextFileSync(unit), "");
    await Deno.writeTextFile(users, text);
    const { code, stdout } = await install(system, ["dash"]);
    assert.deepEqual([code, stdout], [0, `Upgraded to ${SIDECAR_VERSION}\n`]);
    const names = [...Deno.readDirSync(`${root}/opt`)].map(({ name }) => name).sort();
    assert.deepEqual(names, [
      "quilt-sidecar",
      Deno.readLinkSync(`${root}/opt/quilt-sidecar`),
    ]);
  });

  Deno.test("install.sh refuses what it does not know with one sentence, and an ordinary user", async () => {
    await using system = await prepare(image.rootfs);
    const { release, root } = system;
    const before = await filesOf(root);
    const usage = "use: install.sh [uninstall [--routes]] [--root DIR]\n";
    assert.deepEqual(await install(system, ["sh"], "--purge"), {
      code: 1,
      stdout: "",
      stderr: `Unknown word --purge; ${usage}`,
    });
    assert.equal(
      (await install(system, ["sh"], "--routes")).stderr,
      "--routes goes with uninstall\n",
    );
    assert.equal(
      (await install(system, ["sh"], "uninstall")).stderr,
      "The sidecar is not installed here\n",
    );
    await must("chmod", "-R", "a+rX", release.replace(/\/release$/, ""));
    const user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh"];
    const denied = await install(system, user);
    assert.deepEqual([denied.code, denied.stderr], [
      1,
      "Only root can install a unit: start this with sudo\n",
    ]);
    assert.deepEqual(await filesOf(root), before);
  });

  Deno.test("shellcheck finds no fault in the scripts of the release", async () => {
    const scripts = ["release/install.sh", "image/build.sh", "image/bases.sh"]
      .map((path) => `deploy/${path}`);
    await must(await machineProgram("shellcheck"), "--severity=warning", ...scripts);
  });
});
