import assert from "node:assert/strict";
import fc from "fast-check";
import { entryOf } from "../../../../src/state/table142_codec.ts";
import type { Answer, Read, TableRoute } from "../../../../src/dataplane/dataplane.ts";
import { decode } from "../../../../src/dataplane/iproute2/parse.ts";
import { visitRecords } from "../../../../src/dataplane/iproute2/records.ts";
import type { KernelRoute } from "../../../../src/routing/kernel_route.ts";
import { address, cidr, device } from "../../../support/fixtures.ts";
import { bounded } from "../../../support/suite.ts";

// Lines as `ip -json -Numeric` of iproute2 6.1 wrote them on Linux 6.18, shortened.

const TO = cidr("10.42.2.0/24");
const LINK: Read = { kind: "link", device: device("vxlan100") };
const WITHIN: Read = { kind: "routes-within", cluster: cidr("0.0.0.0/0") };

/** The answer, and how many entries were skipped. */
function read(
  command: Read,
  line: string,
): readonly [answer: Answer, skipped: number] {
  const decoded = decode(command, line);
  if (decoded.kind === "unreadable") throw new Error(`Cannot read: ${decoded.why}`);
  return [decoded.answer, decoded.skipped.length];
}

function routes(line: string, command = WITHIN): readonly KernelRoute[] {
  const [answer] = read(command, line);
  assert.equal(answer.kind, "routes");
  return answer.kind === "routes" ? answer.routes : [];
}

function entries(line: string): readonly TableRoute[] {
  const [answer] = read({ kind: "own-routes" }, line);
  assert.equal(answer.kind, "table");
  return answer.kind === "table" ? answer.routes : [];
}

function assertUnreadable(command: Read, line: string): void {
  assert.equal(decode(command, line).kind, "unreadable", `${command.kind}: ${line}`);
}

Deno.test("decode reads a device with its index, state and master", () => {
  const line = `[{"ifindex":5,"ifname":"vxlan100","flags":["BROADCAST","UP"],` +
    `"mtu":1450,"master":"quilt0"}]`;
  assert.deepEqual(read(LINK, line), [{
    kind: "link",
    link: { kind: "present", ifindex: 5, up: true },
    ifindex: 5,
  }, 0]);
  const asleep =
    `[{"ifindex":7,"link":null,"ifname":"vxlan100","flags":["BROADCAST"]}]`;
  assert.deepEqual(read(LINK, asleep), [{
    kind: "link",
    link: { kind: "present", ifindex: 7, up: false },
    ifindex: 7,
  }, 0]);
});

Deno.test("decode takes a device with LOWER_UP alone for down", () => {
  const line = `[{"ifindex":5,"ifname":"vxlan100","flags":["LOWER_UP"]}]`;
  const [answer] = read(LINK, line);
  assert.ok(answer.kind === "link" && answer.link.kind === "present");
  assert.equal(answer.link.up, false);
});

for (const [mtu, without] of [[60, true], [67, true], [68, undefined]] as const) {
  Deno.test(`decode finds ${without ? "no " : ""}IPv4 on a device with an MTU of ${mtu}`, () => {
    const line = `[{"ifindex":5,"ifname":"vxlan100","flags":["UP"],"mtu":${mtu}}]`;
    const [answer] = read(LINK, line);
    assert.ok(answer.kind === "link" && answer.link.kind === "present");
    assert.equal(answer.link.withoutIpv4, without);
  });
}

Deno.test("decode takes an altname for a missing device", () => {
  const line = `[{"ifindex":5,"ifname":"eth0","flags":["UP"],` +
    `"altnames":["enp1s0","vxlan100"]}]`;
  assert.deepEqual(read(LINK, line)[0], {
    kind: "link",
    link: { kind: "missing" },
    ifindex: 5,
  });
});

for (
  const [what, line] of [
    ["nothing", "[]"],
    ["a record that was filtered out", "[{}]"],
    ["another device", `[{"ifindex":1,"ifname":"lo","flags":[]}]`],
    ["a name that may not be used", `[{"ifindex":1,"ifname":"a b","flags":[]}]`],
    ["an index that is text", `[{"ifindex":"1","ifname":"vxlan100","flags":[]}]`],
    ["an index beyond numbers", `[{"ifindex":1e99,"ifname":"vxlan100","flags":[]}]`],
    ["an index of 0", `[{"ifindex":0,"ifname":"vxlan100","flags":[]}]`],
    ["no flags", `[{"ifindex":1,"ifname":"vxlan100"}]`],
    ["flags that are no text", `[{"ifindex":1,"ifname":"vxlan100","flags":[1]}]`],
    ["two devices", `[{"ifindex":1,"ifname":"vxlan100","flags":[]},{}]`],
    ["nulls and numbers", '[null,1,[],"lo"]'],
  ] as const
) {
  Deno.test(`decode rejects ${what} in the place of a device`, () => {
    assertUnreadable(LINK, line);
  });
}

