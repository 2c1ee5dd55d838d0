import assert from "node:assert/strict";
import type { Tool } from "../../support/tools.ts";
import { runPool } from "../../runner/pool.ts";
import { type Unit, unitOf } from "../../runner/units.ts";

/** Runs units whose ends a test decides, and writes down what happens. */
function open(units: readonly Unit[], workers: number) {
  const ends = new Map<string, PromiseWithResolvers<string>>();
  const begun: string[] = [];
  const begin = (name: string): Promise<string> => {
    begun.push(name);
    const end = Promise.withResolvers<string>();
    ends.set(name, end);
    return end.promise;
  };
  const ended = runPool({
    ...{ units, workers },
    build: async (tool: Tool) => void await begin(tool),
    run: ({ name }) => begin(name),
  });
  const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));
  const end = async (name: string): Promise<readonly string[]> => {
    ends.get(name)?.resolve(name);
    await turn();
    return [...begun];
  };
  return { begun, end, ended };
}

const unit = (name: string, tags = ""): Unit => unitOf(name, `/**\n * ${tags}\n */`);

Deno.test("as many units run side by side as there are workers", async () => {
  const { begun, end, ended } = open([unit("a"), unit("b"), unit("c")], 2);
  assert.deepEqual(begun, ["a", "b"]);
  assert.deepEqual(await end("b"), ["a", "b", "c"]);
  await end("c");
  await end("a");
  assert.deepEqual(await ended, ["b", "c", "a"]);
});

Deno.test("what is to be alone waits for all others, and for one another", async () => {
  const units = [unit("a", "@alone"), unit("b"), unit("c", "@alone"), unit("d")];
  const { begun, end, ended } = open(units, 4);
  assert.deepEqual(begun, ["b", "d"]);
  assert.deepEqual(await end("b"), ["b", "d"]);
  assert.deepEqual(await end("d"), ["b", "d", "a"]);
  assert.deepEqual(await end("a"), ["b", "d", "a", "c"]);
  await end("c");
  assert.deepEqual(await ended, ["b", "d", "a", "c"]);
});

Deno.test("a tool is built once, before what needs it, and nothing else waits for it", async () => {
  const units = [unit("a", "@needs go"), unit("b"), unit("c", "@needs go"), unit("d")];
  const { begun, end, ended } = open(units, 2);
  assert.deepEqual(begun, ["go", "b"]);
  assert.deepEqual(await end("b"), ["go", "b", "d"]);
  assert.deepEqual(await end("d"), ["go", "b", "d"]);
  assert.deepEqual(await end("go"), ["go", "b", "d", "a", "c"]);
  await end("a");
  await end("c");
  assert.deepEqual(await ended, ["b", "d", "a", "c"]);
});

Deno.test("without a unit there is nothing to do", async () => {
  assert.deepEqual(await open([], 2).ended, []);
});
