import type { Door, Errand } from "../kernel/door.ts";
import type { Result } from "../kernel/session.ts";
import { lostBecause, planLook, type Question } from "./look.ts";
import type { Snapshot } from "./snapshot.ts";
import type { Task } from "./task.ts";

/**
 * How often a goal is looked at anew: after an `ip` that was lost, for a route that was
 * there after all, for a device that went away between the look and the write.
 */
const ROUNDS = 6;

/** Goals that share an exchange; more are taken one such group after another. */
const GROUP = 256;

/**
 * Makes goals about distinct destinations true: looks at the kernel where that is
 * needed, lets the core decide, writes, and looks again where the outcome is not
 * certain. Every task is settled when this resolves; it never rejects.
 */
export async function converge(
  door: Door,
  snapshot: Snapshot,
  tasks: readonly Task[],
): Promise<void> {
  let read = true;
  for (let at = 0; at < tasks.length; at += GROUP) {
    if (at > 0 && read) read = await door.pace();
    await convergeGroup(door, snapshot, tasks.slice(at, at + GROUP));
  }
}

async function convergeGroup(
  door: Door,
  snapshot: Snapshot,
  tasks: readonly Task[],
): Promise<void> {
  for (let round = 0; round < ROUNDS; round += 1) {
    if (!await runRound(door, snapshot, tasks)) return;
  }
  for (const task of tasks) task.giveUp();
}

/** False when nothing is open any more. */
async function runRound(
  door: Door,
  snapshot: Snapshot,
  tasks: readonly Task[],
): Promise<boolean> {
  const steps: Sent[] = [];
  const lookers: { readonly task: Task; readonly question: Question }[] = [];
  for (const task of tasks) {
    const question = task.question();
    if (question === undefined) continue;
    const errands = task.open();
    if (errands.length === 0) lookers.push({ task, question });
    else steps.push({ task, errands });
  }
  if (steps.length + lookers.length === 0) return false;
  const look = planLook(lookers.map(({ question }) => question), snapshot);
  const lookedAt = await send(door, steps, look.errands, lookers);
  if (lookedAt === undefined) return true;
  const views = look.read(lookedAt);
  const next = lookers.flatMap(({ task }, index): readonly Sent[] => {
    const view = views[index];
    const errands = view === undefined ? [] : task.judge(view);
    return errands.length === 0 ? [] : [{ task, errands }];
  });
  if (next.length > 0) await send(door, next, [], []);
  return true;
}

interface Sent {
  readonly task: Task;
  readonly errands: readonly Errand[];
}

/** Sends steps and, after them, reads; returns the results of the reads. */
async function send(
  door: Door,
  steps: readonly Sent[],
  reads: readonly Errand[],
  readers: readonly { readonly task: Task }[],
): Promise<readonly Result[] | undefined> {
  const writes = steps.flatMap(({ errands }) => errands);
  const reply = await door.exchange([...writes, ...reads]);
  if (reply.kind !== "answered") {
    const { why } = lostBecause(reply);
    for (const { task } of [...steps, ...readers]) task.lose(why);
    return undefined;
  }
  let at = 0;
  for (const { task, errands } of steps) {
    task.conclude(reply.results.slice(at, at + errands.length));
    at += errands.length;
  }
  return reply.results.slice(writes.length);
}
