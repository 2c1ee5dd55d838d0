/** What `sync` changes: the wanted routes of now, and those of the file. */
import type { RouteOutcome } from "../api/gen/quilt/sidecar/v1/RouteOutcome.ts";
import { align } from "./finding_report.ts";
import type { FileRoute } from "./sync_file.ts";

/** What happens to one destination. */
export interface SyncChange {
  readonly kind:
    /** It is not wanted now. */
    | "add"
    /** The file does not have it. */
    | "remove"
    /** It is wanted through another device now. */
    | "move"
    /** It is wanted already, but the kernel does not have it. */
    | "restore"
    /** The sidecar refuses it. */
    | "refuse";
  readonly destination: string;
  readonly device: string;
  /** What there is to know of it, or how it was; empty if there is nothing. */
  readonly note: string;
}

/**
 * Compares the wanted routes with those of the file.
 *
 * @param before what is wanted now
 * @param after what the file has, each destination once
 * @param outcomes what the sidecar would do
 * @returns by ascending destination, as the outcomes are; what stays as it is is left out
 */
export function differenceOf(
  before: readonly FileRoute[],
  after: readonly FileRoute[],
  outcomes: readonly RouteOutcome[],
): readonly SyncChange[] {
  const [old, wanted] = [devicesOf(before), devicesOf(after)];
  return outcomes.flatMap((outcome): readonly SyncChange[] => {
    const { destination, detail, kind } = outcome;
    const [was, device] = [old.get(destination), wanted.get(destination)];
    if (kind === "ROUTE_OUTCOME_KIND_REFUSED") {
      const known = device ?? was ?? "";
      return [{ kind: "refuse", destination, device: known, note: detail }];
    }
    if (device === undefined) {
      return [{ kind: "remove", destination, device: was ?? "", note: "" }];
    }
    if (was === undefined) return [{ kind: "add", destination, device, note: detail }];
    if (was !== device) {
      const note = [`was ${was}`, detail].filter((part) => part !== "").join("; ");
      return [{ kind: "move", destination, device, note }];
    }
    return kind === "ROUTE_OUTCOME_KIND_ADDED"
      ? [{ kind: "restore", destination, device, note: "the kernel does not have it" }]
      : [];
  });
}

function devicesOf(routes: readonly FileRoute[]): ReadonlyMap<string, string> {
  return new Map(routes.map(({ destination, device }) => [destination, device]));
}

const SIGNS: Readonly<Record<SyncChange["kind"], string>> = {
  add: "+",
  remove: "-",
  move: "~",
  restore: "+",
  refuse: "!",
};

/**
 * Formats changes, one line each: `+ 10.42.2.0/24 dev vxlan100`, and `~` for another
 * device, `-` for a route that goes, `!` for one that is refused.
 *
 * @param most lines for changes; a line more counts the others
 */
export function formatDifference(
  changes: readonly SyncChange[],
  most = Infinity,
): readonly string[] {
  const lines = align(
    changes.slice(0, most).map(({ destination, device, kind, note }) => [
      `${SIGNS[kind]} ${destination}`,
      device === "" ? "" : `dev ${device}`,
      note,
    ]),
  );
  const left = changes.length - most;
  return left > 0 ? [...lines, `and ${left} more`] : lines;
}
