import assert from "node:assert/strict";
import fc from "fast-check";
import type { DataPathEvent } from "../../../../src/dataplane/data_path.ts";
import {
  parseDataPathEvent,
  watchDataPath,
} from "../../../../src/dataplane/iproute2/data_path_monitor.ts";
import { childrenOf, signalAll } from "../../../e2e/processes.ts";
import { until } from "../../../support/wait.ts";
import { bounded } from "../../../support/suite.ts";

// Lines as `ip -Numeric -oneline -statistics monitor …` of iproute2 6.1 wrote them.

const CHANGES = [
  "3: eth0    inet 192.0.2.1/24 scope 0 eth0\\       valid_lft forever preferred_lft forever",
  "Deleted 3: eth0    inet 10.0.0.1 peer 10.0.0.2/32 scope 0 eth0\\       valid_lft forever",
  "inet vxlan100 forwarding off rp_filter off mc_forwarding off proxy_neigh off ",
  "inet vxlan100 proxy_neigh on ",
  "inet all rp_filter loose ",
  "Deleted inet vxlan100 ",
  "100:\tfrom 10.9.0.0/16 iif quilt0 [detached] lookup 142",
  "101:\tfrom all 7",
  "Deleted 101:\tfrom all to 10.42.3.0/24 fwmark 0x10/0xff lookup 7",
  "4: vxlan100: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue state UNKNOWN " +
  "group 0 \\    link/[1] e2:b1:cf:7c:7e:95 brd ff:ff:ff:ff:ff:ff",
  "3: eth0@eth1: <BROADCAST,MULTICAST> mtu 1500 qdisc noqueue state DOWN group 0 ",
  "Deleted 4: vxlan100: <BROADCAST,MULTICAST,UP> mtu 1450 master quilt0 state UNKNOWN ",
  "192.0.2.2 dev vxlan100 lladdr 00:00:00:00:00:00  used 0/0/0NOARP PERMANENT ",
  "Deleted 192.0.2.2 dev vxlan100 lladdr 00:00:00:00:00:00  used 0/0/0NOARP PERMANENT ",
  "fd00::2 dev vxlan6 lladdr 00:00:00:00:00:00  used 0/0/0NOARP PERMANENT ",
  "192.0.2.2 dev vxlan100 lladdr f2:39:3a:2f:47:01  used 0/0/0REACHABLE ",
  "192.0.2.2 dev vxlan100 lladdr 02:00:00:00:00:05  used 0/0/0NOARP PERMANENT ",
];

const OTHERS = [
  [
    "an address of IPv6",
    "3: eth0    inet6 fe80::649d/64 scope 253 \\       valid_lft forever",
  ],
  ["a setting of IPv6", "inet6 vxlan100 forwarding off proxy_neigh off "],
  ["a setting of IPv6 that goes", "Deleted inet6 vxlan100 "],
  ["a rule of IPv6", "100:\tfrom fd00::/16 lookup 142"],
  ["a rule to IPv6", "Deleted 100:\tfrom all to 2001:db8::/32 lookup 142"],
  ["an entry of a bridge", "dev quilt0 lladdr fa:8f:dd:d1:d8:c0  used 0/0/0PERMANENT "],
  [
    "a neighbour of IPv6",
    "fd00::9 dev vxlan100 lladdr 02:00:00:00:00:09  ref 1 used 0/0/0probes 0 PERMANENT ",
  ],
  [
    "a neighbour of IPv6 on the loopback device",
    "::1 dev lo lladdr 00:00:00:00:00:00  ref 1 used 0/0/0probes 0 NOARP ",
  ],
  [
    "a multicast group",
    "Deleted 224.0.0.22 dev quilt0 lladdr 01:00:5e:00:00:16  used 0/0/0probes 0 NOARP ",
  ],
  ["a miss", "miss 10.42.2.9 dev vxlan100  used 0/0/0probes 0 STALE "],
  ["a proxy", "10.42.2.11 dev vxlan100 proxy "],
  [
    "a name that no command may have",
    "10.42.2.9 dev e$x  ref 1 used 0/0/0probes 6 FAILED ",
  ],
  ["nothing", ""],
] as const;

