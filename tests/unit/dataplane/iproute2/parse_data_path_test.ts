import assert from "node:assert/strict";
import type { Answer, Read } from "../../../../src/dataplane/dataplane.ts";
import { decode } from "../../../../src/dataplane/iproute2/parse.ts";
import { address, device } from "../../../support/fixtures.ts";

// Lines as `ip -json -Numeric` of iproute2 6.1 wrote them on Linux 6.18, shortened.

/** The answer, and how many entries were skipped. */
function read(
  command: Read,
  records: readonly string[],
): readonly [answer: Answer, skipped: number] {
  const decoded = decode(command, `[${records.join(",")}]`);
  if (decoded.kind === "unreadable") throw new Error(`Cannot read: ${decoded.why}`);
  return [decoded.answer, decoded.skipped.length];
}

const VXLAN =
  `{"ifindex":4,"ifname":"vxlan100","flags":["BROADCAST","MULTICAST","UP","LOWER_UP"],` +
  `"mtu":1450,"master":"quilt0","link_type":"[1]","address":"E6:4e:62:9d:3a:33",` +
  `"linkinfo":{"info_kind":"vxlan","info_data":{"id":100,"local":"192.0.2.1",` +
  `"link":"eth0","port_range":{"low":0,"high":0},"port":4789,"learning":true}}}`;
const LINK_OF_VXLAN = {
  name: "vxlan100",
  ifindex: 4,
  up: true,
  carrier: true,
  mtu: 1450,
  mac: "e6:4e:62:9d:3a:33",
  master: "quilt0",
  peer: undefined,
  type: {
    kind: "vxlan",
    vxlan: { vni: 100, port: 4789, local: "192.0.2.1", underlay: "eth0" },
  },
};

Deno.test("decode reads a VXLAN device with its options", () => {
  assert.deepEqual(read({ kind: "links" }, [VXLAN, "{}"]), [
    { kind: "links", links: [LINK_OF_VXLAN] },
    0,
  ]);
});

Deno.test("decode reads a VXLAN device of IPv6, without an underlay, with its port as text", () => {
  const line = `{"ifindex":5,"ifname":"vxlan6","flags":[],"mtu":1500,"linkinfo":` +
    `{"info_kind":"vxlan","info_data":{"id":101,"local6":"fd00::1","port":"4789"}}}`;
  const [answer] = read({ kind: "links" }, [line]);
  assert.ok(answer.kind === "links");
  assert.deepEqual(answer.links[0]?.type, {
    kind: "vxlan",
    vxlan: { vni: 101, port: 4789, local: undefined, underlay: undefined },
  });
});

Deno.test("decode reads a bridge, both ends of a veth, and a physical device", () => {
  const [answer, skipped] = read({ kind: "links" }, [
    `{"ifindex":8,"ifname":"quilt0","flags":["NO-CARRIER","BROADCAST","UP"],"mtu":1500,` +
    `"address":"ae:4c:47:ac:fc:db","linkinfo":{"info_kind":"bridge","info_data":{}}}`,
    `{"ifindex":9,"link":"vl","ifname":"vr","flags":["LOWER_UP"],"mtu":1500,` +
    `"linkinfo":{"info_kind":"veth"}}`,
    `{"ifindex":2,"link":null,"ifname":"eth0","flags":["UP","LOWER_UP"],"mtu":9000}`,
  ]);
  assert.ok(answer.kind === "links" && skipped === 0);
  const [bridge, veth, physical] = answer.links;
  assert.deepEqual(
    answer.links.map((
      { carrier, mac, name, peer, up },
    ) => [name, up, carrier, mac, peer]),
    [
      ["quilt0", true, false, "ae:4c:47:ac:fc:db", undefined],
      ["vr", false, false, "", "vl"],
      ["eth0", true, true, "", undefined],
    ],
  );
  assert.deepEqual([bridge?.type, veth?.type, physical?.type], [
    { kind: "bridge" },
    { kind: "other", name: "veth" },
    { kind: "other", name: "" },
  ]);
});

