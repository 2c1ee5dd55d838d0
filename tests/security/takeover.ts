/**
 * What an attacker who has taken the sidecar over would try, in its place: one attempt
 * a run. The argument names it, a JSON line on stdout has the outcome. Whatever Deno
 * grants, `ip` is among it; so the attempts go through `ip` where they can.
 */
/** What came of an attempt. */
export type Outcome =
  | { readonly kind: "done" }
  | { readonly kind: "denied"; readonly sentence: string };

/** The namespace whose name stands under /run/netns. */
export const NEIGHBOUR = "neighbour";

/** A file of the host, and what is in it. */
export const SECRET = { path: "/etc/host-secret", text: "a-word-of-the-host" } as const;

/** Where a library for ip lies that writes a line as soon as it is loaded. */
export const LIBRARY = {
  directory: "/run/stranger",
  text: "a-word-of-the-library",
} as const;

/** Another program: it prints its version. */
const PROGRAM = ["/usr/bin/deno", "--version"];

/** Runs `ip`; done if the text appears in what it or its program writes. */
function throughIp(words: readonly string[], sign: string): Outcome {
  return run("ip", words, sign);
}

function run(
  program: string,
  args: readonly string[],
  sign: string,
  options: Deno.CommandOptions = {},
): Outcome {
  const command = new Deno.Command(program, { args: [...args], ...options });
  const { success, stdout, stderr } = command.outputSync();
  const text = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join(
    "",
  );
  const done = sign === "" ? success : text.includes(sign);
  return done ? { kind: "done" } : { kind: "denied", sentence: text.trim() };
}

function succeed(action: () => unknown): Outcome {
  action();
  return { kind: "done" };
}

const attempts = {
  "run another program": () => run("/usr/bin/deno", ["--version"], "deno "),
  "run another program by ip netns exec": () =>
    throughIp(["netns", "exec", NEIGHBOUR, ...PROGRAM], "deno "),
  "run another program by ip vrf exec": () =>
    throughIp(["vrf", "exec", "default", ...PROGRAM], "deno "),
  "make a network namespace to run one in": () =>
    throughIp(["netns", "add", "made-by-a-stranger"], ""),
  "run ip with a library of its own": () =>
    run("ip", ["-V"], "ip utility", { env: { LD_PRELOAD: "/usr/lib/libc.so.6" } }),
  "run ip with a library in a directory of its own": () =>
    run("ip", ["link", "add", "x", "type", "stranger"], LIBRARY.text, {
      env: { IP_LIB_DIR: LIBRARY.directory },
    }),
  "run ip as another user": () => run("ip", ["-V"], "ip utility", { uid: 12345 }),
  "read a file of the host by ip -batch": () =>
    throughIp(["-batch", SECRET.path], SECRET.text),
  "read a file of the host": () => succeed(() => Deno.readTextFileSync(SECRET.path)),
  "write a file": () => succeed(() => Deno.writeTextFileSync("/app/left-behind", "")),
  "keep a file by the Cache API": async () => {
    const cache = await caches.open("left-behind");
    await cache.put("http://stranger/", new Response("a library, for instance"));
    return succeed(() => cache);
  },
  "keep a file by localStorage": () =>
    succeed(() => localStorage.setItem("left", "behind")),
  "open a device by ip tuntap": () =>
    throughIp(["tuntap", "add", "dev", "tun9", "mode", "tun"], ""),
  "listen on another port": () =>
    succeed(() => Deno.listen({ hostname: "127.0.0.1", port: 50052 }).close()),
  "connect to another address": () =>
    // No process listens there: a refusal means that connect(2) was allowed.
    Deno.connect({ hostname: "192.0.2.1", port: 9 }).then(close, ifRefused),
  "fetch code from a registry": () => {
    // Not a literal: Deno would fetch it beforehand with the program's own modules.
    const name = ["npm", "left-pad@1.3.0"].join(":");
    return import(name).then((): Outcome => ({ kind: "done" }), ifRefused);
  },
  "load a BPF program by ip link": () =>
    // The kernel looks for a program only after it has looked who asks.
    throughIp(["link", "set", "dev", "lo", "xdp", "pinned", "/p"], "No such file"),
  "name a network namespace by ip netns attach": () =>
    throughIp(["netns", "attach", "made-by-a-stranger", "1"], ""),
  "block traffic by ip xfrm": () =>
    throughIp(
      "xfrm policy add dir out src 0.0.0.0/0 dst 0.0.0.0/0 action block".split(" "),
      "",
    ),
  "change what generic netlink keeps, by ip mptcp": () =>
    throughIp(["mptcp", "limits", "set", "subflows", "2"], ""),
  "change links, addresses, rules and routes of the node": () =>
    throughIp(["link", "set", "dev", "lo", "down"], ""),
} satisfies Readonly<Record<string, () => Outcome | Promise<Outcome>>>;

/** The attempts of which each must be denied by something. */
export type AttemptName = keyof typeof attempts;

/** The names of all attempts. */
export const attemptNames: readonly AttemptName[] = Object.keys(attempts)
  .filter(isAttempt);

function isAttempt(name: string): name is AttemptName {
  return Object.hasOwn(attempts, name);
}

function close(connection: Deno.Conn): Outcome {
  connection.close();
  return { kind: "done" };
}

/** Nothing answers in a namespace without a network: but it was asked. */
function ifRefused(error: unknown): Outcome {
  const sentence = String(error);
  return /ConnectionRefused|error sending request|unreachable/.test(sentence)
    ? { kind: "done" }
    : { kind: "denied", sentence };
}

async function attempt(name: string): Promise<Outcome> {
  if (!isAttempt(name)) throw new Error(`Cannot attempt ${name}: no such attempt`);
  try {
    return await attempts[name]();
  } catch (error) {
    return { kind: "denied", sentence: String(error) };
  }
}

if (import.meta.main) {
  const outcome = new Blob([`${JSON.stringify(await attempt(Deno.args.join(" ")))}\n`]);
  await outcome.stream().pipeTo(Deno.stdout.writable);
  Deno.exit();
}
