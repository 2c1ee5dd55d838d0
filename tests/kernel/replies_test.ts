import assert from "node:assert/strict";
import { decodeLinks, decodeRoutes } from "../../src/kernel/replies.ts";

// Documents as `ip -json -Numeric` of iproute2 6.1 wrote them on Linux 6.18, shortened.

Deno.test("a device is decoded with its index, state and master", () => {
  const document = `[{"ifindex":5,"ifname":"vxlan100","flags":["BROADCAST","UP"],` +
    `"mtu":1450,"master":"quilt0"},` +
    `{"ifindex":7,"link":null,"ifname":"asleep","flags":["BROADCAST"]}]`;
  assert.deepEqual(decodeLinks(document), [
    {
      name: "vxlan100",
      state: { kind: "present", ifindex: 5, up: true, master: "quilt0" },
    },
    {
      name: "asleep",
      state: { kind: "present", ifindex: 7, up: false, master: undefined },
    },
  ]);
});

Deno.test("LOWER_UP alone does not make a device up", () => {
  const document = `[{"ifindex":5,"ifname":"vxlan100","flags":["LOWER_UP"]}]`;
  const [link] = decodeLinks(document);
  assert.equal(link?.state.kind === "present" && link.state.up, false);
});

for (
  const [what, document] of [
    ["nothing", "[]"],
    ["a record that was filtered out", "[{}]"],
    ["a name that may not be used", `[{"ifindex":1,"ifname":"a b","flags":[]}]`],
    ["an index that is no number", `[{"ifindex":"1","ifname":"lo","flags":[]}]`],
    ["no flags", `[{"ifindex":1,"ifname":"lo"}]`],
    ["no array", `{"ifindex":1,"ifname":"lo","flags":[]}`],
    ["nulls and numbers", '[null,1,[],"lo"]'],
  ] as const
) {
  Deno.test(`a document with ${what} holds no device`, () => {
    assert.deepEqual(decodeLinks(document), []);
  });
}

Deno.test("a route is decoded with everything that tells whose it is", () => {
  const document = `[{"dst":"10.42.2.0/24","dev":"vxlan100","protocol":"142",` +
    `"scope":"253","flags":[]},` +
    `{"tos":"0x10","dst":"10.42.2.0/24","gateway":"192.0.2.7","dev":"eth0",` +
    `"protocol":"4","metric":100,"flags":["onlink"]}]`;
  const routes = decodeRoutes(document).map(({ route }) => route);
  const common = { destination: "10.42.2.0/24", type: 1, table: 254 };
  assert.deepEqual(routes, [
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

Deno.test("a multipath route has no one device", () => {
  const document = `[{"dst":"10.42.4.0/24","protocol":"4","flags":[],"nexthops":` +
    `[{"dev":"v1","weight":1,"flags":[]},{"dev":"v2","weight":1,"flags":[]}]}]`;
  assert.equal(decodeRoutes(document)[0]?.route.device, undefined);
});

Deno.test("a route through a nexthop object has no device of its own", () => {
  const document = `[{"dst":"10.42.4.0/24","nhid":7,"dev":"vxlan100","protocol":"4",` +
    `"flags":[]}]`;
  assert.equal(decodeRoutes(document)[0]?.route.device, undefined);
});

Deno.test("what a filtered listing leaves out is what was asked for", () => {
  const document = `[{"dst":"10.42.2.0/24","dev":"v1","scope":"253","flags":[]},` +
    `{"type":"7","dst":"10.42.2.0/24","table":"142","flags":[]}]`;
  const routes = decodeRoutes(document, { protocol: 142, table: 254 });
  const owners = routes.map(({ route }) => [route.protocol, route.table, route.type]);
  assert.deepEqual(owners, [[142, 254, 1], [142, 142, 7]]);
});

Deno.test("an entry of table 142 is decoded with all six words, absent ones as 0", () => {
  const document = `[{"type":"6","dst":"10.42.2.0/24","protocol":"142","metric":142,` +
    `"flags":[],"metrics":[{"window":4294967295,"ssthresh":7,"initrwnd":9}]},` +
    `{"type":"8","dst":"10.42.3.0/24","protocol":"142","metric":148,"flags":[]},` +
    `{"type":"8","dst":"10.42.3.0/24","protocol":"142","metric":149,"flags":[]},` +
    `{"type":"8","dst":"10.42.3.0/24","protocol":"142","metric":141,"flags":[]},` +
    `{"type":"7","dst":"10.42.4.0/24","protocol":"142","flags":[]}]`;
  assert.deepEqual(decodeRoutes(document).map(({ state }) => state), [
    {
      type: "blackhole",
      prefix: "10.42.2.0/24",
      metric: 142,
      payload: [4294967295, 7, 0, 0, 0, 9],
    },
    {
      type: "prohibit",
      prefix: "10.42.3.0/24",
      metric: 148,
      payload: [0, 0, 0, 0, 0, 0],
    },
    // Ours have metrics of their own; these are somebody else's.
    undefined,
    undefined,
    undefined,
  ]);
});

Deno.test("addresses, the default route and IPv6 are told apart", () => {
  const document = `[{"dst":"10.42.2.1","dev":"v1"},{"dst":"default","dev":"v1"},` +
    `{"dst":"fe80::/64","dev":"v1"},{"dev":"v1"},{"dst":"10.42.2.1/24","dev":"v1"}]`;
  const destinations = decodeRoutes(document).map(({ route }) => route.destination);
  assert.deepEqual(destinations, ["10.42.2.1/32", "0.0.0.0/0"]);
});

Deno.test("a broken document is an error, never an empty answer", () => {
  for (const broken of ["", "[", "[[]", '[{"dst":"10.42.2.0/24"', "[][]"]) {
    assert.throws(() => decodeRoutes(broken), SyntaxError);
    assert.throws(() => decodeLinks(broken), SyntaxError);
  }
});
