/** Routes as text and as JSON, the same in every command that shows them. */
import type { Route } from "../api/gen/quilt/sidecar/v1/Route.ts";
import { escapeInvisible } from "../shared/quote.ts";
import { displayWidth, padToWidth, wrap } from "./display_width.ts";
import { toIso } from "./finding_report.ts";
import { styled, type Tone } from "./style.ts";
import type { Terminal } from "./terminal.ts";

/** What the kernel has of a route. */
export type ShownState = "installed" | "pending";

const HEAD = ["DESTINATION", "DEVICE", "STATE", "SINCE"] as const;

const NOTE = "NOTE";

const TONES: Readonly<Record<ShownState, Tone>> = {
  installed: "good",
  pending: "waiting",
};

/** What stands in the place of a table if the filters leave no route. */
export const NO_ROUTE_MATCHES = "No route matches";

/** A table of routes. */
export interface RouteTable {
  readonly head: string;
  /** The lines of each route. */
  readonly rows: readonly (readonly string[])[];
}

/**
 * A table of routes, aligned. A note that does not fit behind its route stands under it,
 * so that a narrow terminal does not break the columns.
 */
export function routeTable(
  routes: readonly Route[],
  terminal: Terminal,
): RouteTable {
  const rows = routes.map(toRow);
  const widths = HEAD.map((title) => title.length);
  for (const { cells } of rows) {
    cells.forEach((cell, at) =>
      widths[at] = Math.max(widths[at] ?? 0, displayWidth(cell))
    );
  }
  const [indent = 0, ...others] = widths.map((width) => width + 2);
  const noteAt = others.reduce((sum, width) => sum + width, indent);
  const join = (cells: readonly string[]): string =>
    cells.map((cell, at) => padToWidth(cell, widths[at] ?? 0)).join("  ").trimEnd();
  const isBeside = ({ note }: Row): boolean =>
    noteAt + displayWidth(note) <= terminal.columns;
  const hasNotes = rows.every(isBeside) ||
    rows.some((row) => row.note !== "" && isBeside(row));
  return {
    head: styled(terminal, "strong", join(hasNotes ? [...HEAD, NOTE] : HEAD)),
    rows: rows.map((row) => {
      const { cells: [destination, device, state, since], note } = row;
      const cells = [destination, device, styled(terminal, TONES[state], state), since];
      if (isBeside(row)) return [join([...cells, note])];
      const under = wrap(" ".repeat(indent) + note, terminal.columns, indent);
      return [join(cells), ...under];
    }),
  };
}

/** A row of the table before it is aligned. */
interface Row {
  readonly cells: readonly [
    destination: string,
    device: string,
    state: ShownState,
    since: string,
  ];
  /** Empty if there is nothing to say. */
  readonly note: string;
}

function toRow(route: Route): Row {
  const { confirmed, destination, device, findings, reason, since } = route;
  const notes = [findings.join(", "), confirmed ? "" : "unconfirmed", reason]
    .filter((note) => note !== "");
  return {
    cells: [
      escapeInvisible(destination),
      escapeInvisible(device),
      stateOf(route),
      toIso(since),
    ],
    note: escapeInvisible(notes.join("; ")),
  };
}

/** A route as JSON shows it. */
export interface RouteJson {
  /** Such as `10.42.2.0/24`. */
  readonly destination: string;
  readonly device: string;
  readonly state: ShownState;
  /** Why it is pending, a sentence; otherwise empty. */
  readonly reason: string;
  /** Since when it has been in this state: RFC 3339 in UTC, with milliseconds. */
  readonly since: string;
  /** False if the mesh agent has not requested it since its last start. */
  readonly confirmed: boolean;
  /** The ids of the findings about its destination or its device, the worst first. */
  readonly findings: readonly string[];
}

/** A route as JSON shows it. */
export function routeJson(route: Route): RouteJson {
  const { confirmed, destination, device, findings, reason, since } = route;
  return {
    destination,
    device,
    state: stateOf(route),
    reason,
    since: toIso(since),
    confirmed,
    findings,
  };
}

/** Whether the kernel has a route. */
export function stateOf({ state }: Route): ShownState {
  switch (state) {
    case "ROUTE_STATE_INSTALLED":
      return "installed";
    case "ROUTE_STATE_PENDING":
      return "pending";
    default:
      // Unspecified, which is never sent, or a state of a newer sidecar.
      throw new TypeError(`Cannot show route state ${state}`);
  }
}
