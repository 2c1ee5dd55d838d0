/** What of findings and routes is shown where there is no room for all of them. */
import type { Route } from "../api/gen/quilt/sidecar/v1/Route.ts";
import { countOf } from "../shared/quote.ts";
import { displayWidth } from "./display_width.ts";
import type { ShownFinding } from "./finding_report.ts";
import { routeTable, stateOf } from "./route_table.ts";
import type { Terminal } from "./terminal.ts";

/** What there is. */
export interface FullLists {
  /** The worst first. */
  readonly findings: readonly ShownFinding[];
  /** The lines of each finding. */
  readonly blocks: readonly (readonly string[])[];
  /** The routes that may be listed. */
  readonly sought: readonly Route[];
}

/** The lines that are shown. */
export interface BriefLists {
  /** The worst findings; none if there is room for none. */
  readonly worst: readonly string[];
  /** The routes that want attention. */
  readonly troubled: readonly string[];
}

/** Around the rows of routes: an empty line, the head, and how many are not listed. */
const TABLE_LINES = 3;

/** Rows of routes for which several findings leave room. */
const LEAST_ROWS = 4;

/**
 * Chooses what is worth the room: the worst finding comes first of all, then some routes,
 * then the other findings, then the other routes.
 *
 * @param room the rows of the terminal that there are for both
 */
export function briefLists(
  { blocks, findings, sought }: FullLists,
  room: number,
  terminal: Terminal,
): BriefLists {
  const troubled = sought.filter(wantsAttention(findings));
  const worst = listWorst(blocks, {
    first: room - TABLE_LINES - Math.min(1, troubled.length),
    others: room - TABLE_LINES - Math.min(LEAST_ROWS, troubled.length),
  }, terminal);
  const left = room - heightOf(worst, terminal);
  return { worst, troubled: listTroubled(sought.length, troubled, left, terminal) };
}

/** The rows that a terminal needs: it breaks commands that are wider than it is. */
export function heightOf(lines: readonly string[], { columns }: Terminal): number {
  return lines.reduce(
    (sum, line) => sum + Math.max(1, Math.ceil(displayWidth(line) / columns)),
    0,
  );
}

/** The rows that there are for findings. */
interface FindingRoom {
  readonly first: number;
  /** With those of the first. */
  readonly others: number;
}

function listWorst(
  blocks: readonly (readonly string[])[],
  { first, others }: FindingRoom,
  terminal: Terminal,
): readonly string[] {
  const lines: string[] = [];
  let used = 0;
  for (const [at, block] of blocks.entries()) {
    used += heightOf(block, terminal);
    const left = blocks.length - at - 1;
    // Two more lines tell how many are left.
    if (used + (left > 0 ? 2 : 0) > (at === 0 ? first : others)) {
      const more = `${countOf(left + 1, "more finding")}; doctor shows all`;
      return at === 0 ? [] : [...lines, more, ""];
    }
    lines.push(...block);
  }
  return lines;
}

function wantsAttention(
  findings: readonly ShownFinding[],
): (route: Route) => boolean {
  // A finding about a device stands above: it is not repeated for each of its routes.
  const ofDestinations = new Set(
    findings.filter(({ destination }) => destination !== "").map(({ id }) => id),
  );
  return (route) =>
    stateOf(route) === "pending" || !route.confirmed ||
    route.findings.some((id) => ofDestinations.has(id));
}

function listTroubled(
  sought: number,
  troubled: readonly Route[],
  room: number,
  terminal: Terminal,
): readonly string[] {
  if (sought === 0 || room < TABLE_LINES) return [];
  const { head, rows } = routeTable(troubled.slice(0, room), terminal);
  const lines: string[] = [];
  let shown = 0;
  for (const row of rows) {
    if (lines.length + row.length > room - TABLE_LINES) break;
    lines.push(...row);
    shown += 1;
  }
  const left = sought - shown;
  const kind = shown < troubled.length ? "" : ", installed";
  if (shown === 0) return ["", `${countOf(left, "route")}${kind}; --verbose lists all`];
  const more = left === 0 ? [] : [`${left} more${kind}; --verbose lists all`];
  return ["", head, ...lines, ...more];
}
