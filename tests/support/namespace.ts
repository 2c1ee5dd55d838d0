import { refuseOnTheMachine, uniqueName } from "./guard.ts";
import { repository } from "./serve_task.ts";

/** What a program that ran to its end left behind. */
export interface Finished {
  /** The exit code; 128 and the signal's number when a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a program inside a namespace is started. */
export interface RunOptions {
  /** Written to its standard input, which is then closed. @default {""} */
  readonly stdin?: string;
  /** Variables besides those of the test itself. @default {{}} */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * A network namespace of its own: `lo` is up and carries 192.0.2.1/32 besides
 * 127.0.0.1 (resolvers find no address family in a namespace that has loopback
 * addresses only). Deleted when disposed.
 */
export interface Namespace extends AsyncDisposable {
  /** Its name for `ip netns exec`, unique on the machine. */
  readonly name: string;
  /** A program of this namespace, not started; its directory is the repository. */
  command(words: readonly string[], options?: Deno.CommandOptions): Deno.Command;
  /** Runs a program to its end, whatever its exit code. */
  run(words: readonly string[], options?: RunOptions): Promise<Finished>;
  /**
   * Runs `ip` with the words of a line, e.g. `link set vxlan100 up`; returns stdout.
   *
   * @throws {Error} when `ip` fails, with its whole command line and its words.
   */
  ip(line: string): Promise<string>;
}

/** Runs a program to its end; its directory is the repository. */
export async function runToEnd(
  words: readonly string[],
  options: RunOptions & { readonly clearEnv?: boolean } = {},
): Promise<Finished> {
  const [program, ...args] = words;
  if (program === undefined) throw new Error("Cannot run no words: name a program");
  const { stdin = "", env = {}, clearEnv = false } = options;
  const started = { cwd: repository, env, clearEnv, args };
  const child = new Deno.Command(program, {
    ...started,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const fed = feed(child.stdin, stdin);
  const { code, stdout, stderr } = await child.output();
  await fed;
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}

/** A program may end without reading its input: that is its affair, no failure. */
async function feed(stdin: WritableStream<Uint8Array>, text: string): Promise<void> {
  const writer = stdin.getWriter();
  try {
    if (text !== "") await writer.write(new TextEncoder().encode(text));
    await writer.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

async function must(words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runToEnd(words, { env: { LC_ALL: "C" } });
  if (code !== 0) {
    throw new Error(
      `Cannot run "${words.join(" ")}": exit code ${code}, ${stderr.trim()}`,
    );
  }
  return stdout;
}

/**
 * Makes a namespace. Only inside the private mount and network namespaces of
 * `deno task test`, so that not even its name appears on the machine.
 *
 * @throws {Error} elsewhere.
 */
export async function makeNamespace(): Promise<Namespace> {
  refuseOnTheMachine();
  const name = uniqueName();
  const inside = ["ip", "netns", "exec", name];
  const namespace: Namespace = {
    name,
    command: ([...words], options = {}) =>
      new Deno.Command("ip", {
        cwd: repository,
        ...options,
        args: ["netns", "exec", name, ...words],
      }),
    run: (words, options) => runToEnd([...inside, ...words], options),
    ip: (line) => must(["ip", "-n", name, ...line.trim().split(/\s+/)]),
    [Symbol.asyncDispose]: async () => {
      // The `ip monitor` of a sidecar that was killed runs until the next event.
      const left = (await must(["ip", "netns", "pids", name])).split("\n");
      for (const pid of left.filter((line) => line !== "")) killIfThere(Number(pid));
      await must(["ip", "netns", "delete", name]);
    },
  };
  await must(["ip", "netns", "add", name]);
  await namespace.ip("link set lo up");
  await namespace.ip("address add 192.0.2.1/32 dev lo");
  return namespace;
}

function killIfThere(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** How {@linkcode addVxlan} makes the device. */
export interface VxlanOptions {
  /** The device's name. @default {"vxlan100"} */
  readonly name?: string;
  /** The VXLAN network identifier, 0 to 16777215. @default {100} */
  readonly id?: number;
  /** Whether it is set up at once. @default {true} */
  readonly up?: boolean;
}

/** Makes the overlay device as the mesh agent does, on UDP port 4789 over `lo`. */
export async function addVxlan(
  namespace: Namespace,
  { name = "vxlan100", id = 100, up = true }: VxlanOptions = {},
): Promise<void> {
  await namespace.ip(
    `link add ${name} type vxlan id ${id} dstport 4789 local 127.0.0.1 dev lo`,
  );
  if (up) await namespace.ip(`link set ${name} up`);
}
