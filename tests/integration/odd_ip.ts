/**
 * An `ip` in front of the real one that misbehaves as the test configures it: it fails,
 * exits or hangs on some commands, warns on stderr, and garbles output.
 */
import { refuseOnTheMachine } from "../support/guard.ts";

/** What happens to a command; the first rule that matches it is applied. */
export interface Rule {
  /** A regular expression for a rendered command. */
  readonly on: string;
  /** `warn`: write a line to stderr, and execute the command. */
  readonly does: "fail" | "exit" | "hang" | "warn";
  /** The line on stderr: the reason of a failure, or the warning. */
  readonly text?: string;
}

/** How a line is garbled. */
export const GARBLINGS = [
  "truncate",
  "truncate-and-end",
  "drop",
  "duplicate",
  "reorder",
  "interleave",
  "flip",
  "flip-many",
  "inject",
  "inject-json",
  "join",
  "replace",
  "crlf",
  "utf8",
  "control",
  "blank",
  "split",
  "rename",
] as const;

/** Which line of a stream is garbled, and how. */
export interface Garbling {
  readonly how: (typeof GARBLINGS)[number];
  readonly stream: "stdout" | "stderr";
  /** Lines that pass before it. */
  readonly skip: number;
  readonly seed: number;
  /** Text for `inject` and `replace`. */
  readonly text: string;
}

/** The odd `ip`, which is first in PATH until this is disposed. */
export interface OddIp extends Disposable {
  /** From the next command on. */
  obey(rules: readonly Rule[]): void;
  /** Garbles one line. */
  garble(garbling: Garbling): void;
  /** True once that line has passed. */
  isGarbled(): boolean;
  /** The commands since the last call of this, without sentinels. */
  commands(): readonly string[];
}

