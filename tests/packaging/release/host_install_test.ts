/**
 * install.sh on a host that has booted.
 *
 * @needs image
 */
import assert from "node:assert/strict";
import { SIDECAR_VERSION } from "../../../src/shared/versions.ts";
import { done } from "../../e2e/host.ts";
import { connectClient } from "../../support/client.ts";
import { withImage } from "../../support/image.ts";
import {
  type BareHost,
  install,
  must,
  openBareHost,
  upgradeUnderCalls,
} from "./bare_host.ts";

const SERVICE = "quilt-sidecar.service";
const SOCKET = "quilt-sidecar.socket";
const DROP_IN = `/etc/systemd/system/${SERVICE}.d/level.conf`;

/** Folders that install.sh writes to. */
const FOLDERS = ["/etc", "/opt", "/usr/local", "/usr/lib/sysusers.d"];

/** Accounts: systemd-sysusers and userdel write these anew, with a copy of the old one. */
const ACCOUNTS = ["passwd", "group", "shadow", "gshadow"].map((name) => `/etc/${name}`);

/**
 * Every file that the host has changed against this machine, with its kind, mode, owner
 * and size; every folder where install.sh writes; and the accounts.
 */
async function filesOf(bare: BareHost): Promise<readonly string[]> {
  const format = ["-printf", "%P %y %m %u %g %s %l\\n"];
  const changes = ["find", "/run/changes", "-xdev", "!", "-type", "d"];
  const files = await must(bare, ...changes, ...format);
  const folders = await must(bare, "find", ...FOLDERS, "-xdev", "-type", "d");
  const ignored = [
    // What systemd remembers, and the folder of the archive.
    ...["var/log/journal/", "var/lib/systemd/", "srv/"],
    ...ACCOUNTS.flatMap((path) => [`${path} `, `${path}- `]).map((path) =>
      path.slice(1)
    ),
    ...["etc/.pwd.lock ", "etc/subuid ", "etc/subgid "],
  ];
  const changed = files.split("\n").filter((line) =>
    !ignored.some((path) => line.startsWith(path))
  );
  return [...changed, ...folders.split("\n"), await must(bare, "cat", ...ACCOUNTS)]
    .sort();
}

