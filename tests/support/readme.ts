/** README.md as the tests read it, and a shell to run its examples in. */
import { TESTED_DENO_VERSION } from "../../src/shared/versions.ts";
import { makeQuietNamespace } from "../e2e/host.ts";
import { type Block, type Document, readMarkdown } from "./markdown.ts";
import { repository } from "./serve_task.ts";
import { openShell, type Ran, type Shell } from "./shell.ts";
import { goTool } from "./tools.ts";
import { until } from "./wait.ts";

/** README.md. */
export const readme: string = Deno.readTextFileSync(`${repository}/README.md`);

/** What README.md consists of. */
export const document: Document = readMarkdown(readme);

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

/** What differs from run to run is made alike: times, ports of callers, indices. */
export function normalise(lines: readonly string[]): string {
  return lines.map((line) =>
    line.replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, "TIME")
      .replaceAll(/(?<="peer":"127\.0\.0\.1:)\d+/g, "PORT")
      .replaceAll(/(?<="duration_ms":)[\d.]+/g, "DURATION")
      .replaceAll(/(?<=\(index: )\d+/g, "INDEX")
      .replaceAll(/\s+/g, " ").trim()
  ).join("\n").trim();
}

/**
 * A shell in a namespace of its own, in which `npx -y deno@…` is this very Deno: a
 * namespace has no way to a registry.
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
  const namespace = stack.use(await makeQuietNamespace());
  const tools = (await goTool("grpcurl")).replace(/\/[^/]*$/, "");
  const shell = stack.use(openShell(namespace, { path: [shims, tools] }));
  // Fresh: no log of an earlier section may be taken for this one's.
  await shell.run("mount -t tmpfs tmpfs /run");
  const kept = stack.move();
  return {
    run: (command) => runAndWait(shell, command),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** Runs a command; one that starts the sidecar has ended when the sidecar serves. */
async function runAndWait(shell: Shell, command: string): Promise<Ran> {
  const ran = await shell.run(command);
  const log = /\bserve\b.* 2>(\S+) &$/.exec(command)?.[1];
  if (log === undefined) return ran;
  await until(
    async () => (await shell.run(`grep -q "Starting gRPC server" ${log}`)).code === 0,
    { what: `the sidecar to serve: ${command}`, deadlineMs: 15_000 },
  );
  return ran;
}