Deno.test("decode reads a route with the attributes that show its owner", () => {
  const line = `[{"dst":"10.42.2.0/24","dev":"vxlan100","protocol":"142",` +
    `"scope":"253","flags":[]},` +
    `{"tos":"0x10","dst":"10.42.2.0/24","gateway":"192.0.2.7","dev":"eth0",` +
    `"protocol":"4","metric":100,"flags":["onlink"]}]`;
  const common = { destination: "10.42.2.0/24", type: 1, table: 254 };
  assert.deepEqual(routes(line), [
    {
      ...common,
      device: "vxlan100",
      gateway: false,
      protocol: 142,
      metric: 0,
      tos: 0,
    },
    { ...common, device: "eth0", gateway: true, protocol: 4, metric: 100, tos: 16 },
  ]);
});

Deno.test("decode accepts numbers by their names", () => {
  const line = `[{"type":"blackhole","dst":"10.42.2.0/24","protocol":"kernel",` +
    `"table":"main"},{"type":6,"dst":"10.42.2.0/24","protocol":2,"table":"0xfe"}]`;
  const [named, numbered] = routes(line);
  assert.deepEqual(named, numbered);
  assert.deepEqual([named?.type, named?.protocol, named?.table], [6, 2, 254]);
});

Deno.test("decode finds no device of a multipath route", () => {
  const line = `[{"dst":"10.42.4.0/24","protocol":"4","flags":[],"nexthops":` +
    `[{"dev":"v1","weight":1,"flags":[]},{"dev":"v2","weight":1,"flags":[]}]}]`;
  assert.equal(routes(line)[0]?.device, undefined);
});

Deno.test("decode finds no device of a route through a nexthop object", () => {
  const line = `[{"dst":"10.42.4.0/24","nhid":7,"dev":"vxlan100","protocol":"4",` +
    `"flags":[]}]`;
  assert.equal(routes(line)[0]?.device, undefined);
});

Deno.test("decode assumes the filter for the attributes that a filtered dump leaves out", () => {
  const line = `[{"dst":"10.42.2.0/24","dev":"v1","scope":"253","flags":[]},` +
    `{"type":"7","dst":"10.42.2.0/24","table":"142","flags":[]}]`;
  const owners = entries(line).map(({ route }) => [
    route.protocol,
    route.table,
    route.type,
  ]);
  assert.deepEqual(owners, [[142, 254, 1], [142, 142, 7]]);
});

Deno.test("decode reads all six numbers of an entry of table 142, absent ones as 0", () => {
  const line =
    `[{"type":"6","dst":"10.42.2.0/24","table":"142","protocol":"142","metric":142,` +
    `"flags":[],"metrics":[{"window":4294967295,"ssthresh":7,"initrwnd":9}]},` +
    `{"type":"8","dst":"10.42.3.0/24","table":"142","protocol":"142","metric":148,"flags":[]},` +
    `{"type":"8","dst":"10.42.3.0/24","table":"142","protocol":"142","metric":149,"flags":[]},` +
    `{"type":"8","dst":"10.42.3.0/24","table":"142","protocol":"142","metric":141,"flags":[]},` +
    `{"type":"7","dst":"10.42.4.0/24","table":"142","protocol":"142","flags":[]}]`;
  assert.deepEqual(entries(line).map(entryOf), [
    {
      table: 142,
      type: "blackhole",
      prefix: "10.42.2.0/24",
      metric: 142,
      payload: [4294967295, 7, 0, 0, 0, 9],
    },
    {
      table: 142,
      type: "prohibit",
      prefix: "10.42.3.0/24",
      metric: 148,
      payload: [0, 0, 0, 0, 0, 0],
    },
    // Ours have metrics of their own; these have another owner.
    undefined,
    undefined,
    undefined,
  ]);
});

Deno.test("decode distinguishes addresses, the default route and IPv6", () => {
  const line = `[{"dst":"10.42.2.1","dev":"v1"},{"dst":"default","dev":"v1"},` +
    `{"dst":"fe80::/64","dev":"v1"},{"dev":"v1"},{"dst":"10.42.2.1/24","dev":"v1"}]`;
  const destinations = routes(line).map(({ destination }) => destination);
  assert.deepEqual(destinations, ["10.42.2.1/32", "0.0.0.0/0"]);
});

