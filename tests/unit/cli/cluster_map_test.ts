import assert from "node:assert/strict";
import fc from "fast-check";
import type { Finding } from "../../../src/api/gen/quilt/sidecar/v1/Finding.ts";
import type { Route } from "../../../src/api/gen/quilt/sidecar/v1/Route.ts";
import { drawMap } from "../../../src/cli/cluster_map.ts";
import { displayWidth } from "../../../src/cli/display_width.ts";
import { PLAIN, SCREEN, type Terminal } from "../../../src/cli/terminal.ts";
import { findingMessage } from "../api/memory_data_path.ts";

const UNICODE: Terminal = {
  ...SCREEN,
  hasControl: true,
  hasColour: false,
  hasUnicode: true,
};

/** A cluster of which this is known. */
interface Known {
  readonly cluster: string;
  /** Empty if none is configured. */
  readonly own: string;
  readonly routes?: readonly Route[];
  readonly findings?: readonly Finding[];
}

function map(
  { cluster, findings = [], own, routes = [] }: Known,
  terminal = UNICODE,
): readonly string[] {
  const network = { subnet: own, gateway: "", cluster_cidr: cluster, revision: 1 };
  return drawMap({ network, routes, findings }, terminal);
}

function route(destination: string, other: Partial<Route> = {}): Route {
  return {
    destination,
    device: "vxlan100",
    state: "ROUTE_STATE_INSTALLED",
    reason: "",
    since: { seconds: 1_700_000_000, nanos: 0 },
    confirmed: true,
    findings: [],
    ...other,
  };
}

const PENDING = { state: "ROUTE_STATE_PENDING" } as const;

/** A cell of each kind, all of them in the first and the last row. */
const EVERY_KIND: Known = {
  cluster: "10.42.0.0/16",
  own: "10.42.1.0/24",
  routes: [
    route("10.42.2.0/24"),
    route("10.42.4.0/24", { confirmed: false }),
    route("10.42.6.0/24", { findings: ["mtu-too-large"] }),
    route("10.42.8.0/24", { findings: ["mtu-too-large", "route-shadowed"] }),
    route("10.42.240.0/24"),
    route("10.42.255.0/24", { ...PENDING, findings: ["route-shadowed"] }),
  ],
  findings: [
    findingMessage("route-shadowed", "critical", { destination: "10.42.8.0/24" }),
    findingMessage("mtu-too-large", "warning", { device: "vxlan100" }),
  ],
};

Deno.test("drawMap of a /16 with /24 nodes is a grid of 16 by 16, with a shape for each state", () => {
  assert.deepEqual(map(EVERY_KIND), [
    "10.42.0.0    · ◆ ● · ◌ · ▲ · ✕ · · · · · · ·   ○   1 pending",
    "10.42.16.0   · · · · · · · · · · · · · · · ·   ✕   1 critical",
    "10.42.32.0   · · · · · · · · · · · · · · · ·   ▲   1 warning",
    "10.42.48.0   · · · · · · · · · · · · · · · ·   ◌   1 unconfirmed",
    "10.42.64.0   · · · · · · · · · · · · · · · ·   ◆   1 this node",
    "10.42.80.0   · · · · · · · · · · · · · · · ·   ●   2 installed",
    "10.42.96.0   · · · · · · · · · · · · · · · ·   · 249 no node known",
    "10.42.112.0  · · · · · · · · · · · · · · · ·",
    "10.42.128.0  · · · · · · · · · · · · · · · ·",
    "10.42.144.0  · · · · · · · · · · · · · · · ·",
    "10.42.160.0  · · · · · · · · · · · · · · · ·",
    "10.42.176.0  · · · · · · · · · · · · · · · ·",
    "10.42.192.0  · · · · · · · · · · · · · · · ·",
    "10.42.208.0  · · · · · · · · · · · · · · · ·",
    "10.42.224.0  · · · · · · · · · · · · · · · ·",
    "10.42.240.0  ● · · · · · · · · · · · · · · ○",
  ]);
});

