import assert from "node:assert/strict";
import { layOutHost } from "../../../deploy/release/host_files.ts";
import { SIDECAR_VERSION } from "../../../src/shared/versions.ts";
import { makeQuietNamespace } from "../../e2e/host.ts";
import { addVxlan, type Finished, type Namespace } from "../../support/namespace.ts";
import { ARCHIVE, bootBareHost, type SystemdHost } from "../../support/systemd.ts";
import { callAlways } from "./agent.ts";

/** A host with vxlan100 on which nothing is installed, and an unpacked release. */
export interface BareHost extends AsyncDisposable {
  /** The folder of the release, as this machine has it. */
  readonly archive: string;
  readonly host: SystemdHost;
  readonly namespace: Namespace;
}

/**
 * Boots the host.
 *
 * @param rootfs the folder of the image's files
 * @param furnish adds files to the folder of the release, before the host boots
 */
export async function openBareHost(
  rootfs: string,
  furnish: (archive: string) => Promise<void> = () => Promise.resolve(),
): Promise<BareHost> {
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const archive = `${folder}/release`;
  await layOutHost(rootfs, archive);
  await furnish(archive);
  const namespace = stack.use(await makeQuietNamespace());
  await addVxlan(namespace);
  const host = stack.use(await bootBareHost(namespace, archive));
  const kept = stack.move();
  return {
    archive,
    host,
    namespace,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** Runs install.sh, which prints what it did as its last line. */
export function install(
  { host }: BareHost,
  ...words: readonly string[]
): Promise<Finished> {
  return host.run([`${ARCHIVE}/install.sh`, ...words]);
}

/** Runs a program that must succeed; the answer is what it prints. */
export async function must(
  { host }: BareHost,
  ...command: readonly string[]
): Promise<string> {
  const { code, stdout, stderr } = await host.run(command);
  assert.equal(code, 0, `${command.join(" ")}: ${stderr}`);
  return stdout;
}

/**
 * Upgrades the host to this version, under an agent that calls all the time: none of its
 * calls may fail. Afterwards the agent's route is there.
 */
export async function upgradeUnderCalls(bare: BareHost): Promise<void> {
  const agent = callAlways(bare.namespace);
  await agent.more("calls before the upgrade");
  const { code, stderr, stdout } = await install(bare);
  assert.deepEqual([code, stdout], [0, `Upgraded to ${SIDECAR_VERSION}\n`], stderr);
  await agent.more("calls after the upgrade");
  assert.deepEqual(await agent.stop(), []);
}
