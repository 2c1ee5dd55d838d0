import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type Command,
  isDump,
  render,
} from "../../../../src/dataplane/iproute2/commands.ts";
import {
  isRead,
  type Mutation,
  type Read,
  type TableEntry,
} from "../../../../src/dataplane/dataplane.ts";
import { parseInterfaceName } from "../../../../src/routing/interface_name.ts";
import { cidr, device, found } from "../../../support/fixtures.ts";
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

const READS: readonly (readonly [command: Read, line: string])[] = [
  [{ kind: "link", device: THROUGH }, "link show dev vxlan100"],
  [{ kind: "bridge", device: THROUGH }, "link show dev vxlan100 type bridge"],
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
];

for (const [command, line] of READS) {
  Deno.test(`render writes the read ${command.kind} as "${line}"`, () => {
    assert.equal(render(command), line);
    assert.ok(isRead(command));
    const walks = / show($| table| dev \S+ type)/.test(line);
    assert.equal(isDump(command), walks);
  });
}

for (const [command, line] of MUTATIONS) {
  Deno.test(`render writes the mutation ${command.kind} as "${line}"`, () => {
    assert.equal(render(command), line);
    assert.ok(!isRead(command) && !isDump(command));
  });
}

Deno.test("render names the owner in every mutation: there is no plain route del", () => {
  for (const [command] of MUTATIONS) {
    assert.match(render(command), / proto (142|4)( |$)/);
  }
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
  if (command.kind === "link") return { ...command, device: THROUGH };
  if (command.kind === "add-route") {
    return { ...command, route: { ...command.route, device: THROUGH } };
  }
  return { kind: "delete-route", route: found(TO, { device: THROUGH }) };
}
