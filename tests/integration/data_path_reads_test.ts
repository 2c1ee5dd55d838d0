import assert from "node:assert/strict";
import type { LookedUp } from "../../src/dataplane/data_path.ts";
import type { Operation, Read } from "../../src/dataplane/dataplane.ts";
import { address, batch, cidr, device, ip, ipChildren } from "../support/fixtures.ts";
import { until } from "../support/wait.ts";
import {
  answer,
  type DataPathGround,
  dump,
  fdb,
  makeDataPath,
  run,
  setConf,
} from "./data_path_ground.ts";

const VXLAN100 = device("vxlan100");

Deno.test("Dataplane.dump reads every device in detail", async () => {
  await using ground = await makeDataPath();
  await batch(["link set vxlan100 mtu 1400", "link set port1 down"]);
  // A bridge loses its carrier up to a second after its last port.
  const links = await until(async () => {
    const [result] = await dump(ground, [{ kind: "links" }]);
    const { links } = answer(result, "links");
    return links.find(({ name }) => name === "quilt0")?.carrier === false && links;
  }, { what: "quilt0 to be without carrier" });
  const shown = links.map(({ carrier, ifindex, mac, master, mtu, name, peer, up }) => {
    assert.ok(ifindex > 0);
    assert.match(mac, /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/);
    return { name, up, carrier, mtu, master, peer };
  });
  const port = { mtu: 1500, master: undefined, peer: undefined };
  assert.deepEqual(
    shown.filter(({ name }) => name !== "lo").toSorted((a, b) =>
      a.name < b.name ? -1 : 1
    ),
    [
      {
        ...port,
        name: "port0",
        up: true,
        carrier: false,
        master: "quilt0",
        peer: "port1",
      },
      { ...port, name: "port1", up: false, carrier: false, peer: "port0" },
      { ...port, name: "quilt0", up: true, carrier: false },
      { ...port, name: "underlay", up: true, carrier: true },
      { ...port, name: "vxlan100", up: true, carrier: true, mtu: 1400 },
    ],
  );
  const types = Object.fromEntries(links.map(({ name, type }) => [name, type]));
  assert.deepEqual(types, {
    lo: { kind: "other", name: "" },
    port0: { kind: "other", name: "veth" },
    port1: { kind: "other", name: "veth" },
    underlay: { kind: "other", name: "veth" },
    quilt0: { kind: "bridge" },
    vxlan100: {
      kind: "vxlan",
      vxlan: { vni: 100, port: 4789, local: "198.51.100.1", underlay: "underlay" },
    },
  });
});

