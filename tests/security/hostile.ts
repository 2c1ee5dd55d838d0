/**
 * What a hostile dependency would try in the sidecar's place, one attempt a run:
 * the argument names it, a JSON line on stdout has the outcome. No specifier may be
 * a literal, or Deno would load it beforehand with the program's own modules.
 */

/** What came of an attempt: `denied` by the sandbox, or not. */
type AttemptResult =
  | { readonly kind: "done"; readonly value: string }
  | { readonly kind: "denied"; readonly sentence: string }
  | { readonly kind: "failed"; readonly name: string; readonly sentence: string };

const attempts = {
  "read /etc/passwd": () => Deno.readTextFileSync("/etc/passwd").length,
  "list /": () => [...Deno.readDirSync("/")].length,
  "write to /tmp": () => {
    const path = `/tmp/quilt-${crypto.randomUUID()}`;
    Deno.writeTextFileSync(path, "x");
    Deno.removeSync(path);
  },
  "delete a file": () => Deno.removeSync("/tmp/quilt-sandbox-nothing-here"),
  "learn the host's name": () => Deno.hostname(),
  "learn its user": () => Deno.uid(),
  "load a native library": () =>
    Deno.dlopen("libc.so.6", { getpid: { parameters: [], result: "i32" } }),
  "run sh": () => new Deno.Command("sh", { args: ["-c", "true"] }).outputSync().code,
  "run an ip of its own": () => new Deno.Command("/tmp/ip").outputSync().code,
  "run ip with a library preloaded": () =>
    new Deno.Command("ip", { env: { LD_PRELOAD: "/tmp/x.so" } }).outputSync().code,
  "signal another process": () => Deno.kill(Deno.ppid, "SIGCONT"),
  "connect to another port": () => Deno.connect({ hostname: "127.0.0.1", port: 50052 }),
  "connect to another address": () =>
    Deno.connect({ hostname: "192.0.2.1", port: 50051 }),
  "connect by name": () => Deno.connect({ hostname: "localhost", port: 50051 }),
  "connect to a Unix socket": () =>
    Deno.connect({ transport: "unix", path: "/run/nobody.sock" }),
  "listen on all addresses": () => Deno.listen({ hostname: "0.0.0.0", port: 50051 }),
  "listen on another address": () =>
    Deno.listen({ hostname: "192.0.2.1", port: 50051 }),
  "listen on another port": () => Deno.listen({ hostname: "127.0.0.1", port: 50052 }),
  "ask for a name": () => Deno.resolveDns("example.com", "A"),
  "import from a remote host": (start: string) => import(`${start}//192.0.2.1/x.js`),
  "import a file as text": (_start: string, file = "/etc/passwd") =>
    import(`file://${file}`, { with: { type: "text" } }),
} satisfies Readonly<Record<string, (start: string) => unknown>>;

/** The attempts of which each must be denied. */
export type AttemptName = keyof typeof attempts;

function isAttempt(name: string): name is AttemptName {
  return Object.hasOwn(attempts, name);
}

/** The names of all attempts. */
export const attemptNames: readonly AttemptName[] = Object.keys(attempts)
  .filter(isAttempt);

/** The sandbox's own words; in an import they come inside a TypeError. */
const denial = /^Requires .+ access|^Requires --allow-\w+ permissions|--no-remote is/;

async function attempt(name: string): Promise<AttemptResult> {
  if (!isAttempt(name)) throw new Error(`Cannot attempt ${name}: no such attempt`);
  try {
    const value = await attempts[name]("https:");
    return { kind: "done", value: String(value) };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const sentence = error.message.split("\n")[0] ?? "";
    const denied = error instanceof Deno.errors.NotCapable || denial.test(sentence);
    return denied
      ? { kind: "denied", sentence }
      : { kind: "failed", name: error.name, sentence };
  }
}

async function show(value: unknown): Promise<void> {
  const line = new Blob([`${JSON.stringify(value)}\n`]);
  await line.stream().pipeTo(Deno.stdout.writable);
}

if (import.meta.main) {
  const [name = ""] = Deno.args;
  if (name === "environment") {
    // Not denied but blank: grpc-js reads variables at its import and must live.
    const { HOME = null, PATH = null } = Deno.env.toObject();
    await show({ HOME, PATH, got: Deno.env.get("PATH") ?? null });
  } else if (name === "more permissions") {
    const asked = await Deno.permissions.request({ name: "read", path: "/etc/passwd" });
    await show({ state: asked.state });
  } else {
    await show(await attempt(name));
    Deno.exit();
  }
}
