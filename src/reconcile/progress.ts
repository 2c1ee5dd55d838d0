import type { Failure, OperationResult } from "../dataplane/dataplane.ts";
import type { KernelRoute } from "../routing/kernel_route.ts";
import { STEADY } from "./limits.ts";
import type { Observation } from "./observe.ts";
import { failureOf, type Plan, type PlanResults } from "./step.ts";

/** What earlier steps of a key did. */
export interface Progress {
  /** Something was sent, whatever became of it. */
  readonly tried: boolean;
  /** A change was made, or may have been: what is observed now may be our doing. */
  readonly wrote: boolean;
  /** Our route was written, or may have been. */
  readonly programmed: boolean;
  /** The record was written, or may have been. */
  readonly persisted: boolean;
  /** The routes that such a write was to replace. */
  readonly replaced: readonly KernelRoute[];
  /** How often each failure came in the same circumstances. */
  readonly setbacks: ReadonlyMap<string, number>;
}

/** The progress of a key that has not sent anything. */
export const NOTHING_DONE: Progress = {
  tried: false,
  wrote: false,
  programmed: false,
  persisted: false,
  replaced: [],
  setbacks: new Map(),
};

/** True for an operation that the kernel confirmed. */
export function isOk({ ok }: OperationResult): boolean {
  return ok;
}

/** The batch was answered. */
export function noteWrites(
  progress: Progress,
  { cleanUp, persist, program }: PlanResults,
  over: readonly KernelRoute[],
): Progress {
  const writes = program.some(isOk) || cleanUp.some(isOk);
  return {
    ...progress,
    tried: true,
    wrote: progress.wrote || writes,
    programmed: progress.programmed || program.some(isOk),
    persisted: progress.persisted || persist.some(isOk),
    replaced: writes ? merge(progress.replaced, over) : progress.replaced,
  };
}

/** The batch was lost: each write of it may have been made. */
export function noteLost(
  progress: Progress,
  { cleanUp = [], persist = [], program = [] }: Plan,
  over: readonly KernelRoute[],
): Progress {
  const writes = program.length + cleanUp.length > 0;
  return {
    ...progress,
    tried: true,
    wrote: progress.wrote || writes,
    programmed: progress.programmed || program.length > 0,
    persisted: progress.persisted || persist.length > 0,
    replaced: writes ? merge(progress.replaced, over) : progress.replaced,
  };
}

/** Each route once: an attempt that has to be repeated may name it again. */
export function merge(
  before: readonly KernelRoute[],
  over: readonly KernelRoute[],
): readonly KernelRoute[] {
  if (over.length === 0) return before;
  const byText = [...before, ...over].map((route) =>
    [JSON.stringify(route), route] as const
  );
  return [...new Map(byText).values()];
}

/**
 * A failure that comes again and again while the observation stays the same is no race:
 * the kernel's words are the answer.
 */
export function steadyFailure(
  { setbacks }: Progress,
  seen: Observation | undefined,
  { cleanUp, program }: PlanResults,
): {
  readonly failure: Failure | undefined;
  readonly setbacks: ReadonlyMap<string, number>;
} {
  const written = [...program, ...cleanUp];
  const failure = failureOf(written);
  if (failure === undefined || written.some(isOk) || seen === undefined) {
    return { failure: undefined, setbacks };
  }
  const setback = JSON.stringify([seen, failure]);
  const count = (setbacks.get(setback) ?? 0) + 1;
  return {
    failure: count < STEADY ? undefined : failure,
    setbacks: new Map(setbacks).set(setback, count),
  };
}