Deno.test("drawMap has ASCII where the locale has no Unicode", () => {
  const lines = map(EVERY_KIND, PLAIN);
  assert.deepEqual([lines[0], lines[1], lines.at(-1)], [
    "10.42.0.0    . @ # . ? . ! . X . . . . . . .   o   1 pending",
    "10.42.16.0   . . . . . . . . . . . . . . . .   X   1 critical",
    "10.42.240.0  # . . . . . . . . . . . . . . o",
  ]);
  assert.match(lines.join(""), /^[ -~]*$/);
});

Deno.test("drawMap gives the states colours beside their shapes, if the terminal wants colours", () => {
  const [first, ...rest] = map(EVERY_KIND, { ...UNICODE, hasColour: true });
  const inColour = (code: number, shape: string) => `\u001b[${code}m${shape}\u001b[39m`;
  const free = "\u001b[2m·\u001b[22m";
  const cells = [
    ...[free, inColour(36, "◆"), inColour(32, "●"), free, inColour(35, "◌"), free],
    ...[
      inColour(33, "▲"),
      free,
      inColour(31, "✕"),
      ...Array.from({ length: 7 }, () => free),
    ],
  ];
  assert.equal(
    first,
    `10.42.0.0    ${cells.join(" ")}   ${inColour(33, "○")}   1 pending`,
  );
  const uncoloured = map(EVERY_KIND).slice(1);
  assert.deepEqual(rest.map(displayWidth), uncoloured.map(displayWidth));
});

Deno.test("drawMap of a smaller cluster has fewer cells", () => {
  const routes = [route("10.42.2.0/24")];
  assert.deepEqual(map({ cluster: "10.42.0.0/20", own: "10.42.1.0/24", routes }), [
    "10.42.0.0  · ◆ ● · · · · · · · · · · · · ·   ◆   1 this node",
    "                                             ●   1 installed",
    "                                             ·  14 no node known",
  ]);
  assert.deepEqual(map({ cluster: "10.42.0.0/16", own: "10.42.16.0/20" }), [
    "10.42.0.0  · ◆ · · · · · · · · · · · · · ·   ◆   1 this node",
    "                                             ·  15 no node known",
  ]);
  assert.deepEqual(map({ cluster: "10.42.0.0/22", own: "10.42.3.0/24" }), [
    "10.42.0.0  · · · ◆   ◆   1 this node",
    "                     ·   3 no node known",
  ]);
});

Deno.test("drawMap groups more prefixes than cells, and a cell shows the worst of them", () => {
  const routes = [
    route("10.0.1.0/24", { confirmed: false }),
    route("10.0.2.0/24"),
    route("10.1.0.0/24"),
    route("10.1.255.0/24", PENDING),
    route("10.255.255.0/24"),
  ];
  const lines = map({ cluster: "10.0.0.0/8", own: "10.0.0.0/24", routes });
  assert.deepEqual([lines[0], lines[1], lines[15], lines[16]], [
    "10.0.0.0    ◌ ○ · · · · · · · · · · · · · ·   ○   1 pending",
    "10.16.0.0   · · · · · · · · · · · · · · · ·   ◌   1 unconfirmed",
    "10.240.0.0  · · · · · · · · · · · · · · · ●",
    "Each cell stands for 256 node prefixes and shows the worst state",
  ]);
});

Deno.test("drawMap takes the length of a node's prefix from a route if none is configured, and 24 if there is none", () => {
  const cluster = "10.42.0.0/22";
  const routes = [route("10.42.0.16/28")];
  assert.deepEqual(map({ cluster, own: "", routes }), [
    "10.42.0.0  · ● · · · · · · · · · · · · · ·   ●   1 installed",
    "10.42.1.0  · · · · · · · · · · · · · · · ·   ·  63 no node known",
    "10.42.2.0  · · · · · · · · · · · · · · · ·",
    "10.42.3.0  · · · · · · · · · · · · · · · ·",
  ]);
  assert.deepEqual(map({ cluster, own: "" }), [
    "10.42.0.0  · · · ·   ·   4 no node known",
  ]);
});

