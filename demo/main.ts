/**
 * `deno task demo`: two nodes and real sidecars in namespaces of their own, without root.
 *
 * This process only starts `scenes_main.ts` in new namespaces, and sees to it that it ends.
 * All that the demo makes lives in them, so the kernel takes it away with their process 1.
 */
import { standardTerminal } from "../src/cli/terminal.ts";

const root = new URL("..", import.meta.url).pathname;

/**
 * Signals of a closed terminal, Ctrl-C, Ctrl-\, `kill` and Ctrl-Z, with the exit codes of a
 * shell. Ctrl-Z ends the demo too, because it would leave its picture on the terminal.
 */
const STOP_SIGNALS = [
  ["SIGHUP", 129],
  ["SIGINT", 130],
  ["SIGQUIT", 131],
  ["SIGTERM", 143],
  ["SIGTSTP", 148],
] as const;

/** As after SIGHUP; nobody is left who reads it. */
const EXIT_ORPHANED = 129;

/** Milliseconds that process 1 has to end by itself. */
const PATIENCE_MS = 3_000;

/** How a program ended, and its last words on standard error. */
interface End {
  readonly code: number;
  readonly words: string;
}

/** Resolves with an exit code if the demo is to end before its time. */
function stopRequest(): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  for (const [signal, code] of STOP_SIGNALS) {
    Deno.addSignalListener(signal, () => resolve(code));
  }
  // A parent that was killed passes no signal on.
  const parent = Deno.ppid;
  Deno.unrefTimer(setInterval(() => {
    if (Deno.ppid !== parent) resolve(EXIT_ORPHANED);
  }, 200));
  return promise;
}

/** Runs a program to its end; if the demo is to stop, closes its input. */
async function attend(
  [program = "", ...args]: readonly string[],
  stop: Promise<number>,
): Promise<End> {
  const child = new Deno.Command(program, {
    args: [...args],
    cwd: root,
    // Debian keeps bridge outside of the PATH of an ordinary user.
    env: { PATH: `${Deno.env.get("PATH") ?? ""}:/usr/sbin:/sbin` },
    // Ctrl-C is for this process, which ends the others in order.
    detached: true,
    stdin: "piped",
    stderr: "piped",
  }).spawn();
  stop.then(async () => {
    await child.stdin.close().catch(() => {});
    Deno.unrefTimer(setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS));
  });
  const words = await new Response(child.stderr).text();
  return { code: (await child.status).code, words: words.trim() };
}

const NAMESPACES = ["--net", "--mount", "--pid", "--fork", "--kill-child"] as const;

/** Ways into namespaces: root needs no user namespace, others do. */
const WAYS = [
  ["unshare", ...NAMESPACES],
  ["unshare", "--user", "--map-root-user", ...NAMESPACES],
] as const;

const SCENES = [
  ...[Deno.execPath(), "run", "--quiet", "--frozen", "--cached-only", "--no-remote"],
  ...["--no-prompt", "--ignore-env", "--allow-env=LANG,LC_ALL,LC_CTYPE,TERM"],
  ...["--allow-run=bridge,ip,mount,nsenter,unshare", `${root}demo/scenes_main.ts`],
] as const;

async function play(stop: Promise<number>): Promise<End> {
  let end: End = { code: 1, words: "" };
  for (const way of WAYS) {
    end = await attend([...way, ...SCENES], stop);
    if (!end.words.startsWith("unshare: ")) return end;
  }
  return { code: 1, words: explainUnshare(end.words) };
}

function explainUnshare(words: string): string {
  const [first = ""] = words.split("\n");
  if (/option/.test(first)) {
    return `The demo needs unshare of util-linux 2.32 or newer (${first}); install it`;
  }
  const setting = /No space left/.test(first)
    ? "user.max_user_namespaces=10000"
    : "kernel.unprivileged_userns_clone=1 on Debian, " +
      "kernel.apparmor_restrict_unprivileged_userns=0 on Ubuntu";
  return `The demo needs user namespaces, which are off here (${first}); run it as root, ` +
    `or switch them on by sysctl -w ${setting}`;
}

async function demo(stop: Promise<number>): Promise<End> {
  try {
    return await play(stop);
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    const words = "The demo needs the program unshare, which is not there; install " +
      "util-linux";
    return { code: 1, words };
  }
}

/** Writes, even if the terminal is gone. */
function write(stream: typeof Deno.stdout | typeof Deno.stderr, text: string): void {
  try {
    stream.writeSync(new TextEncoder().encode(text));
  } catch {
    // The terminal is closed, or the reader has left.
  }
}

const { hasControl } = standardTerminal();
const stop = stopRequest();
// DECSET 1049: another screen, so that the terminal is as it was afterwards. 25: the cursor.
if (hasControl) write(Deno.stdout, "\u001b[?1049h\u001b[?25l\u001b[H");
const stopCode = stop.then((code) => ({ code, words: "" }));
const end = await demo(stop);
const isStopped = await Promise.race([stopCode, Promise.resolve(undefined)]);
if (hasControl) write(Deno.stdout, "\u001b[?25h\u001b[?1049l");
if (isStopped !== undefined) {
  write(Deno.stderr, "The demo was ended before its time, and left nothing behind\n");
} else if (end.words !== "") {
  write(end.code === 0 ? Deno.stdout : Deno.stderr, `${end.words}\n`);
}
Deno.exit(isStopped?.code ?? end.code);
