/**
 * Every example of the pages, executed as a reader would.
 *
 * @needs go
 */
import assert from "node:assert/strict";
import {
  isExecuted,
  openReader,
  preparation,
  runBlock,
  runCommands,
} from "../support/examples.ts";
import { PAGES, readPage } from "../support/pages.ts";
import { fullTest } from "../support/suite.ts";

/** Pages whose examples a test of their own executes, or that run whole suites. */
const ELSEWHERE = ["CONTRIBUTING.md", "docs/cli-examples.md", "docs/telemetry.md"];

/** The first block of README.md serves and tests: `.ci/run` executes it. */
const [README_COMMANDS] = readPage("README.md").blocks;

for (const path of PAGES.filter((path) => !ELSEWHERE.includes(path))) {
  const blocks = readPage(path).blocks.filter((block) =>
    isExecuted(block) && block.lines.join() !== README_COMMANDS?.lines.join()
  );
  for (const section of new Set(blocks.map((block) => block.section))) {
    fullTest(`${path}, "${section}": each command does what is shown`, async () => {
      await using shell = await openReader();
      const own = blocks.filter((block) => block.section === section);
      const isPreparation = own.some(({ lines }) =>
        lines.join() === preparation.lines.join()
      );
      if (!isPreparation) await runCommands(shell, preparation);
      for (const block of own) await runBlock(shell, block);
    });
  }
}

fullTest(
  "a command that fails, or shows something else, fails its example",
  async () => {
    await using shell = await openReader();
    const block = { section: "", language: "sh", lines: ["false"] };
    await assert.rejects(runBlock(shell, block));
    const wrong = { ...block, language: "console", lines: ["$ echo one", "two"] };
    await assert.rejects(runBlock(shell, wrong));
  },
);
