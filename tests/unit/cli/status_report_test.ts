import assert from "node:assert/strict";
import {
  formatStatus,
  type NodeStatus,
  statusJson,
} from "../../../src/cli/status_report.ts";
import type { Finding } from "../../../src/api/gen/quilt/sidecar/v1/Finding.ts";
import type { Route } from "../../../src/api/gen/quilt/sidecar/v1/Route.ts";

const SINCE = { seconds: 1_700_000_000, nanos: 123_000_000 };

const UNCONFIGURED: NodeStatus = {
  network: { subnet: "", gateway: "", cluster_cidr: "10.42.0.0/16", revision: 0 },
  refusal: "",
  allocated: 0,
  free: 0,
  routes: [],
  dataPath: {
    kind: "told",
    diagnosis: { findings: [], diagnosed_at: SINCE, fault: "" },
  },
};

const BRIDGE_PORT: Finding = {
  id: "bridge-port",
  severity: "FINDING_SEVERITY_CRITICAL",
  device: "vxlan100",
  destination: "",
  found: "vxlan100 is a port of bridge quilt0",
  meaning: "The kernel accepts routes through it but no packet gets through",
  remedy: [
    "ip link set dev vxlan100 nomaster",
    "sysctl -w net.ipv4.conf.vxlan100.proxy_arp=1",
  ],
  since: SINCE,
};

const CONTENDED: Finding = {
  ...BRIDGE_PORT,
  id: "route-contended",
  severity: "FINDING_SEVERITY_WARNING",
  device: "",
  destination: "10.42.2.0/24",
  found: "Another process keeps deleting the route",
  meaning: "Packets to 10.42.2.0/24 are lost now and then",
  remedy: [],
};

const FORWARDING_OFF: Finding = {
  ...BRIDGE_PORT,
  id: "forwarding-off",
  device: "",
  found: "net.ipv4.ip_forward is 0",
  meaning: "The node forwards nothing",
  remedy: ["sysctl -w net.ipv4.ip_forward=1"],
};

/** The status with these findings. */
function found(status: NodeStatus, findings: Finding[], fault = ""): NodeStatus {
  const diagnosis = { findings, diagnosed_at: SINCE, fault };
  return { ...status, dataPath: { kind: "told", diagnosis } };
}

const INSTALLED: Route = {
  destination: "10.42.2.0/24",
  device: "vxlan100",
  state: "ROUTE_STATE_INSTALLED",
  reason: "",
  since: SINCE,
  confirmed: true,
  findings: [],
};

const PENDING: Route = {
  ...INSTALLED,
  destination: "10.42.113.0/24",
  device: "wg0",
  state: "ROUTE_STATE_PENDING",
  reason: "Interface 'wg0' is down",
};

const STATUS: NodeStatus = {
  ...UNCONFIGURED,
  network: {
    subnet: "10.42.1.0/24",
    gateway: "10.42.1.1",
    cluster_cidr: "10.42.0.0/16",
    revision: 7,
  },
  allocated: 12,
  free: 241,
  routes: [
    INSTALLED,
    { ...INSTALLED, destination: "10.42.13.0/24", confirmed: false },
    PENDING,
    { ...PENDING, destination: "10.42.114.0/24", confirmed: false },
  ],
};

Deno.test("formatStatus reports a node without a subnet, and prints no table", () => {
  assert.deepEqual(formatStatus(UNCONFIGURED).split("\n"), [
    "Data path     no findings",
    "Node subnet   not configured: no ConfigureNodeSubnet since the sidecar's start",
    "Cluster CIDR  10.42.0.0/16",
    "Addresses     0 allocated, 0 free",
    "Routes        0 installed, 0 pending; 0 unconfirmed",
  ]);
});

Deno.test("formatStatus and statusJson report the reason of a refused ConfigureNodeSubnet", () => {
  const refusal = "Permission denied: \u202e…";
  const shown = (status: NodeStatus) => formatStatus(status).split("\n")[1];
  const said = String.raw`last ConfigureNodeSubnet refused: Permission denied: \u202e`;
  assert.equal(
    shown({ ...UNCONFIGURED, refusal }),
    `Node subnet   not configured; ${said}…`,
  );
  assert.equal(
    shown({ ...STATUS, refusal }),
    `Node subnet   10.42.1.0/24, gateway 10.42.1.1; ${said}…`,
  );
  const json = JSON.parse(statusJson({ ...STATUS, refusal }));
  assert.equal(json.node_network.refusal, refusal);
});

