/**
 * install.sh on a host that has the release before, as its README had it installed.
 *
 * @needs before image
 */
import assert from "node:assert/strict";
import { SIDECAR_VERSION } from "../../../src/shared/versions.ts";
import { done } from "../../e2e/host.ts";
import { connectClient } from "../../support/client.ts";
import { withImage } from "../../support/image.ts";
import { runToEnd } from "../../support/namespace.ts";
import { clientCommand } from "../../support/serve_task.ts";
import { ARCHIVE } from "../../support/systemd.ts";
import { releaseBefore } from "../../support/tools.ts";
import {
  type BareHost,
  install,
  must,
  openBareHost,
  upgradeUnderCalls,
} from "./bare_host.ts";

const UNITS = ["quilt-sidecar.socket", "quilt-sidecar.service"];

async function shell(script: string, ...words: readonly string[]): Promise<void> {
  const { code, stderr } = await runToEnd(["sh", "-euc", script, "sh", ...words]);
  assert.equal(code, 0, stderr);
}

/** Adds an image of the release before: our Deno and ip, its source and its packages. */
async function addBefore(archive: string): Promise<void> {
  const script = `
    mkdir "$1/before" && cp -a "$1/image" "$1/before/image"
    cd "$1/before/image"
    rm -r app deno-dir && mkdir app deno-dir
    for each in LICENSE deno.json deno.lock proto src; do cp -r "$2/source/$each" app/; done
    cp -r "$2/deno-dir/npm" deno-dir/
    cp -r "$2/source/deploy/systemd" "$1/before/"`;
  await shell(script, archive, await releaseBefore());
}

/** Does what the README of the release before says. */
async function installBefore(bare: BareHost): Promise<void> {
  const script = `
    cp -a "$1/before/image" /opt/quilt-sidecar
    cd "$1/before/systemd"
    cp quilt-sidecar.service quilt-sidecar.socket /etc/systemd/system/
    cp sysusers.conf /usr/lib/sysusers.d/quilt-sidecar.conf && systemd-sysusers
    systemctl daemon-reload
    systemctl enable --now quilt-sidecar.socket quilt-sidecar.service`;
  await must(bare, "sh", "-euc", script, "sh", ARCHIVE);
}

withImage("install.sh on a host that has the release before", (image) => {
  Deno.test("install.sh upgrades the units and the files of the release before without a lost call, route or address", async () => {
    await using bare = await openBareHost(image.rootfs, addBefore);
    const { host, namespace } = bare;
    await installBefore(bare);
    {
      await using client = await connectClient(namespace);
      assert.deepEqual(await client.configureNodeSubnet("10.42.1.0/24"), done);
      assert.deepEqual(await client.injectRoute("10.42.2.0/24", "vxlan100"), done);
    }
    const allocate = await namespace.run(clientCommand("allocate", ["pod-a"]));
    assert.equal(allocate.code, 0, allocate.stderr);
    // By numbers: the upgrade brings a name for protocol 142.
    const show = ["ip", "-Numeric", "route", "show", "table", "142"];
    const table = await must(bare, ...show);

    await upgradeUnderCalls(bare);
    assert.equal(await must(bare, ...show), table);
    const status = await must(bare, "/usr/local/bin/quilt-sidecar", "status", "--json");
    assert.match(status, new RegExp(`"${SIDECAR_VERSION.replaceAll(".", "\\.")}"`));
    assert.match(status, /"10\.42\.2\.0\/24"/);
    const addresses = await must(bare, "/usr/local/bin/quilt-sidecar", "addresses");
    assert.match(addresses, /pod-a/);
    for (const unit of UNITS) {
      assert.equal(await host.property(unit, "UnitFileState"), "enabled");
    }

    const uninstalled = await install(bare, "uninstall", "--routes");
    assert.equal(uninstalled.code, 0, uninstalled.stderr);
    const left = [
      "sh",
      "-c",
      "ls -d /opt/quilt* /etc/systemd/system/quilt* /usr/lib/sysusers.d/quilt*",
    ];
    assert.equal((await host.run(left)).stdout, "");
  });
});
