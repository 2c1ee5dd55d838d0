/**
 * @needs go
 */
import assert from "node:assert/strict";
import {
  document,
  isExecuted,
  openReader,
  preparation,
  runBlock,
  runCommands,
} from "../support/readme.ts";
import { fullTest } from "../support/suite.ts";

const [commands, ...blocks] = document.blocks.filter(isExecuted);

Deno.test("README.md begins with the two commands that serve and test", () => {
  assert.deepEqual(commands?.lines, [
    "npx -y deno@2.9.3 task serve",
    "npx -y deno@2.9.3 task test",
  ]);
});

for (const section of new Set(blocks.map(({ section }) => section))) {
  fullTest(`README.md, "${section}": each command does what is shown`, async () => {
    await using shell = await openReader();
    const own = blocks.filter((block) => block.section === section);
    if (!own.includes(preparation)) await runCommands(shell, preparation);
    for (const block of own) await runBlock(shell, block);
  });
}