withImage("install.sh on a host", (image) => {
  Deno.test("install.sh installs a sidecar that serves, upgrades it without a lost call, and uninstalls it without a trace", async () => {
    await using bare = await openBareHost(image.rootfs);
    const { host } = bare;
    const before = await filesOf(bare);

    const installed = await install(bare);
    assert.equal(installed.code, 0, installed.stderr);
    assert.match(installed.stdout, new RegExp(`^Installed ${SIDECAR_VERSION}\n$`));
    for (const unit of [SERVICE, SOCKET]) {
      assert.equal(await host.property(unit, "ActiveState"), "active");
      assert.equal(await host.property(unit, "UnitFileState"), "enabled");
    }
    await must(bare, "/usr/local/bin/quilt-sidecar", "configure", "10.42.1.0/24");
    await must(
      bare,
      ...["/usr/local/bin/quilt-sidecar", "inject", "10.42.2.0/24", "vxlan100"],
    );
    // By the name that rt_protos.d/quilt.conf gives, in both directions.
    assert.equal(
      await must(bare, "ip", "route", "show", "10.42.2.0/24"),
      "10.42.2.0/24 dev vxlan100 proto quilt scope link \n",
    );
    assert.match(
      await must(bare, "ip", "route", "show", "proto", "quilt"),
      /10\.42\.2/,
    );

    await must(bare, "systemctl", "disable", SERVICE);
    const write = 'mkdir -p "${1%/*}" && printf "[Service]\\nNice=1\\n" >"$1"';
    await must(bare, "sh", "-c", write, "sh", DROP_IN);
    const first = await must(bare, "readlink", "/opt/quilt-sidecar");
    const pid = await host.property(SERVICE, "MainPID");
    await upgradeUnderCalls(bare);
    assert.notEqual(await host.property(SERVICE, "MainPID"), pid);
    assert.equal(await host.property(SERVICE, "Nice"), "1");
    assert.equal(await host.property(SERVICE, "UnitFileState"), "disabled");
    assert.notEqual(await must(bare, "readlink", "/opt/quilt-sidecar"), first);
    assert.equal((await host.run(["test", "-e", `/opt/${first.trim()}`])).code, 1);

    const uninstalled = await host.run(["/opt/quilt-sidecar/install.sh", "uninstall"]);
    assert.equal(uninstalled.code, 0, uninstalled.stderr);
    assert.equal(
      uninstalled.stdout,
      "Uninstalled\n" +
        "The sidecar's routes and table 142 stay until a reboot: traffic still needs them\n" +
        `Your drop-ins stay: /etc/systemd/system/${SERVICE}.d\n`,
    );
    const routes = await must(bare, "ip", "route", "show", "proto", "142");
    assert.match(routes, /^10\.42\.2\.0\/24 /);
    await must(bare, "rm", "-r", `/etc/systemd/system/${SERVICE}.d`);
    assert.deepEqual(await filesOf(bare), before);
  });

  Deno.test("install.sh uninstall --routes removes what the sidecar has in the kernel as well", async () => {
    await using bare = await openBareHost(image.rootfs);
    assert.equal((await install(bare)).code, 0);
    const command = "/usr/local/bin/quilt-sidecar";
    await must(bare, command, "configure", "10.42.1.0/24");
    await must(bare, command, "inject", "10.42.2.0/24", "vxlan100");
    const { code, stdout, stderr } = await install(bare, "uninstall", "--routes");
    assert.equal(code, 0, stderr);
    assert.match(stdout, / is left\nUninstalled\n$/);
    const every = ["ip", "route", "show", "table", "all", "proto", "142"];
    assert.equal(await must(bare, ...every), "");
  });

  Deno.test("install.sh restores the old version if the new one does not serve, and installs nothing if the first one does not", async () => {
    await using bare = await openBareHost(image.rootfs);
    const { archive, namespace } = bare;
    const main = `${archive}/image/app/src/main.ts`;
    const text = await Deno.readTextFile(main);
    await Deno.writeTextFile(main, "throw new Error('broken');\n");
    const before = await filesOf(bare);
    const broken = await install(bare);
    assert.equal(broken.code, 1);
    assert.match(
      broken.stderr,
      /does not serve; see why: journalctl -u quilt-sidecar\.service\n/,
    );
    assert.match(broken.stderr, /Nothing is installed\n$/);
    assert.deepEqual(await filesOf(bare), before);

    await Deno.writeTextFile(main, text);
    assert.equal((await install(bare)).code, 0);
    const installed = await filesOf(bare);
    await Deno.writeTextFile(main, "throw new Error('broken');\n");
    const upgrade = await install(bare);
    assert.equal(upgrade.code, 1);
    assert.match(
      upgrade.stderr,
      /The version that was installed before is in force\n$/,
    );
    assert.deepEqual(await filesOf(bare), installed);
    await using client = await connectClient(namespace);
    assert.deepEqual(await client.configureNodeSubnet("10.42.1.0/24"), done);
  });

  Deno.test("install.sh names a port that another process has, and changes nothing", async () => {
    await using bare = await openBareHost(image.rootfs);
    const { namespace } = bare;
    const before = await filesOf(bare);
    const listen =
      "Deno.listen({ hostname: '127.0.0.1', port: 50051 }); console.log(1); " +
      "setInterval(() => {}, 1000)";
    await using other = namespace.command([Deno.execPath(), "eval", listen], {
      stdin: "null",
      stdout: "piped",
    }).spawn();
    const reader = other.stdout.getReader();
    await reader.read();
    const { code, stderr } = await install(bare);
    await reader.cancel();
    assert.deepEqual([code, stderr], [
      1,
      "Port 50051 is in use: stop the process that ss -ltnp 'sport = :50051' shows\n",
    ]);
    assert.deepEqual(await filesOf(bare), before);
  });
});