Deno.test("Dataplane.dump reads addresses, settings, rules, the FDB and neighbours in one go, in any order", async () => {
  await using ground = await makeDataPath();
  await setConf("vxlan100", "proxy_arp", 1);
  await setConf("quilt0", "rp_filter", 1);
  await setConf("all", "rp_filter", 2);
  await setConf("all", "forwarding", 1);
  await setConf("underlay", "forwarding", 0);
  await using _settings = {
    [Symbol.asyncDispose]: async () => {
      await setConf("all", "rp_filter", 0);
      await setConf("all", "forwarding", 0);
      await batch(["rule delete priority 100", "rule delete priority 101"]);
    },
  };
  await run(fdb("append", "198.51.100.3"));
  await run(fdb("add", "198.51.100.2", "02:00:00:00:00:05"));
  await batch([
    "rule add priority 100 from 10.9.0.0/16 iif quilt0 table 142",
    "rule add priority 101 to 10.9.1.1 fwmark 7 unreachable",
    "neigh add 10.42.2.9 lladdr 02:00:00:00:00:09 dev vxlan100 nud permanent",
    "neigh add 10.42.2.10 dev vxlan100 nud none",
    "neigh add fd00::9 lladdr 02:00:00:00:00:09 dev vxlan100",
    "address add fd00::1/64 dev quilt0",
  ]);
  const [neighbours, forwarding, routes, settings, rules, addresses] = await dump(
    ground,
    [
      { kind: "neighbours", device: VXLAN100 },
      { kind: "forwarding-table" },
      { kind: "own-routes" },
      { kind: "netconf" },
      { kind: "policy-rules" },
      { kind: "addresses" },
    ],
  );
  const ofVxlan = { device: "vxlan100" };
  assert.deepEqual(answer(routes, "table").routes, []);
  assert.deepEqual(
    answer(neighbours, "neighbours").neighbours.toSorted((a, b) =>
      a.mac < b.mac ? 1 : -1
    ),
    [
      {
        ...ofVxlan,
        address: "10.42.2.9",
        mac: "02:00:00:00:00:09",
        state: "permanent",
      },
      { ...ofVxlan, address: "10.42.2.10", mac: "", state: "none" },
    ],
  );
  const entries = answer(forwarding, "forwarding-table").entries
    .filter(({ mac }) => /^0[02]:00:00:00:00:0[05]$/.test(mac));
  assert.deepEqual(
    entries.map((entry) => `${entry.device} ${entry.mac} ${entry.host}`).toSorted(),
    [
      "vxlan100 00:00:00:00:00:00 198.51.100.2",
      "vxlan100 00:00:00:00:00:00 198.51.100.3",
      "vxlan100 02:00:00:00:00:05 198.51.100.2",
    ],
  );
  assert.ok(entries.every(({ updatedSeconds }) => updatedSeconds < 60));
  const off = { forwarding: true, proxyArp: false, rpFilter: "off" };
  const found = answer(settings, "netconf").settings;
  const settingOf = (name: string | undefined) =>
    found.find((setting) => setting.device === name);
  assert.deepEqual(settingOf("vxlan100"), { ...off, ...ofVxlan, proxyArp: true });
  assert.deepEqual(settingOf("quilt0"), {
    ...off,
    device: "quilt0",
    rpFilter: "strict",
  });
  assert.deepEqual(settingOf("underlay"), {
    ...off,
    device: "underlay",
    forwarding: false,
  });
  assert.deepEqual(settingOf(undefined), {
    ...off,
    device: undefined,
    rpFilter: "loose",
  });
  assert.ok(found.every(({ device: name }) => name !== "default"));
  const any = { source: undefined, destination: undefined, iif: undefined };
  const plain = { ...any, isNarrower: false };
  assert.deepEqual(answer(rules, "policy-rules").rules, [
    { ...plain, priority: 0, table: 255 },
    { ...plain, priority: 100, source: "10.9.0.0/16", iif: "quilt0", table: 142 },
    {
      ...any,
      priority: 101,
      destination: "10.9.1.1/32",
      isNarrower: true,
      table: undefined,
    },
    { ...plain, priority: 32766, table: 254 },
    { ...plain, priority: 32767, table: 253 },
  ]);
  const ofBridge = answer(addresses, "addresses").addresses
    .filter(({ device: name }) => name === "quilt0");
  assert.deepEqual(ofBridge, [
    { device: "quilt0", address: "10.42.1.1", prefixLength: 24 },
  ]);
});

Deno.test("Dataplane.dump answers about routes and devices with details as without", async () => {
  await using ground = await makeDataPath();
  await batch([
    "route add 10.42.2.0/24 dev vxlan100 proto 142",
    "route add 10.42.2.0/24 via 198.51.100.2 metric 9 tos 0x10",
    "route add unreachable 10.42.3.0/24 table 142 proto 142 metric 142 window 7",
  ]);
  await using _table = {
    [Symbol.asyncDispose]: async () => void await ip("route flush table 142"),
  };
  const reads: readonly Read[] = [
    { kind: "own-routes" },
    { kind: "table-routes", table: 142 },
    { kind: "routes-within", cluster: cidr("10.42.0.0/16") },
    { kind: "exact-routes", destination: cidr("10.42.2.0/24") },
    { kind: "best-route", destination: cidr("10.42.2.0/24") },
    { kind: "link", device: VXLAN100 },
    { kind: "rules" },
    { kind: "addresses" },
    { kind: "netconf" },
    { kind: "policy-rules" },
    { kind: "neighbours", device: VXLAN100 },
    { kind: "look-up", address: address("10.42.2.7") },
  ];
  const plain = await dump(ground, reads);
  const detailed = await dump(ground, [...reads, { kind: "links" }]);
  assert.ok(plain.every(({ ok }) => ok), JSON.stringify(plain));
  assert.deepEqual(detailed.slice(0, -1), plain);
});

