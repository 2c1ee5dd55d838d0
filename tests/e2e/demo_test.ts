import assert from "node:assert/strict";
import { collectLines } from "../support/lines.ts";
import { anySeed, randomOf } from "../support/random.ts";
import { fullTest } from "../support/suite.ts";
import { until } from "../support/wait.ts";
import { DEMO, type DemoUser, makeDemoUser } from "./demo_user.ts";

/** Without the line of Deno that says which task it runs. */
const QUIETLY = ["deno", "task", "--quiet", "demo"] as const;

/** Milliseconds for a whole run without a terminal on a busy machine. */
const RUN_MS = 120_000;

/** Lines without a terminal up to the one about the killed sidecar, a second before the end. */
const LINES = 33;

/** Fails unless all of the demo is gone; the kernel takes a moment for the last of it. */
async function leavesNothing(user: DemoUser): Promise<void> {
  let traces: readonly string[] = [];
  await until(async () => (traces = await user.traces()).length === 0, {
    what: () => `nothing to be left: ${traces.join("\n")}`,
  });
}

Deno.test("demo shows every scene to an ordinary user without a terminal, in figures, and leaves nothing behind", async () => {
  await using user = await makeDemoUser();
  const { code, stderr, stdout } = await user.run([...DEMO]);
  assert.equal(code, 0, stderr);
  assert.doesNotMatch(stdout, /[^\n -~]/, "only ASCII, and no control codes");
  const scenes = stdout.match(/^Scene \d of 5: [A-Z][^\n]+\.$/gm);
  assert.deepEqual(scenes?.map((line) => line.slice(6, 7)), ["1", "2", "3", "4", "5"]);
  for (
    const line of [
      /^ +\d+\.\d s {2}Node 1 has 10\.42\.1\.0\/24; its sidecar gave 10\.42\.1\.2 /m,
      /^ +\d+\.\d s {2}10\.42\.2\.2 answers 10\.42\.1\.2, 50 times a second$/m,
      /^ +\d+\.\d s {2}10\.42\.4\.0\/24 is gone\n.*10\.42\.4\.0\/24 is back$/m,
      /^ +\d+\.\d s {2}10\.42\.5\.0\/24 left$/m,
      /^ +\d+\.\d s {2}ip route del 10\.42\.2\.0\/24: it is back after \d+ ms$/m,
      /^ +\d+\.\d s {2}ip route flush: all 12 routes are back after \d+ ms$/m,
      /^ +\d+\.\d s {2}Without a call of the agent it has 12 routes and 1 address again$/m,
      /^What was shown, in \d+ s,/m,
      /^ {2}Peers +12 joined, 1 flapped 3 times, 1 left; node 1 has 12 routes$/m,
      /^ {2}Repair +1 route back after \d+ ms, 12 routes after \d+ ms; \d+ of \d+ /m,
      /^ {2}SIGKILL +\d+\.\d s without it: \d+ of \d+ packets lost, 12 routes and 1 /m,
      /^ {2}deno task serve /m,
    ]
  ) assert.match(stdout, line);
  const [, sent, answered, lost] =
    /: (\d+) sent, (\d+) answered, (\d+) lost$/m.exec(stdout)?.map(Number) ?? [];
  assert.ok(Number(answered) > 100 && Number(lost) < Number(sent) / 2, stdout);
  assert.deepEqual(await user.traces(), []);
});

Deno.test("demo says in one sentence that user namespaces are off, or that a program is missing", async () => {
  await using user = await makeDemoUser();
  const off = "echo 0 > /proc/sys/user/max_user_namespaces && " +
    'exec setpriv --bounding-set=-all --inh-caps=-all "$@"';
  const without = await user.run([
    ...["unshare", "--user", "--map-root-user", "sh", "-c", off, "sh"],
    ...QUIETLY,
  ]);
  assert.deepEqual([without.code, without.stdout], [1, ""]);
  assert.match(
    without.stderr,
    /^The demo needs user namespaces, which are off here \(unshare: .*\); run it as root, or switch them on by sysctl -w user\.max_user_namespaces=10000\n$/,
  );
  const bare = await user.run(["env", `PATH=${user.programs}`, ...QUIETLY]);
  assert.deepEqual([bare.code, bare.stdout, bare.stderr], [
    1,
    "",
    "The demo needs the program unshare, which is not there; install util-linux\n",
  ]);
  assert.deepEqual(await user.traces(), []);
});

