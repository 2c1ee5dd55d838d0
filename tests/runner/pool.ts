import type { Tool } from "../support/tools.ts";
import type { Unit } from "./units.ts";

/** What is to be done by a pool of workers. */
export interface Work<Result> {
  /** In the order in which they are to begin. */
  readonly units: readonly Unit[];
  /** How many run side by side. */
  readonly workers: number;
  /** Builds a tool; called once for each that a unit needs, before that unit. */
  readonly build: (tool: Tool) => Promise<void>;
  readonly run: (unit: Unit) => Promise<Result>;
}

/** One thing that a worker does, and what has to be built before. */
interface Job {
  readonly needs: readonly Tool[];
  readonly do: () => Promise<void>;
}

/**
 * Runs units side by side, and those that are to be alone one by one afterwards. Tools
 * are built at the beginning; units that need none of them run meanwhile.
 *
 * @returns what each unit came to, in the order in which they ended
 */
export async function runPool<Result>(work: Work<Result>): Promise<readonly Result[]> {
  const results: Result[] = [];
  const built = new Set<Tool>();
  const jobOf = (unit: Unit): Job => ({
    needs: unit.needs,
    do: async () => void results.push(await work.run(unit)),
  });
  const builds = [...new Set(work.units.flatMap(({ needs }) => needs))].map((tool) => ({
    needs: [],
    do: async () => {
      await work.build(tool);
      built.add(tool);
    },
  }));
  const beside = work.units.filter(({ alone }) => !alone).map(jobOf);
  await runJobs([...builds, ...beside], work.workers, built);
  await runJobs(work.units.filter(({ alone }) => alone).map(jobOf), 1, built);
  return results;
}

async function runJobs(
  jobs: readonly Job[],
  workers: number,
  built: ReadonlySet<Tool>,
): Promise<void> {
  const waiting = [...jobs];
  let ended = Promise.withResolvers<void>();
  const isReady = ({ needs }: Job): boolean => needs.every((tool) => built.has(tool));
  const work = async (): Promise<void> => {
    while (waiting.length > 0) {
      const at = waiting.findIndex(isReady);
      const [job] = at < 0 ? [] : waiting.splice(at, 1);
      if (job === undefined) {
        // What it waits for is being built by another worker.
        await ended.promise;
        continue;
      }
      await job.do();
      ended.resolve();
      ended = Promise.withResolvers();
    }
  };
  await Promise.all(Array.from({ length: workers }, work));
}
