import assert from "node:assert/strict";
import fc from "fast-check";
import {
  describeDuration,
  formatStatus,
  type NodeStatus,
  type StatusJson,
  statusJson,
  type StatusView,
} from "../../../src/cli/status_report.ts";
import { displayWidth } from "../../../src/cli/display_width.ts";
import { readRouteFilter } from "../../../src/cli/route_filter.ts";
import { shapeOf } from "./json_shape.ts";
import { PLAIN, SCREEN, type Terminal } from "../../../src/cli/terminal.ts";
import type { OptionName } from "../../../src/cli/options.ts";
import { parseJsonObject } from "../../../deploy/json.ts";
import type { SidecarActivity } from "../../../src/api/gen/quilt/sidecar/v1/SidecarActivity.ts";
import type { Finding } from "../../../src/api/gen/quilt/sidecar/v1/Finding.ts";
import type { Route } from "../../../src/api/gen/quilt/sidecar/v1/Route.ts";

const SINCE = { seconds: 1_700_000_000, nanos: 123_000_000 };

const UNCONFIGURED: NodeStatus = {
  network: { subnet: "", gateway: "", cluster_cidr: "10.42.0.0/16", revision: 0 },
  refusal: "",
  activity: null,
  allocated: 0,
  free: 0,
  routes: [],
  dataPath: {
    kind: "reported",
    diagnosis: { findings: [], diagnosed_at: SINCE, fault: "" },
  },
};

/** 90 minutes after its start. */
const NOW_MS = Date.UTC(2023, 10, 14, 23, 43, 20, 200);

const ACTIVITY: SidecarActivity = {
  version: "0.1.0",
  started_at: SINCE,
  repairs: 2,
  last_failure: "",
  last_failure_at: null,
  options: [],
  audit_head: "ab".repeat(32),
  audit_written: 40,
  audit_lost: 0,
  log_lost: 0,
};

/** Everything, as a pipe gets it, unless the view says otherwise. */
function text(status: NodeStatus, view: Partial<StatusView> = {}): string {
  return formatStatus(status, {
    isSought: () => true,
    isVerbose: false,
    hasMap: false,
    terminal: PLAIN,
    nowMs: NOW_MS,
    ...view,
  });
}

function json(status: NodeStatus): string {
  return statusJson(status, { isSought: () => true });
}

/** A terminal of 80 columns and 24 rows, without colours. */
const VT100: Terminal = {
  ...SCREEN,
  hasControl: true,
  hasColour: false,
  hasUnicode: false,
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
  return { ...status, dataPath: { kind: "reported", diagnosis } };
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
  assert.deepEqual(text(UNCONFIGURED).split("\n"), [
    "Data path     no findings",
    "Node subnet   not configured: no ConfigureNodeSubnet since the sidecar's start",
    "Cluster CIDR  10.42.0.0/16",
    "Addresses     0 allocated, 0 free",
    "Routes        0 installed, 0 pending; 0 unconfirmed",
  ]);
});

Deno.test("formatStatus and statusJson report the reason of a refused ConfigureNodeSubnet", () => {
  const refusal = "Permission denied: \u202e…";
  const shown = (status: NodeStatus) => text(status).split("\n")[1];
  const line = String
    .raw`last ConfigureNodeSubnet refused: Permission denied: \u202e`;
  assert.equal(
    shown({ ...UNCONFIGURED, refusal }),
    `Node subnet   not configured; ${line}…`,
  );
  assert.equal(
    shown({ ...STATUS, refusal }),
    `Node subnet   10.42.1.0/24, gateway 10.42.1.1; ${line}…`,
  );
  const printed = JSON.parse(json({ ...STATUS, refusal }));
  assert.equal(printed.node_network.refusal, refusal);
});

