import { linesOf } from "./lines.ts";
import type { Namespace } from "./namespace.ts";

/** What a command of a shell came to. */
export interface Ran {
  readonly code: number;
  /** What it wrote on stdout and stderr, in the order in which it came. */
  readonly output: readonly string[];
}

/** A shell that runs one command after another, as a person does. */
export interface Shell extends AsyncDisposable {
  /** Runs a command, which may be of several lines, and waits for its end. */
  run(command: string): Promise<Ran>;
}

/** How {@linkcode openShell} opens it. */
export interface ShellOptions {
  /** Directories that stand before those of the test's own PATH. @default {[]} */
  readonly path?: readonly string[];
  /** Milliseconds that one command may take. @default {20000} */
  readonly deadlineMs?: number;
}

/**
 * Opens a shell in a network namespace, and in mount and process namespaces of its own:
 * what it mounts, and whatever it leaves in the background, ends with it.
 */
export function openShell(
  namespace: Namespace,
  { path = [], deadlineMs = 20_000 }: ShellOptions = {},
): Shell {
  const words = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh"];
  const child = namespace.command(words, {
    env: {
      PATH: [...path, Deno.env.get("PATH")].join(":"),
      NO_COLOR: "1",
      LC_ALL: "C",
    },
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const input = child.stdin.getWriter();
  const lines = linesOf(child.stdout);
  let count = 0;
  return {
    run: async (command) => {
      const mark = `end-of-command-${++count}`;
      const timer = setTimeout(() => child.kill("SIGKILL"), deadlineMs);
      // In braces, so that variables and jobs of the shell outlive the command.
      const text = `{\n${command}\n} </dev/null 2>&1\nprintf '\\n${mark} %d\\n' $?\n`;
      await input.write(new TextEncoder().encode(text));
      const output: string[] = [];
      for (;;) {
        const { done, value = "" } = await lines.next();
        if (done === true) {
          throw new Error(
            `The shell ended, or took longer than ${deadlineMs} ms, on: ${command}\n` +
              output.join("\n"),
          );
        }
        if (!value.startsWith(`${mark} `)) {
          output.push(value);
          continue;
        }
        clearTimeout(timer);
        return { code: Number(value.slice(mark.length)), output };
      }
    },
    [Symbol.asyncDispose]: async () => {
      // It may have ended, by a command or at a deadline.
      await input.close().catch(() => {});
      for await (const _ of lines) { /* Its end is the end of all in it. */ }
      await child.status;
    },
  };
}