Deno.test("decode reads the IPv4 addresses of every device", () => {
  const [answer, skipped] = read({ kind: "addresses" }, [
    `{"ifindex":3,"ifname":"eth0","addr_info":[` +
    `{"family":"inet","local":"192.0.2.1","prefixlen":24,"label":"eth0"},` +
    `{"family":"inet","local":"10.0.0.1","address":"10.0.0.2","prefixlen":32},{},` +
    `{"family":"inet6","local":"fe80::1","prefixlen":64}]}`,
    `{"ifindex":8,"ifname":"quilt0","addr_info":[` +
    `{"family":"inet","local":"10.42.1.1","prefixlen":16}]}`,
    `{"ifindex":9,"ifname":"vr","addr_info":[]}`,
    "{}",
  ]);
  assert.equal(skipped, 0);
  assert.deepEqual(answer, {
    kind: "addresses",
    addresses: [
      { device: "eth0", address: "192.0.2.1", prefixLength: 24 },
      { device: "eth0", address: "10.0.0.1", prefixLength: 32 },
      { device: "quilt0", address: "10.42.1.1", prefixLength: 16 },
    ],
  });
});

Deno.test("decode reads the IPv4 settings of devices and of all, and not the defaults", () => {
  const setting = (family: string, name: string, rpFilter: string) =>
    `{"family":"${family}","interface":"${name}","forwarding":true,` +
    `"rp_filter":${rpFilter},"mc_forwarding":false,"proxy_neigh":false}`;
  const [answer, skipped] = read({ kind: "netconf" }, [
    setting("inet", "vxlan100", `"off"`).replace(`neigh":false`, `neigh":true`),
    setting("inet", "quilt0", `"strict"`),
    setting("inet", "eth0", "7"),
    setting("inet", "all", `"loose"`),
    setting("inet", "default", `"off"`),
    setting("inet6", "vxlan100", `"off"`),
  ]);
  assert.equal(skipped, 0);
  assert.ok(answer.kind === "netconf");
  assert.deepEqual(
    answer.settings.map((
      { device, proxyArp, rpFilter },
    ) => [device, rpFilter, proxyArp]),
    [
      ["vxlan100", "off", true],
      ["quilt0", "strict", false],
      ["eth0", "loose", false],
      [undefined, "loose", false],
    ],
  );
  assert.ok(answer.settings.every(({ forwarding }) => forwarding));
});

/** A rule with nothing but the members that are given. */
function rule(members: string) {
  const [answer, skipped] = read({ kind: "policy-rules" }, [
    `{"priority":9,${members}}`,
  ]);
  assert.ok(answer.kind === "policy-rules" && skipped === 0);
  return answer.rules[0];
}

const PLAIN = {
  priority: 9,
  source: undefined,
  destination: undefined,
  iif: undefined,
  isNarrower: false,
  table: 254,
};

for (
  const [what, members, differs] of [
    ["of every packet", `"src":"all","table":"254"`, {}],
    ["with the table's name", `"src":"all","table":"main"`, {}],
    ["as -details shows it", `"src":"all","table":"254","protocol":"2"`, {}],
    [
      "with a source and a device",
      `"src":"10.9.0.0","srclen":16,"iif":"quilt0","table":"142"`,
      { source: "10.9.0.0/16", iif: "quilt0", table: 142 },
    ],
    [
      "with a device that is gone",
      `"src":"all","iif":"e$x","iif_detached":null,"table":"5"`,
      { iif: "e$x", table: 5 },
    ],
    [
      "with host bits, and with an address",
      `"src":"10.9.0.5","srclen":16,"dst":"10.9.1.1","table":"254"`,
      { source: "10.9.0.0/16", destination: "10.9.1.1/32" },
    ],
    ["with realms", `"src":"all","table":"254","flow_to":"5"`, {}],
    ["that is unreachable", `"src":"all","action":"7"`, { table: undefined }],
    ["that jumps", `"src":"all","goto":32766`, { table: undefined }],
    ["that does nothing", `"src":"all","nop":null`, { table: undefined }],
    [
      "of a VRF",
      `"src":"all","l3mdev":null`,
      { isNarrower: true, table: undefined },
    ],
    ["with a mark", `"src":"all","fwmark":"0x10","table":"254"`, { isNarrower: true }],
    [
      "that is inverted",
      `"not":null,"src":"10.9.0.1","table":"254"`,
      { isNarrower: true, source: "10.9.0.1/32" },
    ],
    ["with a port", `"src":"all","dport":53,"table":"254"`, { isNarrower: true }],
    ["with a user", `"src":"all","uid_start":0,"table":"254"`, { isNarrower: true }],
    [
      "that suppresses prefixes",
      `"src":"all","table":"254","suppress_prefixlen":0`,
      { isNarrower: true },
    ],
  ] as const
) {
  Deno.test(`decode reads a rule ${what}`, () => {
    assert.deepEqual(rule(members), { ...PLAIN, ...differs });
  });
}

