import assert from "node:assert/strict";
import {
  type DoctorJson,
  doctorJson,
  type DoctorReport,
  exitCodeOf,
  formatDoctor,
  type GroupedFinding,
  groupOf,
} from "../../../src/cli/doctor_report.ts";
import { toShown } from "../../../src/cli/finding_report.ts";
import type { ShownPeer } from "../../../src/cli/peer_findings.ts";
import { SCREEN } from "../../../src/cli/terminal.ts";
import type { FindingId, Severity } from "../../../src/diagnose/finding.ts";
import { type About, findingMessage } from "../api/memory_data_path.ts";
import { shapeOf } from "./json_shape.ts";

const HEALTHY: DoctorReport = {
  authority: "127.0.0.1:50051",
  checkedBy: "sidecar",
  deno: "2.9.3",
  ip: { kind: "iproute2", version: "6.1.0", isOld: false },
  findings: [],
  peers: undefined,
};

/** A finding that the sidecar reported. */
function reported(
  id: FindingId,
  severity: Severity,
  about: About = {},
): GroupedFinding {
  const shown = toShown(findingMessage(id, severity, about));
  return { ...shown, group: groupOf(shown) };
}

const NO_SIDECAR: GroupedFinding = {
  group: "set-up",
  id: "no-sidecar",
  severity: "warning",
  device: "",
  destination: "",
  found: "None runs",
  meaning: "It means warning",
  remedy: ["start one"],
  since: "",
};

const SINCE = "2023-11-14T22:13:20.123Z";

const PEER: ShownPeer = {
  destination: "10.42.2.0/24",
  device: "vxlan100",
  gateway: {
    address: "10.42.2.1",
    state: "answered",
    answered_after_ms: 0.5,
    reason: "",
  },
  proxied: {
    address: "10.42.2.254",
    state: "silent",
    answered_after_ms: null,
    reason: "",
  },
};

function lines(report: Partial<DoctorReport>): readonly string[] {
  return formatDoctor({ ...HEALTHY, ...report }).split("\n");
}

Deno.test("formatDoctor of a healthy node is a summary: each group, who has checked, the versions", () => {
  assert.deepEqual(lines({}), [
    "Set-up        no findings",
    "Node          no findings",
    "Devices       no findings",
    "Destinations  no findings",
    "Checked by    the sidecar on 127.0.0.1:50051",
    "Deno          2.9.3",
    "ip            iproute2 6.1.0",
  ]);
});

Deno.test("formatDoctor groups findings, the worst group and the worst finding of a group first", () => {
  const findings = [
    NO_SIDECAR,
    reported("rp-filter", "warning"),
    reported("mtu-too-large", "warning", { device: "vxlan100" }),
    reported("route-shadowed", "critical", { destination: "10.42.10.0/24" }),
    reported("route-shadowed", "critical", { destination: "10.42.9.0/24" }),
    reported("device-down", "critical", { device: "vxlan100" }),
  ];
  assert.deepEqual(lines({ findings }), [
    "Devices",
    `CRITICAL vxlan100: Found device-down (device-down since ${SINCE})`,
    "  It means critical",
    "    end device-down",
    "    and that is all",
    "",
    `WARNING vxlan100: Found mtu-too-large (mtu-too-large since ${SINCE})`,
    "  It means warning",
    "    end mtu-too-large",
    "    and that is all",
    "",
    "Destinations",
    `CRITICAL 10.42.9.0/24: Found route-shadowed (route-shadowed since ${SINCE})`,
    "  It means critical",
    "    end route-shadowed",
    "    and that is all",
    "",
    `CRITICAL 10.42.10.0/24: Found route-shadowed (route-shadowed since ${SINCE})`,
    "  It means critical",
    "    end route-shadowed",
    "    and that is all",
    "",
    "Set-up",
    "WARNING set-up: None runs (no-sidecar)",
    "  It means warning",
    "    start one",
    "",
    "Node",
    `WARNING this node: Found rp-filter (rp-filter since ${SINCE})`,
    "  It means warning",
    "    end rp-filter",
    "    and that is all",
    "",
    "Set-up        1 warning",
    "Node          1 warning",
    "Devices       1 critical, 1 warning",
    "Destinations  2 critical",
    "Checked by    the sidecar on 127.0.0.1:50051",
    "Deno          2.9.3",
    "ip            iproute2 6.1.0",
  ]);
});

Deno.test("formatDoctor says what nobody has checked, and by whom it was done", () => {
  const missing = { kind: "missing", why: "" } as const;
  assert.deepEqual(lines({ checkedBy: "nobody", ip: missing }).slice(0, 7), [
    "Set-up        no findings",
    "Node          not checked",
    "Devices       not checked",
    "Destinations  not checked",
    "Checked by    nobody: no sidecar on 127.0.0.1:50051 reported findings, and ip cannot be used",
    "Deno          2.9.3",
    "ip            not found",
  ]);
  const foreign = { kind: "foreign", why: "" } as const;
  assert.deepEqual(lines({ checkedBy: "ip", ip: foreign }).slice(4), [
    "Checked by    ip alone: no sidecar on 127.0.0.1:50051 reported findings",
    "Deno          2.9.3",
    "ip            not the ip of iproute2",
  ]);
});

