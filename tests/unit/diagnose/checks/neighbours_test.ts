import assert from "node:assert/strict";
import type { Neighbour, NeighbourState } from "../../../../src/dataplane/data_path.ts";
import { neighbourChecks } from "../../../../src/diagnose/checks/neighbours.ts";
import type { Facts } from "../../../../src/diagnose/facts.ts";
import { address } from "../../../support/fixtures.ts";
import { summarize } from "../findings.ts";
import {
  BRIDGE,
  entry,
  flood,
  healthyNode,
  HOST,
  linksWith,
  SECOND_HOST,
  SECOND_MAC,
  THIRD_HOST,
  THIRD_MAC,
  UNDERLAY,
  VXLAN,
  vxlanLink,
} from "../healthy_node.ts";

/** The MAC address that the second node's device has after it was made anew. */
const NEW_MAC = "02:00:00:00:00:0a";
const UNKNOWN_MAC = "02:00:00:00:00:0b";

const FLOOD = flood([SECOND_HOST, THIRD_HOST]);

/** What the kernel has learned 5 s after the second node's device was made anew. */
const REMADE = [
  ...FLOOD,
  entry(SECOND_MAC, SECOND_HOST, 7),
  entry(NEW_MAC, SECOND_HOST, 5),
  entry(THIRD_MAC, THIRD_HOST, 400),
];

/** The same after the kernel has forgotten the old MAC address. */
const FORGOTTEN = [
  ...FLOOD,
  entry(NEW_MAC, SECOND_HOST, 5),
  entry(THIRD_MAC, THIRD_HOST, 20),
];

function neighbour(
  host: string,
  state: NeighbourState,
  mac: string = SECOND_MAC,
): Neighbour {
  return { device: VXLAN, address: address(host), mac, state };
}

/** What the second node's host has asked for by ARP leaves an entry with its address. */
const OF_HOST = neighbour("198.51.100.2", "stale");
const OF_HOST_ANEW = neighbour("198.51.100.2", "stale", NEW_MAC);

function findings(change: Partial<Facts>) {
  return summarize(neighbourChecks(healthyNode(change)));
}

const STALE = {
  key: "neighbour-stale 10.42.2.0/24",
  severity: "critical",
  remedy: ["ip neigh del 10.42.2.2 dev vxlan100"],
};

for (const state of ["reachable", "delay", "probe", "permanent", "noarp"] as const) {
  Deno.test(`neighbourChecks find an entry in state ${state} with the old MAC address of a peer`, () => {
    for (const host of [OF_HOST, OF_HOST_ANEW]) {
      const neighbours = [host, neighbour("10.42.2.2", state)];
      assert.deepEqual(findings({ neighbours, forwarding: REMADE }), [STALE]);
      assert.deepEqual(findings({ neighbours, forwarding: FORGOTTEN }), [STALE]);
    }
  });
}

Deno.test("neighbourChecks say which MAC address was expected, and for how long packets are lost", () => {
  const of = (state: NeighbourState, forwarding = REMADE) =>
    neighbourChecks(
      healthyNode({ neighbours: [OF_HOST, neighbour("10.42.2.2", state)], forwarding }),
    )[0];
  assert.equal(
    of("reachable")?.found,
    "vxlan100 sends packets for 10.42.2.2 to 02:00:00:00:00:02, expected " +
      "02:00:00:00:00:0a, the MAC address of 198.51.100.2",
  );
  assert.match(of("reachable")?.meaning ?? "", / up to 53 s$/);
  assert.match(of("permanent")?.meaning ?? "", / until the entries are deleted$/);
  assert.match(of("stale")?.meaning ?? "", / after 8 s$/);
  assert.match(
    of("reachable", FORGOTTEN)?.found ?? "",
    /, expected the MAC address of a peer$/,
  );
});

Deno.test("neighbourChecks expect no MAC address to be learned of this node's own host", () => {
  const forwarding = [...flood([HOST]), ...FORGOTTEN];
  const neighbours = [OF_HOST, neighbour("10.42.2.2", "reachable")];
  assert.deepEqual(findings({ neighbours, forwarding }), [STALE]);
});

Deno.test("neighbourChecks only warn of an entry that nobody uses, until its MAC address is forgotten", () => {
  const neighbours = [OF_HOST, neighbour("10.42.2.2", "stale")];
  assert.deepEqual(
    findings({ neighbours, forwarding: REMADE }),
    [{ ...STALE, severity: "warning" }],
  );
  assert.deepEqual(findings({ neighbours, forwarding: FORGOTTEN }), []);
});