Deno.test("formatStatus prints a row for every route, with its note", () => {
  assert.deepEqual(formatStatus(STATUS).split("\n"), [
    "Data path     no findings",
    "Node subnet   10.42.1.0/24, gateway 10.42.1.1",
    "Cluster CIDR  10.42.0.0/16",
    "Addresses     12 allocated, 241 free",
    "Routes        2 installed, 2 pending; 2 unconfirmed",
    "",
    "DESTINATION     DEVICE    STATE      SINCE                     NOTE",
    "10.42.2.0/24    vxlan100  installed  2023-11-14T22:13:20.123Z",
    "10.42.13.0/24   vxlan100  installed  2023-11-14T22:13:20.123Z  unconfirmed",
    "10.42.113.0/24  wg0       pending    2023-11-14T22:13:20.123Z  Interface 'wg0' is down",
    "10.42.114.0/24  wg0       pending    2023-11-14T22:13:20.123Z  unconfirmed; Interface 'wg0' is down",
  ]);
});

Deno.test("statusJson is one line of JSON with the same content", () => {
  const line = statusJson({ ...STATUS, routes: [INSTALLED, PENDING] });
  assert.equal(line.includes("\n"), false);
  const since = "2023-11-14T22:13:20.123Z";
  assert.deepEqual(JSON.parse(line), {
    node_network: { ...STATUS.network, refusal: "" },
    addresses: { allocated: 12, free: 241 },
    route_counts: { installed: 1, pending: 1, unconfirmed: 0 },
    routes: [
      { ...INSTALLED, state: "installed", since },
      { ...PENDING, state: "pending", since },
    ],
    data_path: { told: true, critical: 0, warnings: 0, diagnosed_at: since, fault: "" },
    findings: [],
  });
});

Deno.test("formatStatus shows the findings first, each with its remedy to be pasted, and their number", () => {
  const findings = [FORWARDING_OFF, BRIDGE_PORT, CONTENDED];
  assert.deepEqual(formatStatus(found(UNCONFIGURED, findings)).split("\n"), [
    "CRITICAL this node: net.ipv4.ip_forward is 0 (forwarding-off since 2023-11-14T22:13:20.123Z)",
    "  The node forwards nothing",
    "    sysctl -w net.ipv4.ip_forward=1",
    "",
    "CRITICAL vxlan100: vxlan100 is a port of bridge quilt0 (bridge-port since 2023-11-14T22:13:20.123Z)",
    "  The kernel accepts routes through it but no packet gets through",
    "    ip link set dev vxlan100 nomaster",
    "    sysctl -w net.ipv4.conf.vxlan100.proxy_arp=1",
    "",
    "WARNING 10.42.2.0/24: Another process keeps deleting the route (route-contended since 2023-11-14T22:13:20.123Z)",
    "  Packets to 10.42.2.0/24 are lost now and then",
    "",
    "Data path     2 critical, 1 warning",
    "Node subnet   not configured: no ConfigureNodeSubnet since the sidecar's start",
    "Cluster CIDR  10.42.0.0/16",
    "Addresses     0 allocated, 0 free",
    "Routes        0 installed, 0 pending; 0 unconfirmed",
  ]);
});

Deno.test("formatStatus names the findings of a route in its note, and counts such routes", () => {
  const routes = [
    { ...INSTALLED, findings: ["bridge-port", "route-contended"] },
    { ...PENDING, confirmed: false, findings: ["device-down"] },
  ];
  const lines = formatStatus({ ...STATUS, routes }).split("\n");
  assert.deepEqual(lines.slice(4), [
    "Routes        1 installed, 1 pending; 1 unconfirmed; 2 with findings",
    "",
    "DESTINATION     DEVICE    STATE      SINCE                     NOTE",
    "10.42.2.0/24    vxlan100  installed  2023-11-14T22:13:20.123Z  bridge-port, route-contended",
    "10.42.113.0/24  wg0       pending    2023-11-14T22:13:20.123Z  device-down; unconfirmed; Interface 'wg0' is down",
  ]);
});