/** Puts the odd `ip` first in PATH of this process. */
export function installOddIp(): OddIp {
  refuseOnTheMachine();
  const path = Deno.env.get("PATH") ?? "";
  const directory = Deno.makeTempDirSync({ prefix: "odd-ip-" });
  const real = path.split(":").map((part) => `${part}/ip`).find(isFile);
  if (real === undefined) throw new Error("Cannot find the real ip");
  const file = (name: string) => `${directory}/${name}`;
  const write = (name: string, value: unknown) => {
    Deno.writeTextFileSync(file(`${name}.new`), JSON.stringify(value));
    Deno.renameSync(file(`${name}.new`), file(name));
  };
  Deno.writeTextFileSync(
    file("ip"),
    PROGRAM.replaceAll("@REAL@", real).replaceAll("@HOME@", directory),
    { mode: 0o755 },
  );
  write("rules", []);
  Deno.writeTextFileSync(file("commands"), "");
  Deno.env.set("PATH", `${directory}:${path}`);
  return {
    obey: (rules) => write("rules", rules),
    garble: (garbling) => write("garbling", garbling),
    isGarbled: () => !isFile(file("garbling")),
    commands: () => {
      const lines = Deno.readTextFileSync(file("commands")).split("\n");
      Deno.writeTextFileSync(file("commands"), "");
      return lines.filter((line) => line !== "" && !line.startsWith("end-of-batch"));
    },
    [Symbol.dispose]: () => {
      Deno.env.set("PATH", path);
      Deno.removeSync(directory, { recursive: true });
    },
  };
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

const PROGRAM = String.raw`#!/usr/bin/python3 -SE
import json, os, re, select, signal, sys
real, home = "@REAL@", "@HOME@"
args = sys.argv[1:]
if "-batch" not in args:
    os.execv(real, ["ip"] + args)

def rules():
    with open(home + "/rules") as f:
        return json.load(f)

def pipe():
    r, w = os.pipe()
    return r, w

in_r, in_w = pipe(); out_r, out_w = pipe(); err_r, err_w = pipe()
child = os.fork()
if child == 0:
    os.dup2(in_r, 0); os.dup2(out_w, 1); os.dup2(err_w, 2)
    for fd in (in_r, in_w, out_r, out_w, err_r, err_w):
        os.close(fd)
    os.execv(real, ["ip"] + args)
for fd in (in_r, out_w, err_w):
    os.close(fd)

def end(*_):
    try:
        os.kill(child, signal.SIGKILL)
    except OSError:
        pass
    os._exit(1)

signal.signal(signal.SIGTERM, end)
TARGET = {"stdout": 1, "stderr": 2}
held = []
failing = {}

def emit(fd, data):
    while data:
        try:
            data = data[os.write(fd, data):]
        except OSError:
            end()

def take_plan(stream):
    try:
        with open(home + "/garbling") as f:
            plan = json.load(f)
    except (OSError, ValueError):
        return None
    if plan["stream"] != stream:
        return None
    if plan["skip"] > 0:
        plan["skip"] -= 1
        with open(home + "/garbling.tmp", "w") as f:
            json.dump(plan, f)
        os.rename(home + "/garbling.tmp", home + "/garbling")
        return None
    os.unlink(home + "/garbling")
    return plan

NAMES = {b'"protocol":"142"': b'"protocol":"quilt"', b'"table":"142"': b'"table":142',
         b'"type":"7"': b'"type":"unreachable"', b'"dev":': b'"oif":',
         b'"ifname":': b'"name":', b'"flags":[': b'"flags":null,"old":[',
         b'"metric":142': b'"metric":"142"', b'[{': b'[ {', b'}]': b'},\t{}]'}

# The module random takes as long to load as all the rest.
def dice(state):
    def roll(sides):
        nonlocal state
        state = (state * 6364136223846793005 + 1442695040888963407) % 2 ** 64
        return (state >> 33) % sides
    return roll

def garble(plan, stream, line):
    fd, other = TARGET[stream], 3 - TARGET[stream]
    roll = dice(plan["seed"])
    body, how = line[:-1], plan["how"]
    text = plan["text"].encode("utf-8", "surrogateescape")
    cut = roll(len(body) + 1)
    if how == "truncate": emit(fd, body[:cut] + b"\n")
    elif how == "truncate-and-end": emit(fd, body[:cut]); end()
    elif how == "drop": pass
    elif how == "duplicate": emit(fd, line + line)
    elif how == "reorder": held.append((fd, line))
    elif how == "interleave": emit(fd, body[:cut]); emit(other, body[cut:] + b"\n"); emit(fd, b"\n")
    elif how in ("flip", "flip-many"):
        raw = bytearray(body or b" ")
        for _ in range(1 if how == "flip" else 8):
            raw[roll(len(raw))] ^= 1 << roll(8)
        emit(fd, bytes(raw) + b"\n")
    elif how in ("inject", "inject-json"): emit(fd, text + b"\n" + line)
    elif how == "join": emit(fd, body + body + b"\n")
    elif how == "replace": emit(fd, text + b"\n")
    elif how == "crlf": emit(fd, body + b"\r\n")
    elif how == "utf8": emit(fd, body[:cut] + b"\xff\xc3" + body[cut:] + b"\n")
    elif how == "control": emit(fd, body[:cut] + b"\x01\x1b" + body[cut:] + b"\n")
    elif how == "blank": emit(fd, b"\n" + line)
    elif how == "split": emit(fd, body[:cut] + b"\n" + body[cut:] + b"\n")
    elif how == "rename":
        for known, new in NAMES.items():
            if roll(2): body = body.replace(known, new)
        emit(fd, body + b"\n")

def pass_line(stream, line):
    fd = TARGET[stream]
    if stream == "stderr":
        found = re.match(rb'Object "odd-(\d+)" is unknown', line)
        if found:
            line = failing.get(int(found.group(1)), b"?") + b"\n"
    plan = take_plan(stream)
    if plan is not None:
        return garble(plan, stream, line)
    emit(fd, line)
    while held:
        emit(*held.pop())

count = 0
def take_command(line):
    global count
    count += 1
    with open(home + "/commands", "ab") as f:
        f.write(line)
    words = line.decode("utf-8", "replace").rstrip("\n")
    for rule in rules():
        if not re.search(rule["on"], words):
            continue
        if rule["does"] == "exit": end()
        if rule["does"] == "hang": signal.pause()
        text = rule.get("text", "").encode()
        if rule["does"] == "fail":
            failing[count] = text
            return b"odd-%d\n" % count
        emit(2, text + b"\n")
        break
    return line

buffers = {0: b"", out_r: b"", err_r: b""}
open_fds = {0, out_r, err_r}
while open_fds & {out_r, err_r}:
    ready, _, _ = select.select(list(open_fds), [], [], 0.05)
    if not ready:
        while held:
            emit(*held.pop())
    # stdout first: the real pipes race as well.
    for fd in sorted(ready, key=lambda one: (one == err_r, one)):
        data = os.read(fd, 65536)
        if not data:
            open_fds.discard(fd)
            if fd == 0: os.close(in_w)
            else:
                if buffers[fd]: emit(1 if fd == out_r else 2, buffers[fd])
            continue
        lines = (buffers[fd] + data).split(b"\n")
        buffers[fd] = lines.pop()
        for line in lines:
            if fd == 0: emit(in_w, take_command(line + b"\n"))
            else: pass_line("stdout" if fd == out_r else "stderr", line + b"\n")
os.waitpid(child, 0)
`;