Deno.test("neighbourChecks name all entries of a destination in one finding", () => {
  const neighbours = [
    neighbour("10.42.2.2", "stale"),
    neighbour("10.42.3.2", "permanent", UNKNOWN_MAC),
    neighbour("10.42.2.7", "reachable"),
    neighbour("10.42.2.8", "reachable", NEW_MAC),
    // The address of a host is of no destination: its packets take the underlay.
    OF_HOST,
  ];
  assert.deepEqual(findings({ neighbours, forwarding: REMADE }), [
    {
      ...STALE,
      remedy: [
        "ip neigh del 10.42.2.2 dev vxlan100",
        "ip neigh del 10.42.2.7 dev vxlan100",
      ],
    },
    {
      key: "neighbour-stale 10.42.3.0/24",
      severity: "critical",
      remedy: ["ip neigh del 10.42.3.2 dev vxlan100"],
    },
  ]);
});

Deno.test("neighbourChecks accept entries that have no MAC address", () => {
  const states = ["incomplete", "failed", "none"] as const;
  const neighbours = states.flatMap((state) => [
    neighbour("10.42.2.2", state, ""),
    neighbour("10.42.2.3", state),
  ]);
  assert.deepEqual(findings({ neighbours, forwarding: REMADE }), []);
});

Deno.test("neighbourChecks accept a MAC address that nothing was learned of while a peer is not known", () => {
  const neighbours = [neighbour("10.42.2.2", "permanent", UNKNOWN_MAC)];
  for (
    const forwarding of [
      [],
      FLOOD,
      [...FLOOD, entry(THIRD_MAC, THIRD_HOST, 1)],
      [entry(THIRD_MAC, THIRD_HOST, 1)],
    ]
  ) assert.deepEqual(findings({ neighbours, forwarding }), []);
});

Deno.test("neighbourChecks accept two MAC addresses of a host while none is newer", () => {
  const neighbours = [OF_HOST, neighbour("10.42.2.2", "reachable")];
  const forwarding = [
    ...FLOOD,
    entry(SECOND_MAC, SECOND_HOST, 0),
    entry(NEW_MAC, SECOND_HOST, 0),
  ];
  assert.deepEqual(findings({ neighbours, forwarding }), []);
});

Deno.test("neighbourChecks accept two MAC addresses of a host that has none of them: its device is a port of a bridge", () => {
  const third = neighbour("198.51.100.3", "stale", THIRD_MAC);
  const neighbours = [third, neighbour("10.42.2.2", "reachable")];
  assert.deepEqual(findings({ neighbours, forwarding: REMADE }), []);
});

Deno.test("neighbourChecks accept a device that is a port of a bridge itself", () => {
  const neighbours = [OF_HOST, neighbour("10.42.2.2", "reachable")];
  const links = linksWith(vxlanLink({}, { master: BRIDGE }));
  assert.deepEqual(findings({ neighbours, forwarding: REMADE, links }), []);
});

Deno.test("neighbourChecks look at the overlay's devices alone", () => {
  const neighbours = [OF_HOST, neighbour("10.42.2.2", "reachable")]
    .map((each) => ({ ...each, device: UNDERLAY }));
  const forwarding = REMADE.map((each) => ({ ...each, device: UNDERLAY }));
  assert.deepEqual(findings({ neighbours, forwarding }), []);
});

Deno.test("neighbourChecks take of two MAC addresses of the same second the one from which the host asks", () => {
  const forwarding = [
    ...FLOOD,
    entry(SECOND_MAC, SECOND_HOST, 5),
    entry(NEW_MAC, SECOND_HOST, 5),
    entry(THIRD_MAC, THIRD_HOST, 20),
  ];
  const stale = neighbour("10.42.2.2", "reachable");
  assert.deepEqual(findings({ neighbours: [OF_HOST_ANEW, stale], forwarding }), [
    STALE,
  ]);
  assert.deepEqual(findings({ neighbours: [OF_HOST, stale], forwarding }), []);
  const fresh = neighbour("10.42.2.2", "reachable", NEW_MAC);
  assert.deepEqual(findings({ neighbours: [OF_HOST_ANEW, fresh], forwarding }), []);
});