/** What the summary says of the data path. */
function dataPathOf(status: NodeStatus): string {
  const line = formatStatus(status).split("\n")
    .find((each) => each.startsWith("Data path"));
  return line?.replace(/^Data path +/, "") ?? "";
}

Deno.test("formatStatus says if the findings are not current, or not told", () => {
  assert.equal(dataPathOf(found(STATUS, [CONTENDED, CONTENDED])), "2 warnings");
  assert.equal(
    dataPathOf(found(STATUS, [BRIDGE_PORT], "ip was lost\n")),
    String
      .raw`1 critical; not current, because the kernel could not be read: ip was lost\u000a`,
  );
  assert.equal(
    dataPathOf(found(STATUS, [], "ip was lost")),
    "not known, because the kernel could not be read: ip was lost",
  );
  const untold = (why: string) =>
    dataPathOf({ ...STATUS, dataPath: { kind: "not-told", why } });
  assert.equal(untold(""), "not told by this sidecar");
  assert.equal(
    untold("no answer came within 3 s"),
    "not told by this sidecar: no answer came within 3 s",
  );
});

Deno.test("statusJson has every field of each finding, and tells none from not told", () => {
  const findings = [BRIDGE_PORT, CONTENDED];
  const routes = [{ ...INSTALLED, findings: ["bridge-port"] }];
  const json = JSON.parse(statusJson(found({ ...STATUS, routes }, findings, "lost")));
  const since = "2023-11-14T22:13:20.123Z";
  assert.deepEqual(json.findings, [
    { ...BRIDGE_PORT, severity: "critical", since },
    { ...CONTENDED, severity: "warning", since },
  ]);
  assert.deepEqual(json.routes[0].findings, ["bridge-port"]);
  assert.deepEqual(json.data_path, {
    told: true,
    critical: 1,
    warnings: 1,
    diagnosed_at: since,
    fault: "lost",
  });
  const untold = JSON.parse(
    statusJson({ ...STATUS, dataPath: { kind: "not-told", why: "" } }),
  );
  assert.deepEqual([untold.data_path, untold.findings], [
    { told: false, critical: 0, warnings: 0, diagnosed_at: "", fault: "" },
    [],
  ]);
});

Deno.test("formatStatus prints 200,000 routes", () => {
  const routes = Array.from({ length: 200_000 }, () => INSTALLED);
  assert.equal(formatStatus({ ...STATUS, routes }).split("\n").length, 200_007);
});

Deno.test("formatStatus and statusJson escape invisible characters of a reason", () => {
  const reason = "Interface 'wg\u202e0\n' is down";
  const odd: NodeStatus = { ...STATUS, routes: [{ ...PENDING, reason }] };
  const text = formatStatus(odd);
  assert.ok(text.endsWith(String.raw`Interface 'wg\u202e0\u000a' is down`), text);
  const json = statusJson(odd);
  assert.doesNotMatch(json, /[^ -~]/);
  assert.equal(JSON.parse(json).routes[0].reason, reason);
});

Deno.test("formatStatus and statusJson escape invisible characters of a finding", () => {
  const odd = found(STATUS, [{ ...BRIDGE_PORT, found: "a\u202eb", remedy: ["c\nd"] }]);
  const [head = "", , command] = formatStatus(odd).split("\n");
  assert.ok(head.startsWith(String.raw`CRITICAL vxlan100: a\u202eb (`), head);
  assert.equal(command, String.raw`    c\u000ad`);
  assert.doesNotMatch(statusJson(odd), /[^ -~]/);
});

Deno.test("formatStatus and statusJson throw for a finding whose severity or time is not set", () => {
  const unset = [
    { ...BRIDGE_PORT, severity: "FINDING_SEVERITY_UNSPECIFIED" } as const,
    { ...BRIDGE_PORT, since: null },
  ];
  for (const finding of unset) {
    for (const format of [formatStatus, statusJson]) {
      assert.throws(() => format(found(STATUS, [finding])), TypeError);
    }
  }
});

Deno.test("formatStatus throws for a route whose state or time is not set", () => {
  const unset = [
    { ...INSTALLED, state: "ROUTE_STATE_UNSPECIFIED" } as const,
    { ...INSTALLED, since: null },
  ];
  for (const route of unset) {
    for (const format of [formatStatus, statusJson]) {
      assert.throws(() => format({ ...STATUS, routes: [route] }), TypeError);
    }
  }
});
