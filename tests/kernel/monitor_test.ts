import assert from "node:assert/strict";
import { Monitor } from "../../src/kernel/monitor.ts";
import { childrenOf, signalAll } from "../e2e/processes.ts";
import { until } from "../support/wait.ts";

function monitors() {
  return childrenOf(Deno.pid).filter(({ words }) => words.includes("monitor"));
}

Deno.test("the end of an ip monitor is told before another one is started, and its start as well", async () => {
  const told: string[] = [];
  const monitor = new Monitor(({ kind }) => {
    if (kind === "deaf") told.push(`deaf, ${monitors().length} alive`);
    if (kind === "listening") told.push("listening");
  });
  for (let round = 1; round <= 6; round += 1) {
    await until(() => monitors().length === 1, { what: "an ip monitor" });
    signalAll(monitors(), "SIGKILL");
    await until(() => told.length === 2 * round, { what: () => told.join() });
  }
  monitor.close();
  assert.deepEqual(
    told,
    Array.from({ length: 6 }, () => ["deaf, 0 alive", "listening"]).flat(),
  );
});

Deno.test("an ip monitor that cannot be started is told as well, and when one is", async () => {
  const told: string[] = [];
  const path = Deno.env.get("PATH") ?? "";
  Deno.env.set("PATH", "/nonexistent");
  const monitor = new Monitor(({ kind }) => void told.push(kind));
  try {
    await until(() => told.length >= 2, { what: "two attempts" });
    assert.deepEqual(new Set(told), new Set(["deaf"]));
  } finally {
    Deno.env.set("PATH", path);
  }
  await until(() => told.at(-1) === "listening", { what: "a start" });
  monitor.close();
});
