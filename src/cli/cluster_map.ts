/**
 * The cluster as a grid: each cell is a node's prefix, or several where there are more than
 * the grid has cells. Every state has a shape of its own, so that no colour is needed.
 */
import type { Finding } from "../api/gen/quilt/sidecar/v1/Finding.ts";
import type { NodeNetwork } from "../api/gen/quilt/sidecar/v1/NodeNetwork.ts";
import type { Route } from "../api/gen/quilt/sidecar/v1/Route.ts";
import { addressAfter, firstAddress } from "../ipam/address.ts";
import {
  contains,
  type Ipv4Cidr,
  networkAddress,
  parseCidr,
  prefixLength,
  quadToNumber,
} from "../ipam/cidr.ts";
import { displayWidth, padToWidth } from "./display_width.ts";
import { stateOf } from "./route_table.ts";
import { styled, type Tone } from "./style.ts";
import type { Terminal } from "./terminal.ts";

/** What a cell stands for; of several prefixes the worst, which comes last. */
const STATES = [
  "free",
  "installed",
  "own",
  "unconfirmed",
  "warning",
  "critical",
  "pending",
] as const;

type CellState = typeof STATES[number];

/** How a state is drawn. */
interface Cell {
  readonly shape: string;
  readonly ascii: string;
  readonly tone: Tone;
  readonly meaning: string;
}

const CELLS: Readonly<Record<CellState, Cell>> = {
  free: { shape: "·", ascii: ".", tone: "faint", meaning: "no node known" },
  installed: { shape: "●", ascii: "#", tone: "good", meaning: "installed" },
  own: { shape: "◆", ascii: "@", tone: "own", meaning: "this node" },
  unconfirmed: { shape: "◌", ascii: "?", tone: "stale", meaning: "unconfirmed" },
  warning: { shape: "▲", ascii: "!", tone: "waiting", meaning: "warning" },
  critical: { shape: "✕", ascii: "X", tone: "bad", meaning: "critical" },
  pending: { shape: "○", ascii: "o", tone: "waiting", meaning: "pending" },
};

/** Columns and rows of the grid, which a terminal of 80 columns has room for. */
const SIDE = 16;

/** The length of a node's prefix as long as nothing tells another one: that of `serve`. */
const DEFAULT_NODE_PREFIX = 24;

/** What the map is drawn from. */
export interface MappedCluster {
  readonly network: NodeNetwork;
  readonly routes: readonly Route[];
  readonly findings: readonly Finding[];
}

/** Draws the map; no line if the cluster's prefix is of no use. */
export function drawMap(
  { findings, network, routes }: MappedCluster,
  terminal: Terminal,
): readonly string[] {
  const cluster = parseCidr(network.cluster_cidr);
  if (!cluster.ok) return [];
  const grid = gridOf(cluster.value, network, routes);
  const critical = new Set(
    findings.filter(({ severity }) => severity === "FINDING_SEVERITY_CRITICAL")
      .map(({ id }) => id),
  );
  const cells = new Array<CellState>(grid.cells).fill("free");
  const mark = (prefix: string, state: CellState): void => {
    const at = grid.cellOf(prefix);
    if (at === undefined) return;
    if (STATES.indexOf(state) > STATES.indexOf(cells[at] ?? "free")) cells[at] = state;
  };
  mark(network.subnet, "own");
  for (const route of routes) mark(route.destination, cellStateOf(route, critical));
  const rows = drawRows(cluster.value, grid, cells, terminal);
  return [...beside(rows, drawLegend(cells, terminal)), ...describeScale(grid)];
}

function cellStateOf(route: Route, critical: ReadonlySet<string>): CellState {
  const { confirmed, findings } = route;
  // The kernel does not have it, and the findings tell why not.
  if (stateOf(route) === "pending") return "pending";
  if (findings.some((id) => critical.has(id))) return "critical";
  if (findings.length > 0) return "warning";
  return confirmed ? "installed" : "unconfirmed";
}

/** Which cell a prefix is in. */
interface Grid {
  readonly cells: number;
  /** How many node prefixes one cell stands for. */
  readonly prefixesInCell: number;
  /** How many addresses one cell has. */
  readonly cellSize: number;
  readonly cellOf: (prefix: string) => number | undefined;
}

function gridOf(
  cluster: Ipv4Cidr,
  { subnet }: NodeNetwork,
  routes: readonly Route[],
): Grid {
  const sample = parseCidr(subnet !== "" ? subnet : routes[0]?.destination ?? "");
  const length = sample.ok ? prefixLength(sample.value) : DEFAULT_NODE_PREFIX;
  const prefixes = 2 ** Math.max(0, length - prefixLength(cluster));
  const cells = Math.min(prefixes, SIDE * SIDE);
  const size = 2 ** (32 - prefixLength(cluster));
  const cellSize = size / cells;
  const first = quadToNumber(networkAddress(cluster));
  return {
    cells,
    prefixesInCell: prefixes / cells,
    cellSize,
    cellOf: (text) => {
      const prefix = parseCidr(text);
      if (!prefix.ok || !contains(cluster, prefix.value)) return undefined;
      return Math.floor(
        (quadToNumber(networkAddress(prefix.value)) - first) / cellSize,
      );
    },
  };
}

function drawRows(
  cluster: Ipv4Cidr,
  { cellSize, cells: count }: Grid,
  cells: readonly CellState[],
  terminal: Terminal,
): readonly string[] {
  const rows = Array.from({ length: Math.ceil(count / SIDE) }, (_, row) => row);
  const labels = rows.map((row) =>
    String(addressAfter(firstAddress(cluster), row * SIDE * cellSize))
  );
  const width = Math.max(...labels.map((label) => label.length));
  return rows.map((row) => {
    const drawn = cells.slice(row * SIDE, (row + 1) * SIDE)
      .map((state) => draw(state, terminal));
    return `${(labels[row] ?? "").padEnd(width)}  ${drawn.join(" ")}`;
  });
}

/** How many cells there are of each state, the worst first. */
function drawLegend(
  cells: readonly CellState[],
  terminal: Terminal,
): readonly string[] {
  const counted = STATES.toReversed().map((state) => ({
    state,
    count: cells.filter((each) => each === state).length,
  })).filter(({ count }) => count > 0);
  return counted.map(({ count, state }) =>
    `${draw(state, terminal)} ${String(count).padStart(3)} ${CELLS[state].meaning}`
  );
}

/** Puts the legend on the right of the grid, where it takes no rows of the screen. */
function beside(
  left: readonly string[],
  right: readonly string[],
): readonly string[] {
  const width = Math.max(...left.map(displayWidth));
  return Array.from({ length: Math.max(left.length, right.length) }, (_, at) => {
    const line = `${padToWidth(left[at] ?? "", width)}   ${right[at] ?? ""}`;
    return line.trimEnd();
  });
}

function describeScale({ prefixesInCell }: Grid): readonly string[] {
  return prefixesInCell === 1 ? [] : [
    `Each cell stands for ${prefixesInCell} node prefixes and shows the worst state`,
  ];
}

function draw(state: CellState, terminal: Terminal): string {
  const { ascii, shape, tone } = CELLS[state];
  return styled(terminal, tone, terminal.hasUnicode ? shape : ascii);
}
