import type { Door } from "../kernel/door.ts";
import { look, lostBecause } from "./look.ts";
import type { Task } from "./task.ts";

/**
 * How often a goal is looked at anew: after an `ip` that was lost, for a route that was
 * there after all, for a device that went away between the look and the write.
 */
const ROUNDS = 6;

/**
 * Makes goals about distinct destinations true: looks at the kernel, lets the core
 * decide, writes, and looks again where the outcome is not certain. Every task is
 * settled when this resolves; it never rejects.
 */
export async function converge(door: Door, tasks: readonly Task[]): Promise<void> {
  for (let round = 0; round < ROUNDS; round += 1) {
    if (!await runRound(door, tasks)) return;
  }
  for (const task of tasks) task.giveUp();
}

/** False when nothing is open any more. */
async function runRound(door: Door, tasks: readonly Task[]): Promise<boolean> {
  const open = tasks.flatMap((task) => {
    const question = task.question();
    return question === undefined ? [] : [{ task, question }];
  });
  if (open.length === 0) return false;
  const seen = await look(door, open.map(({ question }) => question));
  if (seen.kind === "lost") {
    for (const { task } of open) task.lose(seen.why);
    return true;
  }
  const steps = open.flatMap(({ task }, index) => {
    const view = seen.views[index];
    const errands = view === undefined ? [] : task.judge(view);
    return errands.length === 0 ? [] : [{ task, errands }];
  });
  if (steps.length === 0) return true;
  const reply = await door.exchange(steps.flatMap(({ errands }) => errands));
  let at = 0;
  for (const { task, errands } of steps) {
    if (reply.kind === "answered") {
      task.conclude(reply.results.slice(at, at + errands.length));
      at += errands.length;
    } else {
      task.lose(lostBecause(reply).why);
    }
  }
  return true;
}
