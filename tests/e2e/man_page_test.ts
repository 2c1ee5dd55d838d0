/** The manual page, as the programs that show it read it. */
import assert from "node:assert/strict";
import { COMMANDS } from "../../src/cli/commands.ts";
import { OPTIONS } from "../../src/cli/options.ts";
import { manPage } from "../../src/cli/man_page.ts";
import { type Finished, runToEnd } from "../support/namespace.ts";
import { clientCommand } from "../support/serve_task.ts";
import { bounded } from "../support/suite.ts";

/** Whether a program is there; the quick suite does without. */
async function isThere(program: string): Promise<boolean> {
  if (bounded(false, true)) return false;
  try {
    await new Deno.Command(program, { args: ["-v"], stdout: "null", stderr: "null" })
      .output();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function read(words: readonly string[]): Promise<Finished> {
  return runToEnd(words, {
    stdin: `${manPage(COMMANDS)}\n`,
    env: { LC_ALL: "C.UTF-8" },
  });
}

Deno.test("man prints the page, in lines that any pager and any comparison takes", async () => {
  const printed = await runToEnd(clientCommand("man"), { env: { NO_COLOR: "1" } });
  assert.deepEqual(printed, { code: 0, stdout: `${manPage(COMMANDS)}\n`, stderr: "" });
  for (const line of printed.stdout.split("\n")) {
    assert.ok(line.length <= 80, line);
    assert.match(line, /^[ -~]*$/);
    // A line that begins with a dot is a request, and we use these alone.
    if (/^[.']/.test(line)) assert.match(line, /^\.(TH|SH|SS|TP|B|BR)( |$)/);
  }
});

Deno.test("no text of a command is a request, an escape or a hyphen to the page", () => {
  const source = manPage([{
    name: "odd",
    group: "look",
    summary: "be odd",
    description: `.SH of C:\\dir ${"x".repeat(75)} 'tis --json`,
    operands: [],
    options: [],
    exitCodes: [[0, ".done"]],
    load: () => Promise.reject(new Error("not to be run")),
  }]);
  const from = source.indexOf(".SS odd");
  assert.deepEqual(source.slice(from).split("\n").slice(0, 7), [
    ".SS odd [options]",
    String.raw`\&.SH of C:\edir`,
    "x".repeat(75),
    String.raw`\&'tis \-\-json`,
    ".TP",
    ".B Exit codes",
    "0: .done",
  ]);
});

Deno.test({
  name: "groff shows every command and option of the page, and warns of nothing",
  ignore: !await isThere("groff"),
  fn: async () => {
    const { code, stderr, stdout } = await read([
      ...["groff", "-ww", "-man", "-Tutf8", "-P-cbou", "-rLL=200n"],
    ]);
    assert.deepEqual([code, stderr], [0, ""]);
    for (const { name, operands, options } of COMMANDS) {
      const heading = stdout.split("\n").find((line) => line.startsWith(`   ${name} `));
      for (const operand of operands) {
        assert.ok(heading?.includes(operand.name), `${name} ${operand.name}`);
      }
      assert.ok(heading?.endsWith("[options]"), name);
      for (const option of options) assert.ok(stdout.includes(`--${option}`), option);
    }
    assert.ok(stdout.includes(OPTIONS["outcome"].choices.join(", ")));
  },
});

Deno.test({
  name: "mandoc warns of nothing in the page but that it has no date",
  ignore: !await isThere("mandoc"),
  fn: async () => {
    const { stdout } = await read(["mandoc", "-Tlint"]);
    assert.equal(
      stdout,
      'mandoc: <stdin>:1:21: WARNING: missing date, using "": TH\n',
    );
  },
});