/** How the demo is ended, and the exit code that follows. */
const ENDS = [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]] as const;

for (const [signal, expected] of ENDS) {
  fullTest(`demo leaves nothing behind after ${signal} at any moment`, async () => {
    await using user = await makeDemoUser();
    const seed = anySeed();
    const after = 1 + Math.floor(randomOf(seed)() * LINES);
    const child = user.start();
    const { ended, lines } = collectLines(child.stdout);
    const { ended: complained, lines: complaints } = collectLines(child.stderr);
    await until(() => lines.length >= after, { deadlineMs: RUN_MS, what: "lines" });
    child.kill(signal);
    const [{ code }] = await Promise.all([child.status, ended, complained]);
    const context = `after ${after} lines: ${complaints.join("\n")}`;
    assert.equal(code, expected, context);
    assert.equal(
      complaints.at(-1),
      "The demo was ended before its time, and left nothing behind",
      context,
    );
    // It ends when all is gone, not before.
    assert.deepEqual(await user.traces(), [], context);
    await child.stdin.close();
  });
}

fullTest(
  "demo leaves nothing behind when its first process is killed by SIGKILL",
  async () => {
    await using user = await makeDemoUser();
    const child = user.start();
    const { ended, lines } = collectLines(child.stdout);
    const complained = collectLines(child.stderr).ended;
    await until(() => lines.length > 10, { deadlineMs: RUN_MS, what: "lines" });
    assert.notDeepEqual(await user.traces(), [], "its processes are not seen");
    child.kill("SIGKILL");
    await Promise.all([child.status, ended, complained]);
    await leavesNothing(user);
    await child.stdin.close();
  },
);

/** `script` is a terminal of 80 columns and 24 rows that can be typed at, and closed. */
const TERMINAL = [
  ...["script", "--quiet", "--flush", "--return", "--command"],
  ...[`stty cols 80 rows 24; exec ${DEMO.join(" ")}`, "/dev/null"],
] as const;

/** Starts the demo on a terminal, and waits until it draws the second scene. */
async function startOnTerminal(user: DemoUser) {
  const child = user.start(TERMINAL);
  let screen = "";
  const read = async (): Promise<void> => {
    const text = child.stdout.pipeThrough(new TextDecoderStream());
    for await (const piece of text) screen += piece;
  };
  const ended = Promise.all([read(), collectLines(child.stderr).ended]);
  await until(() => screen.includes("Scene 2 of 5"), {
    deadlineMs: RUN_MS,
    what: () => `the second scene: ${screen}`,
  });
  return { child, ended, screen: () => screen };
}

fullTest(
  "demo draws pictures of the terminal's size, and Ctrl-C leaves the terminal as it was",
  async () => {
    await using user = await makeDemoUser();
    const { child, ended, screen } = await startOnTerminal(user);
    const input = child.stdin.getWriter();
    await input.write(new TextEncoder().encode("\u0003"));
    const { code } = await child.status;
    await ended;
    assert.equal(code, 130);
    assert.deepEqual(await user.traces(), []);
    await input.close().catch(() => {});
    const [first = "", ...pictures] = screen().split("\u001b[H");
    assert.ok(first.endsWith("\u001b[?1049h\u001b[?25l"), JSON.stringify(first));
    assert.ok(
      screen().endsWith(
        "\u001b[?25h\u001b[?1049lThe demo was ended before its time, and left nothing " +
          "behind\r\n",
      ),
      JSON.stringify(screen().slice(-200)),
    );
    const whole = pictures.filter((text) => text.endsWith("\u001b[J"));
    assert.ok(whole.length > 3, `${whole.length} pictures`);
    for (const picture of whole) {
      // deno-lint-ignore no-control-regex
      const lines = picture.replaceAll(/\u001b\[\d*[A-Za-z]/g, "").split("\r\n");
      assert.ok(lines.length <= 24, picture);
      assert.ok(lines.every((line) => [...line].length <= 80), picture);
    }
    assert.match(whole.at(-1) ?? "", /quilt-sidecar status --map/);
    assert.doesNotMatch(screen(), /make the window taller/);
  },
);

fullTest("demo leaves nothing behind when its terminal is closed", async () => {
  await using user = await makeDemoUser();
  const { child, ended } = await startOnTerminal(user);
  assert.notDeepEqual(await user.traces(), [], "its processes are not seen");
  child.kill("SIGKILL");
  await Promise.all([child.status, ended]);
  await leavesNothing(user);
  await child.stdin.close().catch(() => {});
});
