/** What the tests do to the sidecar's own processes, and read of them. */
import type { Sidecar } from "../support/sidecar.ts";
import { until } from "../support/wait.ts";

/** A running process. */
export interface ChildProcess {
  readonly pid: number;
  /** Its command line. */
  readonly command: readonly string[];
}

/** Whether it has not ended, waited for or not. */
export function isAlive(pid: number): boolean {
  return read(`/proc/${pid}/cmdline`) !== "";
}

/** The children of a process that are neither ended nor ending. */
export function childrenOf(parent: number): readonly ChildProcess[] {
  return [...Deno.readDirSync("/proc")].flatMap(({ name }) => {
    if (!/^\d+$/.test(name) || parentOf(name) !== parent) return [];
    // A process that has ended but was not yet waited for has no command line.
    const command = read(`/proc/${name}/cmdline`).split("\0").slice(0, -1);
    return command.length === 0 ? [] : [{ pid: Number(name), command }];
  });
}

/** The sidecar's `ip -batch` processes: one, or two around a change-over. */
export function batchesOf({ pid }: Sidecar): readonly ChildProcess[] {
  return childrenOf(pid).filter(({ command }) => command.includes("-batch"));
}

/** The sidecar's `ip monitor` of routes, and around its restart another or none. */
export function monitorsOf({ pid }: Sidecar): readonly ChildProcess[] {
  return childrenOf(pid).filter(({ command }) =>
    command.includes("monitor") && command.includes("route")
  );
}

/** Stops the monitor with SIGSTOP: it reports no event from now on. */
export async function stopMonitor(sidecar: Sidecar): Promise<readonly ChildProcess[]> {
  const monitors = monitorsOf(sidecar);
  if (signalAll(monitors, "SIGSTOP") !== 1) throw new Error("There is not one monitor");
  await until(
    () => monitors.every(({ pid }) => /^State:\s+T/m.test(read(`/proc/${pid}/status`))),
    { what: "the monitor to stop" },
  );
  return monitors;
}

/** Sends a signal to every `ip -batch` of the sidecar; returns how many there were. */
export function signalBatches(sidecar: Sidecar, signal: Deno.Signal): number {
  return signalAll(batchesOf(sidecar), signal);
}

/** Sends a signal to processes, of which some may end meanwhile. */
export function signalAll(
  processes: readonly ChildProcess[],
  signal: Deno.Signal,
): number {
  for (const { pid } of processes) {
    try {
      Deno.kill(pid, signal);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return processes.length;
}

/** The resident memory of a process now, in KiB. */
export function residentKiB(pid: number): number {
  return counter(`/proc/${pid}/status`, "VmRSS");
}

/** What of it is the process's own: no page of a file, which others share. In KiB. */
export function anonymousKiB(pid: number): number {
  return counter(`/proc/${pid}/status`, "RssAnon");
}

/** The peak of the resident memory of a process, in KiB. */
export function peakKiB(pid: number): number {
  return counter(`/proc/${pid}/status`, "VmHWM");
}

/** Seconds of one core that a process and all its children have used until now. */
export function processorSeconds(pid: number): number {
  const own = [...childrenOf(pid).map((child) => child.pid), pid].map((each) => {
    // utime, stime, and of the children that have ended cutime and cstime; proc(5).
    const fields = read(`/proc/${each}/stat`).split(") ").at(-1)?.split(" ") ?? [];
    return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0);
  });
  return own.reduce((sum, ticks) => sum + ticks, 0) / TICKS;
}

/** USER_HZ, the same on every Linux machine that Deno runs on. */
const TICKS = 100;

/**
 * Waits until the first resync is over. It comes a second after the start, on an `ip`
 * of its own, which a test would take for the one of the calls.
 */
async function firstResyncIsOver(sidecar: Sidecar): Promise<void> {
  const [time = ""] = (await sidecar.logged(/Starting gRPC server on /)).split(" ");
  await until(
    () => Date.now() > Date.parse(time) + 2_000 && batchesOf(sidecar).length < 3,
    {
      what: "the first resync to be over",
    },
  );
}

/**
 * Starts calls while `ip` is stopped, and resolves once the sidecar has handed their
 * first commands to it: from then on they are in flight and cannot end.
 */
export async function hangInFlight<Calls>(
  sidecar: Sidecar,
  start: () => Calls,
): Promise<Calls> {
  await firstResyncIsOver(sidecar);
  if (signalBatches(sidecar, "SIGSTOP") === 0) {
    throw new Error("There is no ip to stop");
  }
  const before = counter(`/proc/${sidecar.pid}/io`, "wchar");
  const calls = start();
  // The commands of one call have more bytes, and HTTP/2's own frames far fewer.
  await until(() => counter(`/proc/${sidecar.pid}/io`, "wchar") >= before + 60, {
    what: "the sidecar to ask ip",
  });
  return calls;
}

function counter(path: string, name: string): number {
  const found = new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(read(path))?.[1];
  if (found === undefined) throw new Error(`Cannot find ${name} in ${path}`);
  return Number(found);
}

function parentOf(pid: string): number {
  // The name before it is in parentheses and may contain anything.
  const [, parent = ""] = read(`/proc/${pid}/stat`).split(") ").at(-1)?.split(" ") ??
    [];
  return Number(parent);
}

function read(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    // It has just ended.
    return "";
  }
}
