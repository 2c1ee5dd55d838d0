import type { Door, Errand } from "../dataplane/iproute2/adapter.ts";
import type { CommandResult } from "../dataplane/iproute2/batch_process.ts";
import {
  type LinkStates,
  lostBecause,
  planLinks,
  planLook,
  type Question,
} from "./observe.ts";
import type { Snapshot } from "./kernel_cache.ts";
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

/** Tasks that share exchanges. */
interface Party {
  readonly tasks: readonly Task[];
  /** Rounds that they have had. */
  readonly rounds: number;
}

/**
 * When `ip` is lost, half of those who shared the exchange go on without the other half,
 * until only the one is lost that no `ip` outlives.
 */
async function convergeGroup(
  door: Door,
  snapshot: Snapshot,
  tasks: readonly Task[],
): Promise<void> {
  const endMs = performance.now() + LONGEST_MS;
  const parties: Party[] = [{ tasks, rounds: 0 }];
  let lostInARow = 0;
  for (let party = parties.shift(); party !== undefined; party = parties.shift()) {
    const end = await runRound(door, snapshot, party.tasks);
    lostInARow = end === "lost" ? lostInARow + 1 : 0;
    if (lostInARow >= LOST_IN_A_ROW) {
      lostInARow = 0;
      const late = performance.now() >= endMs;
      if (late || !await answersAnybody(door)) return giveUp([party, ...parties]);
    }
    parties.push(...nextParties(party, end));
  }
}

/** Losses in a row after which it is asked whether `ip` answers anybody at all. */
const LOST_IN_A_ROW = ROUNDS - 1;

/** After so long nobody is looked for any more who makes an `ip` hang, milliseconds. */
const LONGEST_MS = 15_000;

/** How often one is tried that is known to be lost alone as well. */
const ALONE = 2;

async function answersAnybody(door: Door): Promise<boolean> {
  return (await door.exchange([{ command: { kind: "rules" } }])).kind === "answered";
}

function giveUp(parties: readonly Party[]): void {
  for (const { tasks } of parties) {
    for (const task of tasks) task.giveUp();
  }
}

function nextParties(party: Party, end: RoundEnd): readonly Party[] {
  const tasks = party.tasks.filter((task) => task.question() !== undefined);
  if (end === "settled" || tasks.length === 0) return [];
  if (end === "lost" && tasks.length > 1) {
    const half = Math.ceil(tasks.length / 2);
    return [tasks.slice(0, half), tasks.slice(half)].map((tasks) => ({
      tasks,
      rounds: tasks.length === 1 ? ROUNDS - ALONE : party.rounds,
    }));
  }
  const rounds = party.rounds + 1;
  if (rounds < ROUNDS) return [{ tasks, rounds }];
  giveUp([{ tasks, rounds }]);
  return [];
}

/** `lost`: an `ip` was; `open`: some have to look again. */
type RoundEnd = "settled" | "open" | "lost";

async function runRound(
  door: Door,
  snapshot: Snapshot,
  tasks: readonly Task[],
): Promise<RoundEnd> {
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
  if (asking.length === 0) return "settled";
  const look = planLook(lookers.map(({ question }) => question), snapshot);
  const answers = await send(door, snapshot, asking, [
    ...openers.flatMap(({ errands }) => errands),
    ...look.errands,
  ]);
  if (answers === undefined) return "lost";
  conclude(openers, answers);
  const views = look.read(take(answers.results, look.errands), answers.links);
  const next = lookers.flatMap((looker, index): readonly Sent[] => {
    const view = views[index];
    const errands = view === undefined ? [] : looker.task.judge(view);
    return errands.length === 0 ? [] : [{ ...looker, errands }];
  });
  if (next.length === 0) return "open";
  const errands = next.flatMap(({ errands }) => errands);
  const written = await send(door, snapshot, next, errands);
  if (written === undefined) return "lost";
  conclude(next, written);
  return "open";
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
  readonly results: IterableIterator<CommandResult>;
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
  results: IterableIterator<CommandResult>,
  errands: readonly Errand[],
): readonly CommandResult[] {
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
