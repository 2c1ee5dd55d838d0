import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type Command,
  isDump,
  partsOf,
  render,
  toLine,
} from "../../../../src/dataplane/iproute2/commands.ts";
import {
  isRead,
  type Mutation,
  type NeighbourProbe,
  type Read,
  type TableEntry,
} from "../../../../src/dataplane/dataplane.ts";
import { parseInterfaceName } from "../../../../src/routing/interface_name.ts";
import { address, cidr, device, found } from "../../../support/fixtures.ts";
import { bounded } from "../../../support/suite.ts";

const TO = cidr("10.42.2.0/24");
const THROUGH = device("vxlan100");
const ENTRY: TableEntry = {
  table: 142,
  type: "unreachable",
  prefix: TO,
  metric: 142,
  payload: [1986687, 0, 0, 4, 5, 6],
};

const GATEWAY = address("10.42.2.1");
const FROM = { source: address("10.42.1.1"), device: device("quilt0") };
const PROBE: NeighbourProbe = { device: THROUGH, address: GATEWAY };

const READS: readonly (readonly [command: Read, line: string])[] = [
  [{ kind: "link", device: THROUGH }, "link show dev vxlan100"],
  [{ kind: "link-names" }, "link show"],
  [{ kind: "rules" }, "rule show"],
  [{ kind: "best-route", destination: TO }, "route get fibmatch 10.42.2.0"],
  [
    { kind: "exact-routes", destination: TO },
    "route show table main exact 10.42.2.0/24",
  ],
  [
    { kind: "routes-within", cluster: cidr("10.42.0.0/16") },
    "route show table main root 10.42.0.0/16",
  ],
  [{ kind: "own-routes" }, "route show table all proto 142"],
  [{ kind: "table-routes", table: 142 }, "route show table 142"],
  [{ kind: "links" }, "link show"],
  [{ kind: "addresses" }, "addr show to 0.0.0.0/0"],
  [{ kind: "netconf" }, "netconf show"],
  [{ kind: "policy-rules" }, "rule show"],
  [{ kind: "forwarding-table" }, "neigh show"],
  [
    { kind: "neighbours", device: THROUGH },
    "neigh show to 0.0.0.0/0 dev vxlan100 nud all",
  ],
  [{ kind: "look-up", address: GATEWAY }, "route get 10.42.2.1"],
  [
    { kind: "look-up", address: GATEWAY, from: FROM },
    "route get 10.42.2.1 from 10.42.1.1 iif quilt0",
  ],
  [
    { kind: "permission" },
    "route del blackhole 255.255.255.255/32 table 142 proto 142",
  ],
];

const MUTATIONS: readonly (readonly [command: Mutation, line: string])[] = [
  [
    { kind: "add-route", route: { destination: TO, device: THROUGH } },
    "route add 10.42.2.0/24 dev vxlan100 proto 142",
  ],
  [
    { kind: "replace-route", route: { destination: TO, device: THROUGH } },
    "route replace 10.42.2.0/24 dev vxlan100 proto 142",
  ],
  [
    { kind: "delete-route", route: found(TO, { device: THROUGH }) },
    "route del 10.42.2.0/24 dev vxlan100 proto 142 metric 0",
  ],
  [
    {
      kind: "delete-route",
      route: found(TO, { protocol: 4, metric: 100, tos: 0x10 }),
    },
    "route del 10.42.2.0/24 proto 4 metric 100 tos 0x10",
  ],
  [
    { kind: "put-entry", entry: ENTRY },
    "route replace unreachable 10.42.2.0/24 table 142 proto 142 metric 142" +
    " window 1986687 reordering 4 initcwnd 5 initrwnd 6",
  ],
  [
    { kind: "delete-entry", entry: ENTRY },
    "route del unreachable 10.42.2.0/24 table 142 proto 142 metric 142",
  ],
  [
    { kind: "create-entry", entry: { ...ENTRY, metric: 148 } },
    "route add unreachable 10.42.2.0/24 table 142 proto 142 metric 148" +
    " window 1986687 reordering 4 initcwnd 5 initrwnd 6",
  ],
  [
    { kind: "delete-equal-entry", entry: { ...ENTRY, metric: 143 } },
    "route del unreachable 10.42.2.0/24 table 142 proto 142 metric 143" +
    " window 1986687 reordering 4 initcwnd 5 initrwnd 6",
  ],
  [{ kind: "probe-neighbour", probe: PROBE }, "neigh add 10.42.2.1 dev vxlan100 use"],
  [{ kind: "delete-neighbour", probe: PROBE }, "neigh del 10.42.2.1 dev vxlan100"],
];