for (
  const [what, odd] of [
    ["no object", "null"],
    ["a number", "7"],
    ["an array", "[]"],
    ["no destination", `{"dev":"v1"}`],
    ["a destination that is no text", `{"dst":7,"dev":"v1"}`],
    ["a destination with host bits", `{"dst":"10.42.2.1/24","dev":"v1"}`],
    ["a device that is no text", `{"dst":"10.42.3.0/24","dev":7}`],
    ["an owner beyond 32 bits", `{"dst":"10.42.3.0/24","protocol":1e99}`],
    ["an owner that is empty", `{"dst":"10.42.3.0/24","protocol":""}`],
    ["an unknown owner", `{"dst":"10.42.3.0/24","protocol":"quilt"}`],
    ["a metric that is an object", `{"dst":"10.42.3.0/24","metric":{}}`],
    ["a negative metric", `{"dst":"10.42.3.0/24","metric":-1}`],
    ["a table that is null", `{"dst":"10.42.3.0/24","table":null}`],
    ["half a type", `{"dst":"10.42.3.0/24","type":"1.5"}`],
  ] as const
) {
  Deno.test(`decode skips an entry with ${what}, and only that`, () => {
    const good = `{"dst":"10.42.2.0/24","dev":"v1"}`;
    for (const command of [WITHIN, { kind: "own-routes" } as const]) {
      const [answer, skipped] = read(command, `[${good},${odd},${good}]`);
      assert.equal(skipped, 1);
      const left = answer.kind === "routes"
        ? answer.routes
        : answer.kind === "table"
        ? answer.routes
        : [];
      assert.equal(left.length, 2);
    }
  });
}

Deno.test("decode uses the last of two members of the same name, like JSON.parse", () => {
  const [route] = routes(`[{"dst":"10.42.2.0/24","metric":1,"metric":2}]`);
  assert.equal(route?.metric, 2);
});

Deno.test("decode rejects an answer about another destination", () => {
  const other = `[{"dst":"10.42.3.0/24","dev":"v1"}]`;
  assertUnreadable({ kind: "exact-routes", destination: TO }, other);
  assertUnreadable({ kind: "best-route", destination: TO }, other);
  assertUnreadable({ kind: "routes-within", cluster: cidr("10.43.0.0/16") }, other);
});

Deno.test("decode accepts one best route, which may be wider or narrower than the destination", () => {
  const command: Read = { kind: "best-route", destination: TO };
  for (const dst of ["default", "10.42.0.0/16", "10.42.2.0/24", "10.42.2.0/32"]) {
    assert.equal(read(command, `[{"dst":"${dst}","dev":"v1"}]`)[0].kind, "best-route");
  }
  const unclear = read(command, `[{"dst":"10.42.2.0/24","protocol":"quilt"}]`)[0];
  assert.deepEqual(unclear, { kind: "best-route", route: undefined });
  for (const line of ["[]", "[{}]", "[null]", `[{"dst":"default"},{}]`]) {
    assertUnreadable(command, line);
  }
});

// The kernel accepts every byte in a name but NUL, `/`, `:` and white space.
for (const control of ["\u0001", "\u001b[2J", "\u007f", "\u009b", "\ufffd", "\\'"]) {
  Deno.test(`decode reads a dump with ${JSON.stringify(control)} in the name of a device`, () => {
    const line = `[{"dst":"10.42.2.0/24","dev":"a${control}b"},` +
      `{"dst":"10.42.3.0/24","dev":"v1"}]`;
    const devices = routes(line).map((route) => route.device);
    assert.deepEqual(devices, [undefined, "v1"]);
  });
}

Deno.test("decode keeps an escaped backslash before a quote, also when it adds escapes", () => {
  const line = `[{"dst":"10.42.2.0/24","dev":"a\u0001\\\\"},{"dst":"10.42.3.0/24"}]`;
  assert.equal(routes(line).length, 2);
});

const DEFAULT_RULES = [
  `{"priority":0,"src":"all","table":"255"}`,
  `{"priority":32766,"src":"all","table":"254"}`,
  `{"priority":32767,"src":"all","table":"253"}`,
];

function hiding(rules: readonly string[]): boolean {
  const [answer] = read({ kind: "rules" }, `[${rules.join(",")}]`);
  return answer.kind === "rules" && answer.hiding;
}

