/**
 * @needs go
 */
import assert from "node:assert/strict";
import type { Block } from "../support/markdown.ts";
import {
  document,
  type Example,
  examplesOf,
  normalise,
  openReader,
} from "../support/readme.ts";
import type { Shell } from "../support/shell.ts";
import { until } from "../support/wait.ts";
import { fullTest } from "../support/suite.ts";

/** Looks only: it may be repeated, because what heals, and what is logged, takes a moment. */
const LOOK = /^(cat|grep|tail) |^(bridge|ip) .*\bshow\b|^npx .* status$/;

/** A user namespace of an ordinary user has only the one identity. */
const hasOtherUsers = !/^\s*0\s+\d+\s+1\s*$/.test(
  Deno.readTextFileSync("/proc/self/uid_map"),
);

/** The commands of a `sh` block; each must succeed. */
async function runCommands(shell: Shell, block: Block): Promise<void> {
  for (const command of block.lines) {
    const { code, output } = await shell.run(command);
    assert.equal(code, 0, `${command}\n${output.join("\n")}`);
  }
}

/** A command of a `console` block; it must print what is shown. */
async function runExample(shell: Shell, { command, output }: Example): Promise<void> {
  if (command.includes("--reuid") && !hasOtherUsers) return;
  const expected = normalise(output);
  let shown = normalise((await shell.run(command)).output);
  if (LOOK.test(command) && shown !== expected) {
    await until(async () => {
      shown = normalise((await shell.run(command)).output);
      return shown === expected;
    }, { what: "what README.md shows" }).catch(() => {});
  }
  assert.equal(shown, expected, command);
}

async function runBlock(shell: Shell, block: Block): Promise<void> {
  if (block.language === "sh") return await runCommands(shell, block);
  for (const example of examplesOf(block)) await runExample(shell, example);
}

const [commands, ...blocks] = document.blocks.filter(({ language }) =>
  language === "sh" || language === "console"
);

/** What the examples of every section start from: the device, and a sidecar. */
const preparation = blocks.find(({ language, section }) =>
  language === "sh" && section === "Try it"
);

Deno.test("README.md begins with the two commands that serve and test", () => {
  assert.deepEqual(commands?.lines, [
    "npx -y deno@2.9.3 task serve",
    "npx -y deno@2.9.3 task test",
  ]);
});

for (const section of new Set(blocks.map(({ section }) => section))) {
  fullTest(`README.md, "${section}": each command does what is shown`, async () => {
    assert.ok(preparation !== undefined);
    await using shell = await openReader();
    const own = blocks.filter((block) => block.section === section);
    if (!own.includes(preparation)) await runCommands(shell, preparation);
    for (const block of own) await runBlock(shell, block);
  });
}
