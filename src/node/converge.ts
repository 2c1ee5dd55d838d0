import type { Door, Errand } from "../kernel/door.ts";
import type { Result } from "../kernel/session.ts";
import {
  type LinkStates,
  lostBecause,
  planLinks,
  planLook,
  type Question,
} from "./look.ts";
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
  const openers: Sent[] = [];
  const lookers: Asking[] = [];
  for (const task of tasks) {
    const question = task.question();
    if (question === undefined) continue;
    const errands = task.open();
    if (errands.length === 0) lookers.push({ task, question });
    else openers.push({ task, question, errands });
  }
  const asking = [...openers, ...lookers];
  if (asking.length === 0) return false;
  const look = planLook(lookers.map(({ question }) => question));
  const answers = await send(door, snapshot, asking, [
    ...openers.flatMap(({ errands }) => errands),
    ...look.errands,
  ]);
  if (answers === undefined) return true;
  conclude(openers, answers);
  const views = look.read(take(answers.results, look.errands), answers.links);
  const next = lookers.flatMap((looker, index): readonly Sent[] => {
    const view = views[index];
    const errands = view === undefined ? [] : looker.task.judge(view);
    return errands.length === 0 ? [] : [{ ...looker, errands }];
  });
  if (next.length === 0) return true;
  const errands = next.flatMap(({ errands }) => errands);
  const written = await send(door, snapshot, next, errands);
  if (written !== undefined) conclude(next, written);
  return true;
}

interface Asking {
  readonly task: Task;
  readonly question: Question;
}

interface Sent extends Asking {
  readonly errands: readonly Errand[];
}

interface Answers {
  /** The devices of all who ask. */
  readonly links: LinkStates;
  /** Of the errands, handed out one by one. */
  readonly results: IterableIterator<Result>;
}

/**
 * Sends errands behind questions about the devices that they are for: a name may change
 * hands between two exchanges. Undefined if the exchange was lost.
 */
async function send(
  door: Door,
  snapshot: Snapshot,
  asking: readonly Asking[],
  errands: readonly Errand[],
): Promise<Answers | undefined> {
  const devices = asking.flatMap(({ question }) => question.device ?? []);
  const look = planLinks(devices, snapshot);
  const reply = await door.exchange([...look.errands, ...errands]);
  if (reply.kind === "answered") {
    const results = reply.results.values();
    return { links: look.read(take(results, look.errands)), results };
  }
  const { why } = lostBecause(reply);
  for (const { task } of asking) task.lose(why);
  return undefined;
}

function take(
  results: IterableIterator<Result>,
  errands: readonly Errand[],
): readonly Result[] {
  return errands.flatMap(() => {
    const { value } = results.next();
    return value ?? [];
  });
}

function conclude(sent: readonly Sent[], { links, results }: Answers): void {
  for (const { errands, question, task } of sent) {
    const link = question.device === undefined ? undefined : links.get(question.device);
    task.conclude(take(results, errands), link);
  }
}
