/** What bash, zsh and fish offer where a command line of quilt-sidecar is typed. */
import assert from "node:assert/strict";
import type { Shell } from "../../src/cli/completions.ts";
import { collectLines } from "../support/lines.ts";
import { runToEnd } from "../support/namespace.ts";
import { clientCommand } from "../support/serve_task.ts";
import { killIfAlive } from "../support/sidecar.ts";
import { bounded } from "../support/suite.ts";
import { until } from "../support/wait.ts";

/** What is typed before the tabulator, and the line behind it. */
const TYPED: readonly (readonly [typed: string, line: string])[] = [
  ["quilt-sidecar st", "quilt-sidecar status "],
  ["quilt-sidecar status --ver", "quilt-sidecar status --verbose "],
  ["quilt-sidecar audit --outcome dr", "quilt-sidecar audit --outcome dry-run "],
  ["quilt-sidecar audit --outcome=un", "quilt-sidecar audit --outcome=unknown "],
  ["quilt-sidecar audit ver", "quilt-sidecar audit verify "],
  ["quilt-sidecar audit peer", "quilt-sidecar audit peers.yaml "],
  ["quilt-sidecar audit verify --js", "quilt-sidecar audit verify --json "],
  ["quilt-sidecar audit verify --out", "quilt-sidecar audit verify --out"],
  ["quilt-sidecar audit verify a peer", "quilt-sidecar audit verify a peers.yaml "],
  ["quilt-sidecar completions z", "quilt-sidecar completions zsh "],
  ["quilt-sidecar help unin", "quilt-sidecar help uninstall "],
  ["quilt-sidecar sync peer", "quilt-sidecar sync peers.yaml "],
  ["quilt-sidecar audit a b peer", "quilt-sidecar audit a b peers.yaml "],
  ["quilt-sidecar status --tls-ca peer", "quilt-sidecar status --tls-ca peers.yaml "],
  ["quilt-sidecar inject 10.42.2.0/24 l", "quilt-sidecar inject 10.42.2.0/24 lo "],
  [
    "quilt-sidecar inject --grpc-addr l 10.42.2.0/24 l",
    "quilt-sidecar inject --grpc-addr l 10.42.2.0/24 lo ",
  ],
  ["quilt-sidecar status --device l", "quilt-sidecar status --device lo "],
  // Nothing is known that would fit, and no file is offered.
  ["quilt-sidecar remove peer", "quilt-sidecar remove peer"],
  ["quilt-sidecar inject l", "quilt-sidecar inject l"],
  ["quilt-sidecar status --outcome d", "quilt-sidecar status --outcome d"],
  ["quilt-sidecar nothing peer", "quilt-sidecar nothing peer"],
];

/** A shell at a terminal that has the completions, and a key that shows its line. */
interface TypedShell extends AsyncDisposable {
  /** Types a line and the tabulator; returns what stands on the line then. */
  complete(text: string): Promise<string>;
}

/** How a shell starts, and what is typed first: it must show `ready` at the end. */
interface ShellStart {
  readonly command: string;
  readonly setUp: readonly string[];
}

const STARTS: Readonly<Record<Exclude<Shell, "fish">, ShellStart>> = {
  bash: {
    command: "bash --norc --noprofile -i",
    setUp: [
      "PS1=",
      String.raw`bind -x '"\C-t": printf "line=[%s]\n" "$READLINE_LINE"'`,
      "bind 'set enable-bracketed-paste off' 'set bell-style none'",
    ],
  },
  zsh: {
    command: "zsh -f -i",
    setUp: [
      "PS1= PROMPT_EOL_MARK=; unset zle_bracketed_paste; unsetopt beep",
      "autoload -U compinit; compinit -u -D",
      `show() { zle -I; print -r -- "line=[$BUFFER]"; }; zle -N show; bindkey '^T' show`,
    ],
  },
};

async function openTyped(
  shell: "bash" | "zsh",
  folder: string,
  completions: string,
): Promise<TypedShell> {
  const { command, setUp } = STARTS[shell];
  const child = new Deno.Command("script", {
    args: ["--quiet", "--return", "--command", command, "/dev/null"],
    cwd: folder,
    env: { TERM: "xterm", LC_ALL: "C.UTF-8", HOME: folder },
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const { ended, lines } = collectLines(child.stdout);
  const keyboard = child.stdin.getWriter();
  const type = (keys: string) => keyboard.write(new TextEncoder().encode(keys));
  const wait = (pattern: RegExp, from: number): Promise<string> =>
    until(() => {
      const found = lines.slice(from).map((line) => pattern.exec(line)?.[1])
        .find((each) => each !== undefined);
      return found;
    }, { what: () => `${pattern} in:\n${lines.slice(from).join("\n")}` });
  // In two halves, so that the echo of what is typed is not taken for its output.
  const source = [...setUp, `source ${completions}`, "echo rea''dy"].join("\n");
  await type(`${source}\n`);
  await wait(/^(ready)\r?$/, 0);
  return {
    complete: async (text) => {
      const from = lines.length;
      // Ctrl-U clears the line.
      await type(`\x15${text}\t\x14`);
      return await wait(/line=\[(.*)\]\r?$/, from);
    },
    [Symbol.asyncDispose]: async () => {
      killIfAlive(child, "SIGKILL");
      await Promise.all([child.status, ended]);
      await keyboard.abort().catch(() => {});
    },
  };
}

/** A folder with one file, and the completions of a shell beside it. */
async function makeFolder(shell: Shell) {
  const folder = await Deno.makeTempDir();
  const { code, stderr, stdout } = await runToEnd(
    clientCommand("completions", [shell]),
    { env: { NO_COLOR: "1" } },
  );
  assert.deepEqual([code, stderr], [0, ""]);
  await Deno.mkdir(`${folder}/work`);
  await Deno.writeTextFile(`${folder}/work/peers.yaml`, "[]\n");
  await Deno.writeTextFile(`${folder}/completions`, stdout);
  return {
    work: `${folder}/work`,
    completions: `${folder}/completions`,
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

/** Whether a shell is there; the quick suite tries bash alone. */
async function isThere(shell: Shell): Promise<boolean> {
  if (bounded(false, true)) return false;
  try {
    return (await new Deno.Command(shell, { args: ["--version"], stdout: "null" })
      .output()).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

for (const shell of ["bash", "zsh"] as const) {
  Deno.test({
    name: `${shell} completes commands, options, values, files and devices`,
    ignore: shell !== "bash" && !await isThere(shell),
    fn: async () => {
      await using folder = await makeFolder(shell);
      await using typed = await openTyped(shell, folder.work, folder.completions);
      for (const [text, line] of TYPED) {
        assert.equal(await typed.complete(text), line, text);
      }
    },
  });
}

Deno.test({
  name: "fish completes commands, options, values, files and devices",
  ignore: !await isThere("fish"),
  fn: async () => {
    await using folder = await makeFolder("fish");
    for (const [text, line] of TYPED) {
      const { code, stderr, stdout } = await runToEnd([
        "env",
        `HOME=${folder.work}`,
        ...["fish", "--no-config", "-C", `cd ${folder.work}`],
        ...["-c", "source $argv[1]; complete --do-complete $argv[2]"],
        folder.completions,
        text,
      ]);
      assert.deepEqual([code, stderr], [0, ""]);
      const word = line.trimEnd().split(" ").at(-1);
      // Behind a tabulator stands what it means.
      const offered = stdout.split("\n").filter((each) => each !== "")
        .map((each) => each.split("\t", 1)[0]);
      assert.deepEqual(offered, line === text ? [] : [word], text);
    }
  },
});