Deno.test("formatStatus prints a row for every route, with its note", () => {
  assert.deepEqual(text(STATUS).split("\n"), [
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
  const line = json({ ...STATUS, routes: [INSTALLED, PENDING] });
  assert.equal(line.includes("\n"), false);
  const since = "2023-11-14T22:13:20.123Z";
  assert.deepEqual(JSON.parse(line), {
    version: 1,
    node_network: { ...STATUS.network, refusal: "" },
    addresses: { allocated: 12, free: 241 },
    route_counts: { installed: 1, pending: 1, unconfirmed: 0 },
    routes: [
      { ...INSTALLED, state: "installed", since },
      { ...PENDING, state: "pending", since },
    ],
    data_path: {
      reported: true,
      critical: 0,
      warnings: 0,
      diagnosed_at: since,
      fault: "",
    },
    findings: [],
    sidecar: null,
    audit: null,
    log: null,
  });
});

Deno.test("formatStatus shows the findings first, each with its remedy to be pasted, and their number", () => {
  const findings = [FORWARDING_OFF, BRIDGE_PORT, CONTENDED];
  assert.deepEqual(text(found(UNCONFIGURED, findings)).split("\n"), [
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
  const lines = text({ ...STATUS, routes }).split("\n");
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
  const line = text(status).split("\n")
    .find((each) => each.startsWith("Data path"));
  return line?.replace(/^Data path +/, "") ?? "";
}

Deno.test("formatStatus says if the findings are not current, or not reported", () => {
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
  const unreported = (why: string) =>
    dataPathOf({ ...STATUS, dataPath: { kind: "not-reported", why } });
  assert.equal(unreported(""), "not known: this sidecar is too old to report findings");
  assert.equal(
    unreported("no answer came within 3 s"),
    "not known: no answer came within 3 s",
  );
});

Deno.test("statusJson has every field of each finding, and tells none from not reported", () => {
  const findings = [BRIDGE_PORT, CONTENDED];
  const routes = [{ ...INSTALLED, findings: ["bridge-port"] }];
  const printed = JSON.parse(json(found({ ...STATUS, routes }, findings, "lost")));
  const since = "2023-11-14T22:13:20.123Z";
  assert.deepEqual(printed.findings, [
    { ...BRIDGE_PORT, severity: "critical", since },
    { ...CONTENDED, severity: "warning", since },
  ]);
  assert.deepEqual(printed.routes[0].findings, ["bridge-port"]);
  assert.deepEqual(printed.data_path, {
    reported: true,
    critical: 1,
    warnings: 1,
    diagnosed_at: since,
    fault: "lost",
  });
  const unreported = JSON.parse(
    json({ ...STATUS, dataPath: { kind: "not-reported", why: "" } }),
  );
  assert.deepEqual([unreported.data_path, unreported.findings], [
    { reported: false, critical: 0, warnings: 0, diagnosed_at: "", fault: "" },
    [],
  ]);
});

Deno.test("formatStatus prints 200,000 routes if it is verbose", () => {
  const routes = Array.from({ length: 200_000 }, () => INSTALLED);
  const view = { isVerbose: true };
  assert.equal(text({ ...STATUS, routes }, view).split("\n").length, 200_007);
});

Deno.test("formatStatus and statusJson escape invisible characters of a reason", () => {
  const reason = "Interface 'wg\u202e0\n' is down";
  const odd: NodeStatus = { ...STATUS, routes: [{ ...PENDING, reason }] };
  const shown = text(odd);
  assert.ok(shown.endsWith(String.raw`Interface 'wg\u202e0\u000a' is down`), shown);
  const printed = json(odd);
  assert.doesNotMatch(printed, /[^ -~]/);
  assert.equal(JSON.parse(printed).routes[0].reason, reason);
});

Deno.test("formatStatus and statusJson escape invisible characters of a finding", () => {
  const odd = found(STATUS, [{ ...BRIDGE_PORT, found: "a\u202eb", remedy: ["c\nd"] }]);
  const [head = "", , command] = text(odd).split("\n");
  assert.ok(head.startsWith(String.raw`CRITICAL vxlan100: a\u202eb (`), head);
  assert.equal(command, String.raw`    c\u000ad`);
  assert.doesNotMatch(json(odd), /[^ -~]/);
});

Deno.test("formatStatus and statusJson throw for a finding whose severity or time is not set", () => {
  const unset = [
    { ...BRIDGE_PORT, severity: "FINDING_SEVERITY_UNSPECIFIED" } as const,
    { ...BRIDGE_PORT, since: null },
  ];
  for (const finding of unset) {
    for (const format of [text, json]) {
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
    for (const format of [text, json]) {
      assert.throws(() => format({ ...STATUS, routes: [route] }), TypeError);
    }
  }
});

Deno.test("formatStatus shows how long the sidecar is up, its repairs, and what failed last", () => {
  const shown = (activity: Partial<SidecarActivity>) =>
    text({ ...STATUS, routes: [], activity: { ...ACTIVITY, ...activity } })
      .split("\n").slice(5);
  assert.deepEqual(shown({}), [
    "Sidecar       0.1.0, up 1 h 30 min, 2 repairs since its start",
  ]);
  assert.deepEqual(shown({ repairs: 1 }), [
    "Sidecar       0.1.0, up 1 h 30 min, 1 repair since its start",
  ]);
  const failed = {
    last_failure: "The kernel refused\n 10.42.2.0/24",
    last_failure_at: { seconds: SINCE.seconds + 60, nanos: 0 },
  };
  assert.deepEqual(shown(failed), [
    "Sidecar       0.1.0, up 1 h 30 min, 2 repairs since its start",
    String
      .raw`Last failure  2023-11-14T22:14:20.000Z The kernel refused\u000a 10.42.2.0/24`,
  ]);
  // The clock of the node may be ahead of the operator's.
  const ahead = { seconds: SINCE.seconds + 86_400, nanos: 0 };
  assert.deepEqual(shown({ started_at: ahead }), [
    "Sidecar       0.1.0, up 0 s, 2 repairs since its start",
  ]);
});

Deno.test("formatStatus shows how many records of the audit trail and lines of the log were lost, if any", () => {
  const lost = { ...ACTIVITY, audit_lost: 2, log_lost: 1 };
  const status = { ...STATUS, routes: [], activity: lost };
  assert.deepEqual(text(status).split("\n").slice(6), [
    "Audit trail   2 of 42 records lost; see docs/audit.md",
    "Log           1 line lost",
  ]);
  const { audit, log } = parseJsonObject(json(status));
  assert.deepEqual(audit, { head: "ab".repeat(32), written: 40, lost: 2 });
  assert.deepEqual(log, { lost: 1 });
  // A sidecar that is too old to tell it sends none of the fields.
  const old = { ...ACTIVITY, audit_head: "", audit_written: 0 };
  for (const activity of [null, old]) {
    const document = parseJsonObject(json({ ...STATUS, activity }));
    assert.deepEqual([document["audit"], document["log"]], [null, null]);
  }
});

Deno.test("describeDuration has the two largest units that are not zero at its beginning", () => {
  const [second, minute, hour, day] = [1_000, 60_000, 3_600_000, 86_400_000];
  const cases: readonly (readonly [ms: number, expected: string])[] = [
    [0, "0 s"],
    [999, "0 s"],
    [59 * second, "59 s"],
    [minute, "1 min 0 s"],
    [hour - 1, "59 min 59 s"],
    [hour + 59 * second, "1 h 0 min"],
    [day - 1, "23 h 59 min"],
    [3 * day + 4 * hour, "3 d 4 h"],
    [400 * day, "400 d 0 h"],
  ];
  for (const [ms, expected] of cases) assert.equal(describeDuration(ms), expected);
});

/** Routes to so many nodes, in ascending order. */
function many(count: number, of: (at: number) => Partial<Route> = () => ({})): Route[] {
  return Array.from({ length: count }, (_, at) => ({
    ...INSTALLED,
    destination: `10.${42 + Math.floor(at / 256)}.${at % 256}.0/24`,
    ...of(at),
  }));
}

Deno.test("formatStatus lists 16 routes, and of more only those that want attention", () => {
  assert.equal(text({ ...STATUS, routes: many(16) }).split("\n").length, 5 + 2 + 16);
  const summary = text(STATUS).split("\n").slice(0, 4);
  assert.deepEqual(text({ ...STATUS, routes: many(17) }).split("\n"), [
    ...summary,
    "Routes        17 installed, 0 pending; 0 unconfirmed",
    "",
    "17 routes, installed; --verbose lists all",
  ]);
  const routes = many(5_000, (at) => ({
    ...at === 7 ? { state: PENDING.state, reason: PENDING.reason } : {},
    ...at === 300 ? { confirmed: false } : {},
  }));
  assert.deepEqual(text({ ...STATUS, routes }).split("\n"), [
    ...summary,
    "Routes        4999 installed, 1 pending; 1 unconfirmed",
    "",
    "DESTINATION    DEVICE    STATE      SINCE                     NOTE",
    "10.42.7.0/24   vxlan100  pending    2023-11-14T22:13:20.123Z  Interface 'wg0' is down",
    "10.43.44.0/24  vxlan100  installed  2023-11-14T22:13:20.123Z  unconfirmed",
    "4998 more, installed; --verbose lists all",
  ]);
  const pending = many(5_000, () => ({ state: PENDING.state }));
  const flood = text({ ...STATUS, routes: pending }).split("\n");
  assert.equal(flood.length, 23);
  assert.equal(flood.at(-1), "4985 more; --verbose lists all");
  const verbose = text({ ...STATUS, routes: pending }, { isVerbose: true });
  assert.equal(verbose.split("\n").length, 5 + 2 + 5_000);
});

Deno.test("formatStatus of many routes lists one for the finding of its destination, not of its device", () => {
  const routes = many(100, (at) => ({
    findings: at === 2 ? ["route-contended", "bridge-port"] : ["bridge-port"],
  }));
  const shown = text(found({ ...STATUS, routes }, [BRIDGE_PORT, CONTENDED]));
  assert.deepEqual(shown.split("\n").slice(-3), [
    "DESTINATION   DEVICE    STATE      SINCE                     NOTE",
    "10.42.2.0/24  vxlan100  installed  2023-11-14T22:13:20.123Z  route-contended, bridge-port",
    "99 more, installed; --verbose lists all",
  ]);
});

Deno.test("formatStatus of many routes shows the worst findings, and how many more there are", () => {
  const findings = [FORWARDING_OFF, BRIDGE_PORT, CONTENDED, BRIDGE_PORT, CONTENDED];
  const brief = text(found({ ...STATUS, routes: many(100) }, findings)).split("\n");
  assert.deepEqual(brief.slice(0, 15), [
    ...text(found(STATUS, findings.slice(0, 3))).split("\n").slice(0, 12),
    "2 more findings; doctor shows all",
    "",
    "Data path     3 critical, 2 warnings",
  ]);
  const few = text(found({ ...STATUS, routes: many(16) }, findings));
  assert.equal(few.split("\n").length, 4 + 5 + 3 + 5 + 3 + 5 + 2 + 16);
});

Deno.test("formatStatus of many routes leaves room for four of them below several findings", () => {
  const routes = many(100, () => ({ state: PENDING.state }));
  const findings = [BRIDGE_PORT, BRIDGE_PORT, BRIDGE_PORT];
  const lines = text(found({ ...STATUS, routes }, findings)).split("\n");
  assert.equal(lines.length, 23);
  assert.equal(lines[5], "2 more findings; doctor shows all");
  assert.equal(lines.filter((line) => line.includes("  pending  ")).length, 8);
});

Deno.test("formatStatus of few routes is brief only if nobody can scroll and there is too much", () => {
  const findings = [FORWARDING_OFF, BRIDGE_PORT, CONTENDED];
  const crowded = found({ ...STATUS, routes: many(16) }, findings);
  const wide: Terminal = { ...VT100, columns: 120 };
  const rows = (view: Partial<StatusView>) => text(crowded, view).split("\n").length;
  assert.equal(rows({ terminal: wide }), 35);
  assert.equal(rows({ terminal: wide, mustFit: true, isVerbose: true }), 35);
  assert.ok(rows({ terminal: wide, mustFit: true }) < wide.rows);
  assert.equal(rows({ terminal: { ...wide, rows: 36 }, mustFit: true }), 35);
  assert.ok(rows({ terminal: { ...wide, rows: 35 }, mustFit: true }) < 35);
  const [first] = text(crowded, { terminal: { ...wide, rows: 8 }, mustFit: true })
    .split("\n");
  assert.equal(first, "Data path     2 critical, 1 warning; doctor shows them");
});

Deno.test("formatStatus counts all routes, and lists those that the filters leave", () => {
  const listed = (...options: readonly (readonly [OptionName, string])[]) => {
    const filter = readRouteFilter(new Map(options));
    assert.ok(filter.ok);
    const lines = text(STATUS, { isSought: filter.value }).split("\n");
    assert.equal(lines[4], "Routes        2 installed, 2 pending; 2 unconfirmed");
    return lines.slice(7).map((line) => line.split(" ", 1)[0]);
  };
  assert.deepEqual(listed(["pending", ""]), ["10.42.113.0/24", "10.42.114.0/24"]);
  assert.deepEqual(listed(["unconfirmed", ""]), ["10.42.13.0/24", "10.42.114.0/24"]);
  assert.deepEqual(listed(["device", "vxlan100"]), ["10.42.2.0/24", "10.42.13.0/24"]);
  assert.deepEqual(listed(["destination", "10.42.13.7"]), ["10.42.13.0/24"]);
  const none = text(STATUS, { isSought: () => false }).split("\n");
  assert.deepEqual(none.slice(5), ["", "No route matches"]);
});

Deno.test("formatStatus breaks lines at a terminal's width, but no command, and sets notes under their routes", () => {
  const command = `ip link set dev vxlan100 ${"nomaster ".repeat(9)}`.trimEnd();
  const status = found(
    {
      ...STATUS,
      routes: [INSTALLED, PENDING, { ...PENDING, findings: ["device-down"] }],
      activity: {
        ...ACTIVITY,
        last_failure: "The kernel refused 10.42.2.0/24: Operation not permitted",
        last_failure_at: SINCE,
      },
    },
    [{ ...BRIDGE_PORT, remedy: [command] }],
  );
  assert.deepEqual(text(status, { terminal: VT100 }).split("\n"), [
    "CRITICAL vxlan100: vxlan100 is a port of bridge quilt0 (bridge-port since",
    "  2023-11-14T22:13:20.123Z)",
    "  The kernel accepts routes through it but no packet gets through",
    `    ${command}`,
    "",
    "Data path     1 critical",
    "Node subnet   10.42.1.0/24, gateway 10.42.1.1",
    "Cluster CIDR  10.42.0.0/16",
    "Addresses     12 allocated, 241 free",
    "Routes        1 installed, 2 pending; 0 unconfirmed; 1 with findings",
    "Sidecar       0.1.0, up 1 h 30 min, 2 repairs since its start",
    "Last failure  2023-11-14T22:13:20.123Z The kernel refused 10.42.2.0/24:",
    "              Operation not permitted",
    "",
    "DESTINATION     DEVICE    STATE      SINCE",
    "10.42.2.0/24    vxlan100  installed  2023-11-14T22:13:20.123Z",
    "10.42.113.0/24  wg0       pending    2023-11-14T22:13:20.123Z",
    "                Interface 'wg0' is down",
    "10.42.113.0/24  wg0       pending    2023-11-14T22:13:20.123Z",
    "                device-down; Interface 'wg0' is down",
  ]);
});

Deno.test("formatStatus colours what is wrong and what is well, and nothing without colours", () => {
  const status = found({ ...STATUS, routes: [INSTALLED, PENDING] }, [CONTENDED]);
  const colour = text(status, { terminal: { ...PLAIN, hasColour: true } });
  const lines = colour.split("\n");
  assert.ok(colour.startsWith("\u001b[33mWARNING\u001b[39m 10.42.2.0/24: "), colour);
  assert.deepEqual(lines.slice(-3), [
    "\u001b[1mDESTINATION     DEVICE    STATE      SINCE                     NOTE\u001b[22m",
    "10.42.2.0/24    vxlan100  \u001b[32minstalled\u001b[39m  2023-11-14T22:13:20.123Z",
    "10.42.113.0/24  wg0       \u001b[33mpending\u001b[39m    2023-11-14T22:13:20.123Z  " +
    "Interface 'wg0' is down",
  ]);
  const plain = lines.map((line) =>
    line.split("\u001b").map((part, at) =>
      at === 0 ? part : part.replace(/^\[\d+m/, "")
    )
      .join("")
  );
  assert.deepEqual(plain, text(status).split("\n"));
});

const someRoute = fc.record({
  state: fc.constantFrom(INSTALLED.state, PENDING.state),
  confirmed: fc.boolean(),
  reason: fc.constantFrom("", PENDING.reason, "It is long: " + "word ".repeat(40)),
  findings: fc.subarray(["bridge-port", "route-contended"]),
});

const someStatus = fc.record({
  routes: fc.array(someRoute, { maxLength: 40 }),
  repeated: fc.constantFrom(1, 125),
  findings: fc.array(
    fc.constantFrom(FORWARDING_OFF, BRIDGE_PORT, CONTENDED),
    { maxLength: 12 },
  ),
  lastFailure: fc.constantFrom("", "The kernel refused it"),
  hasMap: fc.boolean(),
  columns: fc.integer({ min: 80, max: 200 }),
  rows: fc.integer({ min: 24, max: 100 }),
});

Deno.test("formatStatus of however many routes and findings fits on a screen of 24 rows and more, if it must", () => {
  const seen = { brief: 0, whole: 0 };
  fc.assert(fc.property(someStatus, (some) => {
    const kinds = Array.from({ length: some.repeated }, () => some.routes).flat();
    const status = found(
      {
        ...STATUS,
        routes: many(kinds.length, (at) => kinds[at] ?? {}),
        activity: {
          ...ACTIVITY,
          last_failure: some.lastFailure,
          last_failure_at: SINCE,
        },
      },
      some.findings,
    );
    const { columns, hasMap, rows } = some;
    const terminal = { ...VT100, columns, rows };
    const shown = text(status, { terminal, hasMap, mustFit: true });
    const lines = shown.split("\n");
    seen[/--verbose|doctor shows/.test(shown) ? "brief" : "whole"] += 1;
    // A map of 16 rows, and a failure besides, are one row too many for 24.
    const most = hasMap && some.lastFailure !== "" ? Math.max(24, rows - 1) : rows - 1;
    assert.ok(lines.length <= most, shown);
    for (const line of lines) {
      assert.ok(displayWidth(line) <= columns, line);
      assert.equal(line, line.trimEnd());
    }
    if (kinds.length > 16) {
      assert.equal(
        text(status, { terminal, hasMap }),
        shown,
        "as without being a must",
      );
    }
  }));
  assert.ok(seen.brief > 10 && seen.whole > 10, JSON.stringify(seen));
});

Deno.test("statusJson has the shape of StatusJson, version 1", () => {
  const finding = {
    id: "string",
    severity: "string",
    device: "string",
    destination: "string",
    found: "string",
    meaning: "string",
    remedy: ["string"],
    since: "string",
  };
  const route = {
    destination: "string",
    device: "string",
    state: "string",
    reason: "string",
    since: "string",
    confirmed: "boolean",
    findings: ["string"],
  };
  const status = found({
    ...STATUS,
    routes: [{ ...INSTALLED, findings: ["bridge-port"] }],
    activity: { ...ACTIVITY, last_failure: "It failed", last_failure_at: SINCE },
  }, [BRIDGE_PORT]);
  const printed: StatusJson = JSON.parse(json(status));
  assert.equal(printed.version, 1);
  assert.deepEqual(shapeOf(printed), {
    version: "number",
    node_network: {
      subnet: "string",
      gateway: "string",
      cluster_cidr: "string",
      revision: "number",
      refusal: "string",
    },
    addresses: { allocated: "number", free: "number" },
    route_counts: { installed: "number", pending: "number", unconfirmed: "number" },
    routes: [route],
    data_path: {
      reported: "boolean",
      critical: "number",
      warnings: "number",
      diagnosed_at: "string",
      fault: "string",
    },
    findings: [finding],
    sidecar: {
      version: "string",
      started_at: "string",
      repairs: "number",
      last_failure: "string",
      last_failure_at: "string",
    },
    audit: { head: "string", written: "number", lost: "number" },
    log: { lost: "number" },
  });
  assert.deepEqual(printed.sidecar, {
    version: "0.1.0",
    started_at: "2023-11-14T22:13:20.123Z",
    repairs: 2,
    last_failure: "It failed",
    last_failure_at: "2023-11-14T22:13:20.123Z",
  });
  const { sidecar: quiet }: StatusJson = JSON.parse(
    json({ ...STATUS, activity: ACTIVITY }),
  );
  assert.deepEqual([quiet?.last_failure, quiet?.last_failure_at], ["", ""]);
});

Deno.test("statusJson counts all routes, and has those that the filters leave", () => {
  const filtered = statusJson(STATUS, { isSought: ({ confirmed }) => !confirmed });
  const { route_counts: counts, routes } = JSON.parse(filtered);
  assert.deepEqual(counts, { installed: 2, pending: 2, unconfirmed: 2 });
  assert.deepEqual(
    routes.map(({ destination }: Route) => destination),
    ["10.42.13.0/24", "10.42.114.0/24"],
  );
});
