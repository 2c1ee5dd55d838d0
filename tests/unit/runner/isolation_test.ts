import assert from "node:assert/strict";
import { guardVariables, refuseOnTheMachine } from "../../support/guard.ts";
import { command, isolate } from "../../support/isolation.ts";
import { linesOf } from "../../support/lines.ts";
import { until } from "../../support/wait.ts";

Deno.test("nothing touches the network of the machine, nor one of which nobody knows whose it is", () => {
  refuseOnTheMachine();
  const [[name, own] = ["", ""]] = Object.entries(guardVariables());
  const machine = Deno.env.get(name) ?? "";
  assert.notEqual(machine, own);
  try {
    for (const value of [own, "1", ""]) {
      Deno.env.set(name, value);
      assert.throws(
        refuseOnTheMachine,
        /^Error: Cannot touch the machine's own network/,
      );
    }
  } finally {
    Deno.env.set(name, machine);
  }
});

/** The processes that run this program with this word. */
function running(program: string, word: string): readonly string[] {
  return [...Deno.readDirSync("/proc")].map(({ name }) => name).filter((pid) => {
    try {
      const words = Deno.readTextFileSync(`/proc/${pid}/cmdline`).split("\0");
      return words[0] === program && words[1] === word;
    } catch {
      // No process, or it has ended this very moment.
      return false;
    }
  });
}

Deno.test({
  name: "what tests have started ends with them, even if they are killed",
  // Where a part of /proc is hidden, they have no process namespace of their own.
  ignore: !Deno.readTextFileSync("/proc/1/cmdline").startsWith("sh\0-c\0"),
  fn: async () => {
    const isolation = await isolate();
    const script = "sleep 1234 & setsid sleep 1234 & echo started; wait";
    const child = command(isolation.commandFor(["sh", "-c", script])).spawn();
    for await (const line of linesOf(child.stdout)) {
      if (line !== "started") continue;
      await until(() => running("sleep", "1234").length === 2, { what: "both to run" });
      child.kill("SIGKILL");
    }
    await child.status;
    await until(() => running("sleep", "1234").length === 0, { what: "both to end" });
  },
});