Deno.test("formatDoctor has a row for each peer, with state and time to answer", () => {
  const other: ShownPeer = {
    ...PEER,
    destination: "10.42.13.0/24",
    gateway: { ...PEER.proxied, address: "10.42.13.1", state: "known" },
    proxied: {
      ...PEER.proxied,
      address: "10.42.13.254",
      state: "failed",
      reason: "Network is down\u001b",
    },
  };
  const shown = lines({ peers: [PEER, other] });
  assert.equal(shown[4], "Peers         1 answered, 1 known");
  assert.deepEqual(shown.slice(8), [
    "",
    "DESTINATION    DEVICE    GATEWAY                       BEHIND IT",
    "10.42.2.0/24   vxlan100  10.42.2.1 after 0.5 ms        10.42.2.254 silent",
    "10.42.13.0/24  vxlan100  10.42.13.1 known, not probed  10.42.13.254 failed: Network is down\\u001b",
  ]);
  assert.equal(lines({ peers: [] })[4], "Peers         no peers");
});

Deno.test("doctorJson is one line of JSON with the same content, all findings worst first", () => {
  const line = doctorJson({
    ...HEALTHY,
    checkedBy: "ip",
    findings: [NO_SIDECAR, reported("device-down", "critical", { device: "vxlan100" })],
    peers: [PEER],
  });
  assert.equal(line.includes("\n"), false);
  assert.deepEqual(JSON.parse(line), {
    version: 1,
    sidecar: { address: "127.0.0.1:50051", answers: false },
    checked_by: "ip",
    versions: { deno: "2.9.3", iproute2: "6.1.0" },
    counts: { critical: 1, warnings: 1 },
    findings: [
      {
        group: "devices",
        id: "device-down",
        severity: "critical",
        device: "vxlan100",
        destination: "",
        found: "Found device-down",
        meaning: "It means critical",
        remedy: ["end device-down", "and that is all"],
        since: SINCE,
      },
      NO_SIDECAR,
    ],
    peers: [PEER],
  });
  assert.deepEqual(JSON.parse(doctorJson(HEALTHY)).peers, []);
});

Deno.test("doctorJson has the shape of DoctorJson, version 1", () => {
  const printed: DoctorJson = JSON.parse(doctorJson({
    ...HEALTHY,
    findings: [NO_SIDECAR, reported("device-down", "critical", { device: "vxlan100" })],
    peers: [PEER],
  }));
  const address = { address: "string", state: "string", reason: "string" };
  assert.equal(printed.version, 1);
  assert.deepEqual(shapeOf(printed), {
    version: "number",
    sidecar: { address: "string", answers: "boolean" },
    checked_by: "string",
    versions: { deno: "string", iproute2: "string" },
    counts: { critical: "number", warnings: "number" },
    findings: [{
      group: "string",
      id: "string",
      severity: "string",
      device: "string",
      destination: "string",
      found: "string",
      meaning: "string",
      remedy: ["string"],
      since: "string",
    }],
    peers: [{
      destination: "string",
      device: "string",
      gateway: { ...address, answered_after_ms: "number" },
      proxied: { ...address, answered_after_ms: "null" },
    }],
  });
});

Deno.test("formatDoctor breaks lines at a terminal's width, but no command, and colours severities", () => {
  const long = "ip link set dev vxlan100 ".padEnd(90, "x");
  const finding = reported("device-down", "critical", { device: "vxlan100" });
  const report = {
    ...HEALTHY,
    checkedBy: "nobody",
    ip: { kind: "missing", why: "" },
    findings: [{ ...finding, remedy: [long] }],
    peers: [{ ...PEER, proxied: { ...PEER.proxied, address: "10.42.2.254" } }],
  } as const;
  const terminal = {
    ...SCREEN,
    hasControl: true,
    hasColour: false,
    hasUnicode: false,
  };
  const shown = formatDoctor(report, { ...terminal, columns: 60 }).split("\n");
  assert.deepEqual(shown, [
    "Devices",
    "CRITICAL vxlan100: Found device-down (device-down since",
    `  ${SINCE})`,
    "  It means critical",
    `    ${long}`,
    "",
    "Set-up        no findings",
    "Node          not checked",
    "Devices       1 critical",
    "Destinations  not checked",
    "Peers         1 answered",
    "Checked by    nobody: no sidecar on 127.0.0.1:50051 reported",
    "              findings, and ip cannot be used",
    "Deno          2.9.3",
    "ip            not found",
    "",
    "DESTINATION   DEVICE    GATEWAY                 BEHIND IT",
    "10.42.2.0/24  vxlan100  10.42.2.1 after 0.5 ms  10.42.2.254",
    "                    silent",
  ]);
  const [title, head] = formatDoctor(report, { ...terminal, hasColour: true })
    .split("\n");
  assert.equal(title, "\u001b[1mDevices\u001b[22m");
  assert.ok(head?.startsWith("\u001b[31mCRITICAL\u001b[39m vxlan100: "));
});

Deno.test("exitCodeOf is 0 without findings, 1 if one is critical, and 3 for warnings only", () => {
  const code = (...findings: readonly GroupedFinding[]) =>
    exitCodeOf({ ...HEALTHY, findings });
  const critical = reported("device-down", "critical", { device: "vxlan100" });
  assert.equal(code(), 0);
  assert.equal(code(NO_SIDECAR), 3);
  assert.equal(code(reported("rp-filter", "warning"), NO_SIDECAR), 3);
  assert.equal(code(critical), 1);
  assert.equal(code(NO_SIDECAR, critical), 1);
  assert.equal(code({ ...NO_SIDECAR, severity: "critical" }), 1);
});

Deno.test("groupOf puts a finding where it belongs", () => {
  assert.equal(
    reported("device-down", "critical", { device: "vxlan100" }).group,
    "devices",
  );
  const destination = "10.42.2.0/24";
  assert.equal(
    reported("route-shadowed", "critical", { destination }).group,
    "destinations",
  );
  assert.equal(reported("forwarding-off", "critical").group, "node");
});