for (const [command, line] of READS) {
  Deno.test(`render writes the read ${command.kind} as "${line}"`, () => {
    assert.equal(render(command), line);
    assert.ok(isRead(command));
    const isOneDevice = /^link show dev \S+$/.test(line);
    assert.equal(isDump(command), line.includes(" show") && !isOneDevice);
  });
}

for (const [command, line] of MUTATIONS) {
  Deno.test(`render writes the mutation ${command.kind} as "${line}"`, () => {
    assert.equal(render(command), line);
    assert.ok(!isRead(command) && !isDump(command));
  });
}

Deno.test("render names the owner in every mutation of a route: there is no plain route del", () => {
  const lines = MUTATIONS.map(([command]) => render(command));
  const ofRoutes = lines.filter((line) => line.startsWith("route "));
  assert.equal(ofRoutes.length, MUTATIONS.length - 2);
  for (const line of ofRoutes) assert.match(line, / proto (142|4)( |$)/);
});

Deno.test("partsOf sends each change of a neighbour alone, and everything else at once", () => {
  const link = toLine({ kind: "link", device: THROUGH });
  const probe = toLine({ kind: "probe-neighbour", probe: PROBE });
  const end = toLine({ kind: "delete-neighbour", probe: PROBE });
  assert.deepEqual(partsOf([]), [[]]);
  assert.deepEqual(partsOf([link, link, link]), [[link, link, link]]);
  assert.deepEqual(partsOf([probe]), [[probe]]);
  assert.deepEqual(
    partsOf([link, probe, end, link, link, probe]),
    [[link], [probe], [end], [link, link], [probe]],
  );
});

// Characters with a meaning for a shell, a batch file or another tool.
const hostile = fc.string({
  unit: fc.constantFrom(..." \n\r\t\0\\'\"`$#;&|<>(){}*?!~-._/:@%,=+aZ09é\u2028"),
  maxLength: 24,
});

Deno.test("render writes every interface name as one word of one line", () => {
  fc.assert(
    fc.property(hostile, (text) => {
      const checked = parseInterfaceName(text);
      if (!checked.ok) return;
      const name = checked.value;
      const commands: readonly Command[] = [
        { kind: "link", device: name },
        { kind: "add-route", route: { destination: TO, device: name } },
        { kind: "delete-route", route: found(TO, { device: name }) },
        { kind: "neighbours", device: name },
        { kind: "look-up", address: GATEWAY, from: { ...FROM, device: name } },
        { kind: "probe-neighbour", probe: { ...PROBE, device: name } },
      ];
      for (const command of commands) {
        const line = render(command);
        const plain = render(withName(command));
        assert.match(line, /^[A-Za-z0-9._/ -]+$/);
        assert.equal(line.split(" ").length, plain.split(" ").length);
        assert.ok(!name.startsWith("-"));
      }
    }),
    { numRuns: bounded(20_000, 4_000) },
  );
});

function withName(command: Command): Command {
  switch (command.kind) {
    case "link":
    case "neighbours":
      return { ...command, device: THROUGH };
    case "add-route":
      return { ...command, route: { ...command.route, device: THROUGH } };
    case "look-up":
      return { ...command, from: { ...FROM, device: THROUGH } };
    case "probe-neighbour":
      return { ...command, probe: PROBE };
    default:
      return { kind: "delete-route", route: found(TO, { device: THROUGH }) };
  }
}