for (
  const [what, rule] of [
    ["unreachable", `{"priority":9,"src":"all","dst":"10.42.3.0","action":"7"}`],
    ["blackhole", `{"priority":9,"src":"all","action":"6"}`],
    ["prohibit by name", `{"priority":9,"src":"all","action":"prohibit"}`],
    ["goto", `{"priority":9,"src":"all","goto":32767}`],
    ["nop", `{"priority":9,"src":"all","nop":null}`],
    ["suppression", `{"priority":9,"src":"all","table":"254","suppress_prefixlen":24}`],
    ["a suppressed group", `{"src":"all","table":"254","suppress_ifgroup":"7"}`],
    ["no object", "null"],
  ] as const
) {
  Deno.test(`decode finds that a rule of the kind ${what} may hide a route`, () => {
    assert.equal(hiding([...DEFAULT_RULES, rule]), true);
  });
}

Deno.test("decode finds that look-up rules hide nothing, if one leads to main", () => {
  const lookups = [
    `{"priority":9,"src":"all","dst":"10.42.3.0","dstlen":24,"table":"100"}`,
    `{"priority":9,"src":"all","iif":"v1","table":"100"}`,
    `{"not":null,"priority":9,"src":"all","fwmark":"0xca6c","table":"51820"}`,
    `{"priority":9,"src":"all","table":"254","suppress_prefixlen":0}`,
  ];
  assert.equal(hiding([...DEFAULT_RULES, ...lookups]), false);
  assert.equal(hiding(DEFAULT_RULES.filter((rule) => !rule.includes("254"))), true);
  const elsewhere = `{"priority":9,"src":"10.0.0.0","srclen":8,"table":"254"}`;
  assert.equal(hiding([elsewhere]), true);
  assert.equal(hiding([]), true);
});

const READS: readonly Read[] = [
  LINK,
  { kind: "link-names" },
  { kind: "rules" },
  { kind: "best-route", destination: TO },
  { kind: "exact-routes", destination: TO },
  WITHIN,
  { kind: "own-routes" },
  { kind: "table-routes", table: 142 },
  { kind: "links" },
  { kind: "addresses" },
  { kind: "netconf" },
  { kind: "policy-rules" },
  { kind: "forwarding-table" },
  { kind: "neighbours", device: device("vxlan100") },
  { kind: "look-up", address: address("10.42.2.7") },
  { kind: "permission" },
];

Deno.test("decode rejects a broken line: no empty answer, no exception", () => {
  const broken = [
    "",
    " ",
    "[",
    "[[]",
    '[{"dst":"10.42.2.0/24"',
    "[][]",
    "[] []",
    "[]x",
    "x[]",
    "null",
    "7",
    "{}",
    '"[]"',
    "[{]}",
    "\u0000",
    "[\ufeff",
    "[".repeat(20_000),
    "[NaN]",
  ];
  for (const line of broken) {
    for (const command of READS) assertUnreadable(command, line);
  }
});

/** What `visitRecords` visits; undefined if the line is not a JSON array. */
function visited(line: string, pieceLength: number): readonly unknown[] | undefined {
  const records: unknown[] = [];
  const isArray = visitRecords(line, (record) => records.push(record), pieceLength);
  return isArray ? records : undefined;
}

Deno.test("visitRecords visits the same records, however long its pieces are", () => {
  const text = fc.string({
    unit: fc.constantFrom("},{", '"', "\\", "[", "]", "é", "a"),
    maxLength: 6,
  });
  const value = fc.oneof(
    text,
    fc.array(fc.record({ dev: text }), { maxLength: 3 }),
    fc.constant(null),
  );
  // Deno 2.9.3 has a JSON.parse that reads the key "\n" as "\\" once an object with the
  // same keys before it had that one: quotes and backslashes are in values alone here.
  const key = fc.string({
    unit: fc.constantFrom("},{", "[", "]", "é", "a"),
    maxLength: 6,
  });
  const record = fc.dictionary(key, value, { maxKeys: 3 });
  const pieceLength = fc.integer({ min: 0, max: 40 });
  fc.assert(
    fc.property(fc.array(record), pieceLength, (records, length) => {
      const line = JSON.stringify(records);
      assert.deepEqual(visited(line, length), JSON.parse(line));
    }),
    { numRuns: bounded(20_000, 4_000) },
  );
});