Deno.test("decode reads the forwarding database with the age of each entry", () => {
  const [answer, skipped] = read({ kind: "forwarding-table" }, [
    `{"dev":"eth1","lladdr":"33:33:00:00:00:01","state":["PERMANENT"]}`,
    `{"dst":"192.0.2.2","dev":"vxlan100","lladdr":"00:00:00:00:00:00","used":7,` +
    `"confirmed":0,"updated":12,"state":["NOARP","PERMANENT"]}`,
    `{"dst":"192.0.2.2","dev":"vxlan100","lladdr":"02:00:00:00:00:05","used":0,` +
    `"updated":0,"state":["REACHABLE"]}`,
    `{"dst":"fd00::2","dev":"vxlan6","lladdr":"00:00:00:00:00:00","updated":3}`,
    `{"dst":"192.0.2.9","dev":"vxlan100","lladdr":"00:00:00:00:00:00"}`,
  ]);
  assert.equal(skipped, 0);
  const flood = "00:00:00:00:00:00";
  assert.deepEqual(answer, {
    kind: "forwarding-table",
    entries: [
      { device: "vxlan100", mac: flood, host: "192.0.2.2", updatedSeconds: 12 },
      {
        device: "vxlan100",
        mac: "02:00:00:00:00:05",
        host: "192.0.2.2",
        updatedSeconds: 0,
      },
      { device: "vxlan6", mac: flood, host: undefined, updatedSeconds: 3 },
      { device: "vxlan100", mac: flood, host: "192.0.2.9", updatedSeconds: 0 },
    ],
  });
});

const NEIGHBOURS: Read = { kind: "neighbours", device: device("vxlan100") };

Deno.test("decode reads the IPv4 neighbours of a device in every state", () => {
  const states = [
    "INCOMPLETE",
    "REACHABLE",
    "STALE",
    "DELAY",
    "PROBE",
    "FAILED",
    "NOARP",
  ];
  const [answer, skipped] = read(NEIGHBOURS, [
    ...states.map((state, at) => `{"dst":"10.42.2.${at}","state":["${state}"]}`),
    `{"dst":"10.42.2.50"}`,
    `{"dst":"10.42.2.9","lladdr":"02:00:00:00:00:09","state":["PERMANENT"]}`,
    `{"dst":"fd00::9","lladdr":"02:00:00:00:00:09","state":["PERMANENT"]}`,
  ]);
  assert.ok(answer.kind === "neighbours" && skipped === 0);
  assert.deepEqual(
    answer.neighbours.map(({ state }) => state),
    [...states, "NONE", "PERMANENT"].map((state) => state.toLowerCase()),
  );
  assert.deepEqual(answer.neighbours.at(-1), {
    device: "vxlan100",
    address: "10.42.2.9",
    mac: "02:00:00:00:00:09",
    state: "permanent",
  });
  assert.ok(answer.neighbours.slice(0, -1).every(({ mac }) => mac === ""));
});

const LOOK_UP: Read = { kind: "look-up", address: address("10.42.2.7") };
const FORWARDED: Read = {
  ...LOOK_UP,
  from: { source: address("10.42.1.5"), device: device("quilt0") },
};

for (
  const [what, command, members, result] of [
    [
      "through a device",
      LOOK_UP,
      `"dev":"vxlan100","prefsrc":"192.0.2.1","flags":[],"uid":0,"cache":[]`,
      { kind: "through", device: "vxlan100", gateway: undefined },
    ],
    [
      "through a gateway, as -details shows it",
      LOOK_UP,
      `"type":"1","gateway":"192.0.2.7","dev":"eth0","table":"254"`,
      { kind: "through", device: "eth0", gateway: "192.0.2.7" },
    ],
    [
      "of a packet that came in",
      FORWARDED,
      `"from":"10.42.1.5","dev":"vxlan100","flags":[],"cache":[],"iif":"quilt0"`,
      { kind: "through", device: "vxlan100", gateway: undefined },
    ],
    [
      "through a gateway of IPv6",
      LOOK_UP,
      `"via":{"family":"inet6","host":"fd00::2"},"dev":"eth0"`,
      { kind: "through", device: "eth0", gateway: undefined },
    ],
    ["to this node", LOOK_UP, `"type":"2","dev":"lo","table":"255"`, { kind: "local" }],
    ["of a broadcast", LOOK_UP, `"type":"3","dev":"quilt0"`, { kind: "local" }],
  ] as const
) {
  Deno.test(`decode reads a look-up ${what}`, () => {
    const [answer] = read(command, [`{"dst":"10.42.2.7",${members}}`]);
    assert.deepEqual(answer, { kind: "look-up", result });
  });
}