/** The results of look-ups in one batch. */
async function lookUp(
  { dataplane }: DataPathGround,
  addresses: readonly string[],
  from?: string,
): Promise<readonly LookedUp[]> {
  const operations = addresses.map((text): Operation => {
    const read = { kind: "look-up", address: address(text) } as const;
    const source = address("10.42.1.5");
    return from === undefined
      ? { command: read }
      : { command: { ...read, from: { source, device: device(from) } } };
  });
  const reply = await dataplane.run(operations);
  assert.ok(reply.kind === "answered");
  return reply.results.map((result) => answer(result, "look-up").result);
}

Deno.test("a look-up answers where the FIB sends a packet, and the kernel's words if nowhere", async () => {
  await using ground = await makeDataPath();
  await setConf("all", "forwarding", 1);
  await using _forwarding = {
    [Symbol.asyncDispose]: () => setConf("all", "forwarding", 0),
  };
  await batch([
    "route add 10.42.2.0/24 dev vxlan100 proto 142",
    "route add 10.42.3.0/24 via 198.51.100.7",
    "route add unreachable 10.42.4.0/24",
    "route add blackhole 10.42.5.0/24",
    "route add prohibit 10.42.6.0/24",
    "route add throw 10.42.7.0/24",
  ]);
  await using _routes = {
    [Symbol.asyncDispose]: async () => void await ip("route flush root 10.42.4.0/22"),
  };
  const asked = [2, 3, 4, 5, 6, 7, 99].map((octet) => `10.42.${octet}.7`);
  asked.push("10.42.1.1", "198.51.100.1", "10.42.1.255", "127.0.0.1");
  const expected: readonly LookedUp[] = [
    { kind: "through", device: VXLAN100, gateway: undefined },
    { kind: "through", device: device("underlay"), gateway: address("198.51.100.7") },
    { kind: "refused", why: "No route to host" },
    { kind: "refused", why: "Invalid argument" },
    { kind: "refused", why: "Permission denied" },
    { kind: "refused", why: "Network is unreachable" },
    { kind: "refused", why: "Network is unreachable" },
    { kind: "local" },
    { kind: "local" },
    { kind: "local" },
    { kind: "local" },
  ];
  assert.deepEqual(await lookUp(ground, asked), expected);
  const pids = ipChildren();
  assert.deepEqual(
    await lookUp(ground, asked.slice(0, -1), "quilt0"),
    expected.slice(0, -1),
  );
  // A refusal is an answer: the same ip goes on.
  assert.deepEqual(ipChildren(), pids);
  await setConf("quilt0", "forwarding", 0);
  assert.deepEqual(await lookUp(ground, ["10.42.2.7"], "quilt0"), [
    { kind: "refused", why: "No route to host" },
  ]);
});

Deno.test("a look-up from a device fails while there is none, and answers when it was made anew", async () => {
  await using ground = await makeDataPath();
  await setConf("all", "forwarding", 1);
  await using _forwarding = {
    [Symbol.asyncDispose]: () => setConf("all", "forwarding", 0),
  };
  await ip("route add 10.42.2.0/24 dev vxlan100");
  const through = [{ kind: "through", device: "vxlan100", gateway: undefined }];
  assert.deepEqual(await lookUp(ground, ["10.42.2.7"], "quilt0"), through);
  await ip("link delete quilt0");
  const from = { source: address("10.42.1.5"), device: device("quilt0") };
  const command = { kind: "look-up", address: address("10.42.2.7"), from } as const;
  const reply = await ground.dataplane.run([{ command }]);
  const [result] = reply.kind === "answered" ? reply.results : [];
  assert.ok(result?.ok === false && result.failure.kind === "no-device");
  await batch([
    "link add quilt0 type bridge",
    "address add 10.42.1.1/24 dev quilt0",
    "link set quilt0 up",
  ]);
  assert.deepEqual(await lookUp(ground, ["10.42.2.7"], "quilt0"), through);
});

Deno.test("Dataplane.dump answers the neighbours of a device that is gone with a failure, and nothing else is lost", async () => {
  await using ground = await makeDataPath();
  await ip("link delete vxlan100");
  const [neighbours, forwarding] = await dump(ground, [
    { kind: "neighbours", device: VXLAN100 },
    { kind: "forwarding-table" },
  ]);
  assert.ok(neighbours?.ok === false && neighbours.failure.kind === "no-device");
  const { entries } = answer(forwarding, "forwarding-table");
  assert.deepEqual(entries.filter((entry) => entry.device === VXLAN100), []);
});