Deno.test("visitRecords rejects what is not a JSON array, however long its pieces are", () => {
  // No quotes and backslashes in keys, as above.
  const key = fc.string({ maxLength: 3 }).filter((text) => !/["\\]/.test(text));
  const good = fc.array(fc.dictionary(key, fc.nat()), {
    minLength: 2,
  }).map((records) => JSON.stringify(records));
  const edit = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    removed: fc.nat({ max: 2 }),
    added: fc.constantFrom("", "},{", "]", "[", ",", '"', "{", "x", "]["),
  });
  fc.assert(
    fc.property(good, edit, fc.integer({ min: 0, max: 30 }), (line, change, length) => {
      const at = Math.floor(change.at * line.length);
      const edited = line.slice(0, at) + change.added + line.slice(at + change.removed);
      let expected: unknown;
      try {
        expected = JSON.parse(edited);
      } catch {
        expected = undefined;
      }
      const records = visited(edited, length);
      assert.deepEqual(records, Array.isArray(expected) ? expected : undefined);
    }),
    { numRuns: bounded(20_000, 4_000) },
  );
});

Deno.test("visitRecords keeps a raw control character to the record that has it", () => {
  const records = Array.from({ length: 50 }, (_, at) => `{"dst":"10.42.${at}.0/24"}`);
  const line = `[${records.with(20, `{"dev":"a\u0001},{b\\\\'"}`).join(",")}]`;
  for (const length of [0, 10, 100, 1_000, 10_000]) {
    const found = visited(line, length);
    assert.equal(found?.length, 50, `pieces of ${length}`);
    assert.deepEqual(found?.[20], { dev: "a\u0001},{b\\'" });
  }
});

Deno.test("visitRecords rejects a line of 16 MB that is no JSON in linear time", () => {
  const started = performance.now();
  for (
    const line of [
      "},{".repeat(5e6),
      `[${"},{".repeat(5e6)}]`,
      `["${"},{".repeat(5e6)}`,
    ]
  ) {
    assert.equal(visited(line, 64 * 1024), undefined);
  }
  assert.ok(performance.now() - started < 10_000);
});

Deno.test("decode answers, skips or rejects every line, and never throws", () => {
  const scalar = fc.oneof(
    fc.constantFrom<unknown>("10.42.2.0/24", "default", "vxlan100", "quilt0", "142"),
    fc.constantFrom<unknown>("all", "0xfe", "unicast", "__proto__", 254, 1e308, -1),
    fc.constantFrom<unknown>("inet", "vxlan", "10.42.2.7", "STALE", "off", true, 24),
    fc.jsonValue({ maxDepth: 1 }),
  );
  const member = fc.constantFrom(
    ..."dst dev ifname ifindex flags mtu master altnames type table protocol metric tos"
      .split(" "),
    ..."metrics gateway nhid via lladdr src action goto priority suppress_prefixlen"
      .split(" "),
    ..."window ssthresh initrwnd __proto__ constructor toString".split(" "),
    ..."addr_info family local prefixlen linkinfo info_kind info_data id port link"
      .split(" "),
    ..."interface forwarding rp_filter proxy_neigh srclen iif state updated from"
      .split(" "),
  );
  const { record } = fc.letrec<{ record: Record<string, unknown> }>((tie) => ({
    record: fc.dictionary(
      member,
      fc.oneof(
        { weight: 6, arbitrary: scalar },
        fc.array(fc.oneof(scalar, tie("record")), { maxLength: 2 }),
      ),
      { maxKeys: 8 },
    ),
  }));
  const lines = fc.oneof(
    fc.array(fc.oneof({ weight: 9, arbitrary: record }, scalar), { maxLength: 4 })
      .map((records) => JSON.stringify(records)),
    fc.json(),
    fc.string({ unit: "binary", maxLength: 60 }),
  );
  const reads = fc.constantFrom(...READS);
  const seen = { decoded: 0, unreadable: 0 };
  fc.assert(
    fc.property(reads, lines, (command, line) => {
      const { kind } = decode(command, line);
      seen[kind] += 1;
      assert.ok(kind === "unreadable" || command.kind !== "permission");
    }),
    { numRuns: bounded(40_000, 8_000) },
  );
  assert.ok(seen.decoded > 1_000 && seen.unreadable > 1_000, JSON.stringify(seen));
});

Deno.test("decode shares the payload of entries that have the same", () => {
  const entry = (octet: number, window: number) =>
    `{"type":"6","dst":"10.42.${octet}.0/24","table":"142","protocol":"142",` +
    `"metric":142,"flags":[],"metrics":[{"window":${window},"cwnd":3}]}`;
  const found = entries(
    `[${entry(2, 5)},${entry(3, 5)},${entry(4, 6)},${entry(5, 5)}]`,
  );
  assert.deepEqual(found.map(({ payload }) => payload), [
    [5, 0, 3, 0, 0, 0],
    [5, 0, 3, 0, 0, 0],
    [6, 0, 3, 0, 0, 0],
    [5, 0, 3, 0, 0, 0],
  ]);
  assert.equal(found[0]?.payload, found[1]?.payload);
});
