/** The picture of the demo: pure, from what is known to lines. */
import { cutToWidth, padToWidth, wrap } from "../src/cli/display_width.ts";
import { styled } from "../src/cli/style.ts";
import type { Terminal } from "../src/cli/terminal.ts";
import type { Tally } from "./mesh.ts";

/** What is seen at a moment. */
export interface View {
  /** Such as `Scene 2 of 5`. */
  readonly title: string;
  /** Seconds since the start. */
  readonly seconds: number;
  /** What happens now, in one sentence. */
  readonly sentence: string;
  /** What has happened in this scene, the last one at the end. */
  readonly events: readonly string[];
  /** What `quilt-sidecar status --map` shows on node 1. */
  readonly status: string;
  /** What `ip route show dev vxlan100` shows on node 1. */
  readonly routes: readonly string[];
  readonly tally: Tally;
}

/** From so many columns on, status and routes stand beside each other. */
const WIDE = 120;

/** What a line of `ip route show dev vxlan100` needs. */
const ROUTE_COLUMNS = 36;

/** Columns in which the status looks well. */
const STATUS_COLUMNS = 92;

/** Columns of the map's grid. */
const GRID_COLUMNS = 44;

/** Lines of the status without findings and map. */
const SUMMARY_ROWS = 6;

/** From so many rows on there is room for more of what has happened. */
const HIGH = 40;

/** The room that the status has in the picture, in columns and rows. */
export function statusSize(terminal: Terminal): Pick<Terminal, "columns" | "rows"> {
  const { columns, rows } = terminal;
  return {
    columns: columns >= WIDE
      ? Math.min(columns - ROUTE_COLUMNS - 3, STATUS_COLUMNS)
      : columns,
    rows: Math.max(1, rows - eventRows(terminal) - 5),
  };
}

function eventRows({ rows }: Terminal): number {
  return rows >= HIGH ? 6 : 2;
}

/** The lines for a terminal of this size. */
export function drawPicture(view: View, terminal: Terminal): readonly string[] {
  const { columns } = terminal;
  const body = columns >= WIDE ? drawWide(view, terminal) : drawNarrow(view, terminal);
  return [...drawTop(view, terminal), ...body];
}

function drawTop(view: View, terminal: Terminal): readonly string[] {
  const { columns } = terminal;
  const { events, seconds, sentence, tally, title } = view;
  const clock = `${seconds.toFixed(0)} s   Ctrl-C ends it`;
  const name = `quilt-sidecar demo   ${title}`;
  const gap = " ".repeat(Math.max(3, columns - name.length - clock.length));
  const shown = events.slice(-eventRows(terminal))
    .map((line) => `${terminal.hasUnicode ? "›" : ">"} ${line}`);
  const packets = styled(
    terminal,
    tally.lost === 0 ? "good" : "waiting",
    describeTally(tally),
  );
  return [
    styled(terminal, "faint", `${name}${gap}${clock}`),
    ...padded(wrap(sentence, columns, 0), 2)
      .map((line) => styled(terminal, "strong", line)),
    ...padded(shown, eventRows(terminal)),
    packets,
  ];
}

/** `Packets from container to container: 70 sent, 69 answered, 1 lost`. */
export function describeTally({ answered, lost, sent }: Tally): string {
  return `Packets from container to container: ${sent} sent, ${answered} answered, ` +
    `${lost} lost`;
}

function titles(terminal: Terminal): readonly [status: string, routes: string] {
  return [
    styled(terminal, "faint", "node 1: quilt-sidecar status --map"),
    styled(terminal, "faint", "ip route show dev vxlan100"),
  ];
}

function drawWide({ routes, status }: View, terminal: Terminal): readonly string[] {
  const [statusTitle, routesTitle] = titles(terminal);
  const { columns } = statusSize(terminal);
  const lines = status.split("\n").flatMap((line) => wrap(line, columns, 0));
  return beside([statusTitle, ...lines], [routesTitle, ...routes], columns, terminal);
}

/** Of the status the findings, the summary and the map, with the routes beside the map. */
function drawNarrow({ routes, status }: View, terminal: Terminal): readonly string[] {
  const [statusTitle, routesTitle] = titles(terminal);
  const lines = status.split("\n");
  const isGrid = (line: string): boolean => /^\d+(?:\.\d+){3} {2}/.test(line);
  const grid = lines.filter(isGrid);
  const from = lines.findIndex(isGrid);
  // Without a map, it is one sentence: the sidecar does not run.
  const above = from < 0
    ? lines.flatMap((line) => wrap(line, terminal.columns, 0))
    : lines.slice(0, from).filter((line) => line !== "");
  // What is left below the summary, without the row that a terminal needs to be free.
  const most = Math.max(grid.length, statusSize(terminal).rows - SUMMARY_ROWS - 1);
  const hidden = routes.length - most;
  const right = hidden <= 0
    ? routes
    : [...routes.slice(0, most - 1), `and ${hidden + 1} more`];
  return [
    ...padded(above, SUMMARY_ROWS),
    ...beside(
      [statusTitle, ...grid.map((line) => cutToWidth(line, GRID_COLUMNS + 1, ""))],
      [routesTitle, ...right],
      GRID_COLUMNS,
      terminal,
    ),
  ];
}

function padded(lines: readonly string[], least: number): readonly string[] {
  return [...lines, ...Array.from({ length: least - lines.length }, () => "")];
}

function beside(
  left: readonly string[],
  right: readonly string[],
  width: number,
  { hasUnicode }: Terminal,
): readonly string[] {
  const rows = Math.max(left.length, right.length);
  const mark = hasUnicode ? "…" : ">";
  return Array.from({ length: rows }, (_, row) => {
    const text = padToWidth(cutToWidth(left[row] ?? "", width, mark), width);
    return `${text} ${hasUnicode ? "│" : "|"} ${right[row] ?? ""}`;
  });
}