Deno.test("decode refuses a look-up through a device that no command may name", () => {
  const [answer] = read(LOOK_UP, [`{"dst":"10.42.2.7","dev":"e$x"}`]);
  assert.ok(answer.kind === "look-up" && answer.result.kind === "refused");
});

Deno.test("decode rejects an answer to another look-up", () => {
  for (
    const [command, line] of [
      [LOOK_UP, "[]"],
      [LOOK_UP, "[{}]"],
      [LOOK_UP, `[{"dst":"10.42.2.8","dev":"vxlan100"}]`],
      [LOOK_UP, `[{"dst":"10.42.2.7"}]`],
      [LOOK_UP, `[{"dst":"10.42.2.7","from":"10.42.1.5","dev":"vxlan100"}]`],
      [LOOK_UP, `[{"dst":"10.42.2.7","dev":"vxlan100"},{}]`],
      [FORWARDED, `[{"dst":"10.42.2.7","dev":"vxlan100"}]`],
      [FORWARDED, `[{"dst":"10.42.2.7","from":"10.42.1.6","dev":"vxlan100"}]`],
    ] as const
  ) {
    assert.equal(decode(command, line).kind, "unreadable", line);
  }
});

for (
  const [what, command, record] of [
    ["a device", { kind: "links" }, VXLAN.replace("vxlan100", "e$x")],
    [
      "an address",
      { kind: "addresses" },
      `{"ifname":"e$x","addr_info":[{"family":"inet","local":"192.0.2.1","prefixlen":24}]}`,
    ],
    [
      "a setting",
      { kind: "netconf" },
      `{"family":"inet","interface":"e$x","forwarding":true,"rp_filter":"off",` +
      `"proxy_neigh":true}`,
    ],
    [
      "an entry that floods",
      { kind: "forwarding-table" },
      `{"dst":"192.0.2.2","dev":"e$x","lladdr":"00:00:00:00:00:00"}`,
    ],
  ] as const
) {
  Deno.test(`decode leaves out ${what} with a name that no command may have`, () => {
    const [answer, skipped] = read(command, [record]);
    assert.ok(
      Object.values(answer).some((list) => Array.isArray(list) && list.length === 0),
    );
    assert.equal(skipped, 0);
  });
}

for (
  const [command, odd] of [
    [{ kind: "links" }, "null"],
    [{ kind: "links" }, `{"ifindex":0,"ifname":"v1","flags":[],"mtu":1500}`],
    [{ kind: "links" }, `{"ifindex":1,"ifname":"v1","flags":[]}`],
    [{ kind: "links" }, `{"ifindex":1,"ifname":7,"flags":[],"mtu":1500}`],
    [{ kind: "addresses" }, `{"ifname":"v1"}`],
    [
      { kind: "addresses" },
      `{"ifname":"v1","addr_info":[{"local":"10.0.0","prefixlen":8}]}`,
    ],
    [
      { kind: "addresses" },
      `{"ifname":"v1","addr_info":[{"local":"10.0.0.1","prefixlen":33}]}`,
    ],
    [{ kind: "netconf" }, `{"family":"inet","interface":"v1","forwarding":"on"}`],
    [{ kind: "policy-rules" }, `{"priority":-1,"src":"all","table":"254"}`],
    [{ kind: "policy-rules" }, `{"priority":1,"src":"fd00::","srclen":16}`],
    [{ kind: "policy-rules" }, `{"priority":1,"src":"all","table":"quilt"}`],
    [{ kind: "forwarding-table" }, `{"dst":"192.0.2.2","dev":"v1"}`],
    [NEIGHBOURS, `{"dst":"10.42.2.300","state":["STALE"]}`],
    [NEIGHBOURS, `{"dst":"10.42.2.3","state":["ASLEEP"]}`],
    [NEIGHBOURS, `{"dst":"10.42.2.3","state":[]}`],
    [NEIGHBOURS, `{"dst":"10.42.2.3","state":"STALE"}`],
  ] as const
) {
  Deno.test(`decode skips ${odd} among the ${command.kind}, and only that`, () => {
    const [empty] = read(command, []);
    assert.deepEqual(read(command, [odd, "{}"]), [empty, 1]);
  });
}
