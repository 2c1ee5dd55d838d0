/** The examples of a page, and a shell to run them in. */
import assert from "node:assert/strict";
import { TESTED_DENO_VERSION } from "../../src/shared/versions.ts";
import { makeQuietNamespace } from "../e2e/host.ts";
import type { Block } from "./markdown.ts";
import { readPage } from "./pages.ts";
import { openShell, type Ran, type Shell } from "./shell.ts";
import { goTool } from "./tools.ts";
import { until } from "./wait.ts";

/** A command of an example and what is shown under it. */
export interface Example {
  readonly command: string;
  readonly output: readonly string[];
}

/** Reads a `console` block: `$ command`, and under it what it prints. */
export function examplesOf({ lines }: Block): readonly Example[] {
  const examples: { command: string; output: string[] }[] = [];
  for (const line of lines) {
    const last = examples.at(-1);
    if (line.startsWith("$ ")) examples.push({ command: line.slice(2), output: [] });
    else if (last === undefined) throw new Error(`No command stands above: ${line}`);
    else last.output.push(line);
  }
  return examples;
}

/**
 * What differs from run to run, and from release to release, is made alike: times, ports
 * of clients, hashes, indices, the version of a sidecar.
 */
export function normalise(lines: readonly string[]): string {
  return lines.map((line) =>
    line.replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, "TIME")
      .replaceAll(/(?<="peer":"127\.0\.0\.1:|by 127\.0\.0\.1:)\d+/g, "PORT")
      .replaceAll(/(?<="duration_ms":)[\d.]+/g, "DURATION")
      .replaceAll(/(?<="prev":")[0-9a-f]{64}/g, "HASH")
      .replaceAll(/\b\d+\.\d+\.\d+(?=, up )/g, "VERSION")
      .replaceAll(/\bup (?:\d+ (?:d|h|min|s)\b ?)+/g, "UP")
      .replaceAll(/(?<=\(index: )\d+/g, "INDEX")
      .replaceAll(/\s+/g, " ").trim()
  ).join("\n").trim();
}

/** Looks only: it may be repeated, because what heals, and what is logged, takes a moment. */
const LOOK =
  /^(cat|grep|tail) |^(bridge|ip) .*\bshow\b|^quilt-sidecar (status|doctor|routes|audit)\b/;

/** A user namespace of an ordinary user has only the one identity. */
const hasOtherUsers = !/^\s*0\s+\d+\s+1\s*$/.test(
  Deno.readTextFileSync("/proc/self/uid_map"),
);

/** The commands of a `sh` block; each must succeed. */
export async function runCommands(shell: Shell, block: Block): Promise<void> {
  for (const command of block.lines) {
    const { code, output } = await shell.run(command);
    assert.equal(code, 0, `${command}\n${output.join("\n")}`);
  }
}

/** A command of a `console` block; it must print what is shown. */
async function runExample(shell: Shell, { command, output }: Example): Promise<void> {
  if (command.includes("--reuid") && !hasOtherUsers) return;
  const expected = normalise(output);
  let shown = normalise((await shell.run(command)).output);
  if (LOOK.test(command) && shown !== expected) {
    await until(async () => {
      shown = normalise((await shell.run(command)).output);
      return shown === expected;
    }, { what: "what the page shows" }).catch(() => {});
  }
  assert.equal(shown, expected, command);
}

/** Runs a block of either kind. */
export async function runBlock(shell: Shell, block: Block): Promise<void> {
  if (block.language === "sh") return await runCommands(shell, block);
  for (const example of examplesOf(block)) await runExample(shell, example);
}

/** Whether a block is executed. */
export function isExecuted({ language }: Block): boolean {
  return language === "sh" || language === "console";
}

/** What the examples of every page start from: the device, and a sidecar. */
export const preparation: Block = (() => {
  const block = readPage("docs/api.md").blocks.find(({ language, section }) =>
    language === "sh" && section === "Try it"
  );
  assert.ok(block !== undefined, 'docs/api.md has no commands in "Try it"');
  return block;
})();

/**
 * A shell in a namespace of its own, in which `deno`, and `npx -y deno@…` as well, is this
 * very Deno, because a namespace has no way to a registry. The home is empty, and
 * `quilt-sidecar` is installed there.
 */
export async function openReader(): Promise<Shell> {
  await using stack = new AsyncDisposableStack();
  const shims = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(shims, { recursive: true }));
  const shim = `#!/bin/sh
PATH=${Deno.execPath().replace(/\/[^/]*$/, "")}:$PATH
case "$1 $2 $3 $4" in
  "-y -p deno@${TESTED_DENO_VERSION} -c") exec sh -c "$5" ;;
  "-y deno@${TESTED_DENO_VERSION} "*) shift 2; exec ${Deno.execPath()} "$@" ;;
esac
echo "Not what is pinned here: npx $*"
exit 64
`;
  await Deno.writeTextFile(`${shims}/npx`, shim, { mode: 0o755 });
  await Deno.symlink(Deno.execPath(), `${shims}/deno`);
  const namespace = stack.use(await makeQuietNamespace());
  const tools = (await goTool("grpcurl")).replace(/\/[^/]*$/, "");
  const shell = stack.use(openShell(namespace, { path: [shims, tools] }));
  // Fresh: no log of an earlier section may be taken for this one's.
  for (
    const command of [
      "mount -t tmpfs tmpfs /run",
      // An /etc of its own, for what is configured there; what nobody else may read stays out.
      "cp -a /etc /run/etc 2>/dev/null; mount --bind /run/etc /etc",
      // What Deno has fetched is in the real home.
      'export DENO_DIR="${DENO_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/deno}"',
      'export HOME=/run/home PATH="/run/home/.local/bin:$PATH"',
      `npx -y deno@${TESTED_DENO_VERSION} task install`,
    ]
  ) assert.equal((await shell.run(command)).code, 0, command);
  const kept = stack.move();
  return {
    run: (command) => runAndWait(shell, command),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** Runs a command; one that starts the sidecar has ended when the sidecar serves. */
async function runAndWait(shell: Shell, command: string): Promise<Ran> {
  const ran = await shell.run(command);
  const log = /\bserve\b.* 2>>(\S+) &$/.exec(command)?.[1];
  if (log === undefined) return ran;
  await until(
    async () => (await shell.run(`grep -q "Starting gRPC server" ${log}`)).code === 0,
    { what: `the sidecar to serve: ${command}`, deadlineMs: 15_000 },
  );
  return ran;
}