const NEIGHBOURS = [
  [
    "10.42.2.1 dev vxlan100 lladdr f2:39:3a:2f:47:01  ref 3 used 0/0/0probes 4 REACHABLE ",
    { address: "10.42.2.1", mac: "f2:39:3a:2f:47:01", state: "reachable" },
    false,
  ],
  [
    "10.42.2.77 dev vxlan100  ref 1 used 3/63/0probes 6 FAILED ",
    { address: "10.42.2.77", mac: "", state: "failed" },
    false,
  ],
  // As later versions write it.
  [
    "Deleted 10.42.2.1 dev vxlan100 used 0/0/0 probes 4 FAILED proto 5 ",
    { address: "10.42.2.1", mac: "", state: "failed" },
    true,
  ],
  [
    "10.42.2.51 dev vxlan100  used 0/0/0probes 0 ",
    { address: "10.42.2.51", mac: "", state: "none" },
    false,
  ],
] as const;

for (const line of CHANGES) {
  Deno.test(`parseDataPathEvent reads ${JSON.stringify(line)} as a change`, () => {
    assert.deepEqual(parseDataPathEvent(line), { kind: "changed" });
  });
}

for (const [what, line] of OTHERS) {
  Deno.test(`parseDataPathEvent reads ${what} as no event`, () => {
    assert.equal(parseDataPathEvent(line), undefined);
  });
}

for (const [line, expected, deleted] of NEIGHBOURS) {
  Deno.test(`parseDataPathEvent reads ${JSON.stringify(line)} as a neighbour`, () => {
    const neighbour = { device: "vxlan100", ...expected };
    assert.deepEqual(parseDataPathEvent(line), {
      kind: "neighbour",
      neighbour,
      deleted,
    });
  });
}

Deno.test("parseDataPathEvent never throws, whatever the line", () => {
  const token = fc.constantFrom(
    ..."Deleted 10.42.2.1 10.42.2.300 fd00::9 dev vxlan100 lladdr probes 0 FAILED NOARP"
      .split(" "),
    ..."inet inet6 00:00:00:00:00:00 miss used from all lookup".split(" "),
    "3: eth0    inet",
    "5: v1: <UP>",
    "5:\t",
    "\u0000",
    "",
  );
  const line = fc.oneof(
    fc.array(token, { maxLength: 12 }).map((many) => many.join(" ")),
    fc.array(token, { maxLength: 4 }).map((many) =>
      `10.42.2.1 dev v1 ${many.join(" ")} probes 0 FAILED`
    ),
    fc.string({ maxLength: 80, unit: "binary" }),
  );
  const seen = new Set<DataPathEvent["kind"] | undefined>();
  fc.assert(
    fc.property(line, (text) => void seen.add(parseDataPathEvent(text)?.kind)),
    {
      numRuns: bounded(20_000, 4_000),
    },
  );
  assert.deepEqual(seen, new Set([undefined, "changed", "neighbour"]));
});

Deno.test("parseDataPathEvent reads a line of 256 KiB in linear time", () => {
  const started = performance.now();
  for (const part of ["A", " ", "1", "1: ", "x dev ", "lladdr ", "probes 1 "]) {
    parseDataPathEvent(part.repeat(256 * 1024 / part.length));
    parseDataPathEvent(
      `10.42.2.1 dev v1 probes 0 ${part.repeat(200_000 / part.length)}`,
    );
  }
  assert.ok(performance.now() - started < 2_000);
});

Deno.test("watchDataPath reports one change after each restart of ip, and nothing else of it", async () => {
  const monitors = () =>
    childrenOf(Deno.pid).filter(({ command }) => command.includes("netconf"));
  const events: DataPathEvent[] = [];
  const watch = watchDataPath((event) => void events.push(event));
  for (let round = 1; round <= 4; round += 1) {
    await until(() => monitors().length === 1, { what: "an ip monitor" });
    assert.equal(events.length, round - 1);
    signalAll(monitors(), "SIGKILL");
    await until(() => events.length === round, { what: "a change" });
  }
  watch.close();
  await until(() => monitors().length === 0, { what: "the end of ip" });
  assert.deepEqual(events, Array.from({ length: 4 }, () => ({ kind: "changed" })));
});