Deno.test("drawMap leaves out what is not of the cluster, and draws nothing for no cluster", () => {
  const routes = [route("10.43.2.0/24"), route("not a prefix")];
  const lines = map({ cluster: "10.42.0.0/22", own: "10.42.1.0/24", routes });
  assert.equal(lines[0], "10.42.0.0  · ◆ · ·   ◆   1 this node");
  assert.deepEqual(map({ cluster: "", own: "" }), []);
});

/** A dotted quad as a number, by other means than the map. */
function numberOf(quad: string): bigint {
  return quad.split(".").reduce((sum, octet) => sum * 256n + BigInt(octet), 0n);
}

function quadOf(number: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => (number >> shift) & 255n).join(".");
}

/** A cluster, the length of its nodes' prefixes, and which of them have a route. */
const someCluster = fc.record({
  length: fc.integer({ min: 8, max: 29 }),
  more: fc.integer({ min: 1, max: 14 }),
  network: fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }),
  nodes: fc.array(fc.nat(), { minLength: 1, maxLength: 60 }),
});

Deno.test("drawMap has every node's prefix in exactly one cell, where the label of its row says, within 80 columns", () => {
  const seen = { grouped: 0, single: 0 };
  fc.assert(fc.property(someCluster, ({ length, more, network, nodes }) => {
    const nodeLength = Math.min(length + more, 30);
    const bits = BigInt(32 - length);
    const first = (network >> bits) << bits;
    const prefixes = 2n ** BigInt(nodeLength - length);
    const nodeBits = BigInt(32 - nodeLength);
    const wanted = new Set(nodes.map((node) => BigInt(node) % prefixes));
    const [own = 0n, ...others] = wanted;
    const addressOf = (node: bigint) => first + (node << nodeBits);
    const cidrOf = (node: bigint) => `${quadOf(addressOf(node))}/${nodeLength}`;
    const lines = map({
      cluster: `${quadOf(first)}/${length}`,
      own: cidrOf(own),
      routes: others.map((node) => route(cidrOf(node))),
    });
    for (const line of lines) {
      assert.ok(displayWidth(line) <= 80, line);
      assert.equal(line, line.trimEnd());
    }
    const size = 1n << bits;
    const cellSize = size / (prefixes < 256n ? prefixes : 256n);
    seen[prefixes > 256n ? "grouped" : "single"] += 1;
    // The first address of each cell that is drawn full, as the labels tell.
    const full: bigint[] = [];
    let cells = 0;
    for (const line of lines) {
      const [, label, row = ""] = /^([\d.]+) +((?:[·●◆] ?)+)(?: |$)/.exec(line) ?? [];
      if (label === undefined) continue;
      for (const [at, shape] of row.trimEnd().split(" ").entries()) {
        cells += 1;
        if (shape !== "·") full.push(numberOf(label) + BigInt(at) * cellSize);
      }
    }
    assert.equal(BigInt(cells) * cellSize, size, "the grid is the whole cluster");
    const expected = new Set(
      [...wanted].map((node) => {
        const address = addressOf(node);
        return address - (address - first) % cellSize;
      }),
    );
    const ascending = (one: bigint, other: bigint) => one < other ? -1 : 1;
    assert.deepEqual(full.toSorted(ascending), [...expected].toSorted(ascending));
    // Numbers behind the shapes of the legend, which add up to all cells.
    const counts = lines.flatMap((line) =>
      [.../[·●◆] +(\d+) (?:installed|this|no)/.exec(line) ?? []].slice(1).map(Number)
    );
    assert.equal(counts.reduce((sum, count) => sum + count, 0), cells);
  }));
  assert.ok(seen.grouped > 10 && seen.single > 10, JSON.stringify(seen));
});
