import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type DoctorReport,
  exitCodeOf,
  formatDoctor,
  type GroupedFinding,
} from "../../src/cli/doctor_report.ts";
import { EXIT_USAGE } from "../../src/cli/exit.ts";
import { explainNoAnswer } from "../../src/cli/no_answer.ts";
import {
  SETUP_IDS,
  type SetupFacts,
  setupFindings,
} from "../../src/cli/setup_checks.ts";
import { CHECKS } from "../../src/diagnose/checks.ts";
import { FINDING_IDS } from "../../src/diagnose/finding.ts";
import { parseCidr } from "../../src/ipam/cidr.ts";
import {
  checkClusterPolicy,
  checkNodeCidr,
  describeCidrFault,
} from "../../src/ipam/policy.ts";
import { describePending, PERMISSION_DENIED } from "../../src/routing/messages.ts";
import { TESTED_DENO_VERSION } from "../../src/shared/versions.ts";
import { DEFAULT_LISTEN_ADDRESS } from "../../src/transport/listen_address.ts";
import { PLANTED_FAULTS } from "../e2e/planted_faults.ts";
import { device } from "../support/fixtures.ts";
import { sampleFindings, withFindings } from "../support/findings_reference.ts";
import { codeOf, readPage } from "../support/pages.ts";
import { anyFacts } from "../unit/diagnose/any_facts.ts";

const page = readPage("docs/troubleshooting.md");

const EFFECTS = {
  "stops": "stop",
  "stops for a while": "stop for half a minute",
  "risk": "pass",
} as const;

Deno.test("docs/troubleshooting.md has each planted fault with its finding and what it does to packets", () => {
  const rows = page.rowsAbout("Fault");
  assert.deepEqual(
    rows.map(([title, id, effect]) => [title, id, effect]),
    PLANTED_FAULTS.map(({ effect, id, title }) => [
      title,
      `\`${id}\``,
      EFFECTS[effect],
    ]),
  );
  for (const [, , , after] of rows) {
    assert.match(after ?? "", /^[0-2]\.\d s$/);
  }
});

Deno.test("docs/troubleshooting.md has the message of every finding", async () => {
  assert.equal(
    page.text,
    await withFindings(page.text),
    "A check has changed: run deno task generate",
  );
  assert.deepEqual(
    page.rowsAbout("Finding").map(([cell]) => codeOf(cell)),
    FINDING_IDS,
  );
});

Deno.test("docs/troubleshooting.md says what to do about each finding without a command", () => {
  assert.deepEqual(
    page.rowsAbout("Without a command").map(([cell]) => codeOf(cell)),
    sampleFindings().filter(({ remedy }) => remedy.length === 0).map(({ id }) => id),
  );
});

Deno.test("docs/troubleshooting.md explains each word in capitals of a remedy", () => {
  const named = new Set(page.rowsAbout("Word").map(([cell]) => codeOf(cell)));
  const remedies = fc.sample(anyFacts, 1_000).flatMap((facts) =>
    CHECKS.flatMap((check) => check(facts)).flatMap(({ remedy }) => remedy)
  ).join("\n");
  const words = new Set(remedies.match(/\b[A-Z]{3,}\b/g));
  assert.ok(words.has("HOST"));
  assert.deepEqual([...words.difference(named)], []);
});

Deno.test("docs/troubleshooting.md has the common messages as calls return them", () => {
  const policy = checkClusterPolicy("10.42.0.0/16", 24);
  assert.ok(policy.ok);
  const refusalOf = (subnet: string) => {
    const checked = checkNodeCidr(subnet, policy.value);
    assert.ok(!checked.ok);
    return describeCidrFault(checked.fault, "Subnet");
  };
  assert.match(PERMISSION_DENIED, /^Permission denied: .+ needs CAP_NET_ADMIN/);
  assert.deepEqual(page.rowsAbout("Message").map(([cell]) => codeOf(cell)), [
    "Failed to connect to Quilt runtime",
    describePending("missing", device("vxlan100")),
    describePending("down", device("vxlan100")),
    "Permission denied: … needs CAP_NET_ADMIN …",
    refusalOf("10.42.0.0/16"),
    refusalOf("192.168.1.0/24"),
  ]);
});

/** A node whose sidecar has ended, and with it a route of its own. */
function leftNode(): DoctorReport {
  const policy = checkClusterPolicy("10.42.0.0/16", 24);
  const missing = parseCidr("10.42.2.0/24");
  assert.ok(policy.ok && missing.ok);
  const facts: SetupFacts = {
    deno: TESTED_DENO_VERSION,
    ip: { kind: "iproute2", version: "6.1.0", isOld: false },
    address: DEFAULT_LISTEN_ADDRESS,
    sidecar: {
      kind: "absent",
      ...explainNoAnswer("127.0.0.1:50051", { kind: "absent" }),
    },
    local: {
      kind: "diagnosed",
      findings: [],
      missing: [missing.value],
      outside: undefined,
      permitted: true,
    },
    options: { policy: policy.value, gatewayIndex: 1 },
    given: new Set(),
    notProbed: undefined,
  };
  return {
    authority: "127.0.0.1:50051",
    checkedBy: "ip",
    deno: facts.deno,
    ip: facts.ip,
    findings: setupFindings(facts).map((finding): GroupedFinding => ({
      ...finding,
      group: "set-up",
      device: "",
      destination: "",
      since: "",
    })),
    peers: undefined,
  };
}

Deno.test("docs/troubleshooting.md shows what doctor prints where no sidecar runs", () => {
  const shown = page.blocks.find(({ language, section }) =>
    language === "text" && section === "Doctor"
  );
  assert.deepEqual(shown?.lines, formatDoctor(leftNode()).split("\n"));
});

Deno.test("docs/troubleshooting.md names every finding of the set-up, the worst first", () => {
  const named = page.rowsAbout("Set-up").map(([cell]) => codeOf(cell));
  assert.deepEqual(named, SETUP_IDS);
});

Deno.test("docs/troubleshooting.md has every exit code of doctor", () => {
  const report = leftNode();
  const warnings = report.findings.map((finding) =>
    ({ ...finding, severity: "warning" }) as const
  );
  const codes = [
    exitCodeOf({ ...report, findings: [] }),
    exitCodeOf(report),
    EXIT_USAGE,
    exitCodeOf({ ...report, findings: warnings }),
  ];
  const named = page.rowsAbout("Code").map(([cell]) => Number(cell));
  assert.deepEqual(named, codes);
});
