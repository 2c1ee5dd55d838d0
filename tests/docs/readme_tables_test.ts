import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import {
  type DoctorReport,
  exitCodeOf,
  formatDoctor,
  type GroupedFinding,
} from "../../src/cli/doctor_report.ts";
import { EXIT_USAGE } from "../../src/cli/exit.ts";
import {
  SETUP_IDS,
  type SetupFacts,
  setupFindings,
} from "../../src/cli/setup_checks.ts";
import { refuseDenoVersion, TESTED_DENO_VERSION } from "../../src/shared/versions.ts";
import { AuditLog } from "../../src/dataplane/audit_log.ts";
import { HASH_CHAIN } from "../../src/observability/hash_chain.ts";
import { LOG_LEVELS } from "../../src/observability/logger.ts";
import type { NotExecuted } from "../../src/reconcile/ports.ts";
import {
  describeLost,
  describeRefused,
  PERMISSION_DENIED,
} from "../../src/routing/messages.ts";
import { DEADLINE_EXCEEDED } from "../../src/shared/deadline_exceeded.ts";
import { QUILT_RUNTIME } from "../../src/api/proto_registry.ts";
import { notExecutedReply } from "../../src/api/unary_handler.ts";
import { done, type Host, makeQuietNamespace, openHost, refused } from "../e2e/host.ts";
import { objectAt, parseJsonObject } from "../../deploy/json.ts";
import { explainNoAnswer } from "../../src/cli/no_answer.ts";
import { parseCidr } from "../../src/ipam/cidr.ts";
import { checkClusterPolicy } from "../../src/ipam/policy.ts";
import { DEFAULT_LISTEN_ADDRESS } from "../../src/transport/listen_address.ts";
import { BUSYBOX, makeIp } from "../support/foreign_ip.ts";
import { startQuilt } from "../support/quilt.ts";
import { codeIn } from "../support/markdown.ts";
import { document, readme } from "../support/readme.ts";
import {
  parseDenoRun,
  repository,
  serveCommand,
  serveCommandInPath,
  serveTask,
} from "../support/serve_task.ts";
import { serveToEnd } from "../support/sidecar.ts";
import type { Finished, Namespace } from "../support/namespace.ts";

/** The rows of the table whose first column has this heading. */
function rowsAbout(about: string, section: string): readonly (readonly string[])[] {
  const rows = document.rows.filter((row) =>
    row.about === about && row.section === section
  );
  assert.notEqual(rows.length, 0, `No table about ${about} in "${section}"`);
  return rows.map(({ cells }) => cells);
}

/** The first code of a cell. */
function codeOf(cell = ""): string {
  const [code] = codeIn(cell);
  assert.ok(code !== undefined, cell);
  return code;
}

/** Makes the call of a cell, e.g. `InjectRoute("10.42.2.0/24", "vxlan100")`. */
function callAsWritten({ client }: Host, written: string) {
  const [, rpc, words] = /^(\w+)\((.*)\)$/.exec(written) ?? [];
  const [first, second] = [...(words ?? "").matchAll(/"([^"]*)"/g)].map(([, w]) => w);
  assert.ok(first !== undefined, written);
  switch (rpc) {
    case "ConfigureNodeSubnet":
      return client.configureNodeSubnet(first);
    case "InjectRoute":
      return client.injectRoute(first, second ?? "");
    case "RemoveRoute":
      return client.removeRoute(first);
    default:
      throw new Error(`Cannot call ${written}`);
  }
}

Deno.test("README.md names every RPC of the frozen service, and no other", () => {
  const named = rowsAbout("RPC", "What the agent can ask").map(([cell]) =>
    codeOf(cell)
  );
  assert.deepEqual(named, Object.keys(QUILT_RUNTIME));
});

Deno.test("README.md has the sentence of each refusal", async () => {
  await using host = await openHost({
    before: [
      "link add vxlan101 type vxlan id 101 dstport 4789 local 127.0.0.1 dev lo",
      "link add quilt0 type bridge",
      "address add 10.42.5.1/24 dev quilt0",
      "link set quilt0 up",
    ],
  });
  await using quilt = startQuilt(host.namespace);
  assert.deepEqual(await host.client.configureNodeSubnet("10.42.1.0/24"), done);
  assert.equal(await quilt.allocate("3f4e8a"), "10.42.1.2");
  for (const [call, error] of rowsAbout("Call", "What the agent can ask")) {
    assert.deepEqual(await callAsWritten(host, codeOf(call)), refused(codeOf(error)));
  }
});

Deno.test("README.md has each status other than OK with its message", () => {
  const undone: readonly NotExecuted[] = [
    { kind: "shutting-down" },
    { kind: "queue-full" },
    { kind: "caller-gone" },
  ];
  const replies = undone.map(notExecutedReply)
    .map(({ code, details }) => [status[code], details]);
  const rows = rowsAbout("Status", "What the agent can ask")
    .map((cells) => cells.map(codeOf));
  assert.deepEqual(rows, [...replies, ["DEADLINE_EXCEEDED", DEADLINE_EXCEEDED]]);
});

Deno.test("README.md quotes the sentences that stand outside of its tables", () => {
  for (
    const sentence of [
      PERMISSION_DENIED,
      describeRefused("10.42.2.0/24", "…"),
      describeLost("10.42.2.0/24", "…"),
    ]
  ) {
    assert.ok(readme.includes(sentence), sentence);
  }
});

/** Runs the command of a row under its condition, e.g. "`serve` without iproute2". */
async function startAsWritten(namespace: Namespace, cell: string): Promise<Finished> {
  const [, ...options] = codeOf(cell).split(" ");
  const [, condition = ""] = /^`[^`]*` ?(.*)$/.exec(cell) ?? [];
  switch (condition) {
    case "":
      return await serveToEnd(namespace, options);
    case "without iproute2":
      return await namespace.run(serveCommandInPath(options));
    case "with the `ip` of BusyBox": {
      using busybox = makeIp(BUSYBOX);
      const path = `${busybox.directory}:${Deno.env.get("PATH")}`;
      return await namespace.run(["env", `PATH=${path}`, ...serveCommand(options)]);
    }
    case "while another one serves": {
      await using other = await openHost();
      return await serveToEnd(other.namespace, options);
    }
    default: {
      const [, version = ""] = /^on Deno (\S+)$/.exec(condition) ?? [];
      return { code: 1, stdout: "", stderr: refuseDenoVersion(version) ?? "" };
    }
  }
}

Deno.test("README.md has each error that ends serve at its start, with the exit code", async () => {
  await using namespace = await makeQuietNamespace();
  for (const [cell = "", line, code] of rowsAbout("Command", "Command line")) {
    const ended = await startAsWritten(namespace, cell);
    const logged = ended.stderr.trim().split("\n").at(-1)?.replace(/^\S+Z ERROR: /, "");
    assert.deepEqual([logged, `${ended.code}`], [codeOf(line), code]);
  }
});

Deno.test("README.md names every level of the log", () => {
  const named = rowsAbout("Level", "Log and audit trail").flatMap((cells) =>
    codeIn(cells.join(" "))
  );
  assert.deepEqual(named, LOG_LEVELS.toReversed());
});

Deno.test("README.md names every field of an audit record, in their order", () => {
  const lines: string[] = [];
  const trail = new AuditLog({
    write: (line) => lines.push(line),
    dropped: 0,
    flush: () => Promise.resolve(),
  });
  trail.record({
    cause: {
      rpc: "InjectRoute",
      peer: "127.0.0.1:40112",
      subject: "CN=agent",
      trace: { traceId: "ab".repeat(16), spanId: "cd".repeat(8), flags: 1 },
    },
    command: "route add 10.42.2.0/24 dev vxlan100 proto 142",
    outcome: "done",
    failure: "",
    durationMs: 0.294,
  });
  const named = rowsAbout("Field", "Log and audit trail").map(([cell]) => codeOf(cell));
  const { line } = HASH_CHAIN.seal(lines[0] ?? "", HASH_CHAIN.first);
  assert.deepEqual(named, Object.keys(parseJsonObject(line)));
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

Deno.test("README.md shows what doctor prints where no sidecar runs", () => {
  const shown = document.blocks.find(({ language, section }) =>
    language === "text" && section === "Doctor"
  );
  assert.deepEqual(shown?.lines, formatDoctor(leftNode()).split("\n"));
});

Deno.test("README.md names every finding of the set-up, the worst first", () => {
  const named = rowsAbout("Set-up", "Doctor").map(([cell]) => codeOf(cell));
  assert.deepEqual(named, SETUP_IDS);
});

Deno.test("README.md has every exit code of doctor", () => {
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
  const named = rowsAbout("Code", "Doctor").map(([cell]) => Number(cell));
  assert.deepEqual(named, codes);
});

Deno.test("README.md has a reason for every flag of the serve task", () => {
  const named = rowsAbout("Flag", "Sandbox").map(([cell]) => codeOf(cell));
  assert.deepEqual(named.toSorted(), serveTask().flags.toSorted());
});

Deno.test("README.md uses the flags of the serve task for another port", () => {
  const written = /^npx .* -c 'exec (.*? src\/main\.ts serve) --grpc-addr/m.exec(
    readme,
  )?.[1] ?? "";
  assert.deepEqual(parseDenoRun(written.replaceAll("50052", "50051")), serveTask());
});

Deno.test("README.md pins the tested Deno, and names the versions that are refused", () => {
  const pins = [...readme.matchAll(/deno@([\d.]+)/g)].map(([, version]) => version);
  assert.deepEqual([...new Set(pins)], [TESTED_DENO_VERSION]);
  const sentence = /Deno (\S+) to (\S+) and those before (\S+) are refused/.exec(
    readme,
  );
  const [, first = "", last = "", working = ""] = sentence ?? [];
  assert.deepEqual([first, last].map(refuseDenoVersion).filter(Boolean).length, 2);
  assert.equal(refuseDenoVersion(`${working}.0`), undefined);
  assert.equal(refuseDenoVersion(TESTED_DENO_VERSION), undefined);
});

Deno.test("README.md names only tasks that exist", () => {
  const config = parseJsonObject(Deno.readTextFileSync(`${repository}/deno.json`));
  const tasks = Object.keys(objectAt(config, "tasks"));
  const named = [...readme.matchAll(/\bdeno(?:@[\d.]+)? task (?:--quiet )?([\w:-]+)/g)]
    .map(([, task = ""]) => task);
  assert.deepEqual(named.filter((task) => !tasks.includes(task)), []);
  assert.ok(named.includes("bench"));
});

Deno.test("README.md lists every folder of src", () => {
  const layout = document.blocks.find(({ language, section }) =>
    language === "text" && section === "Development"
  );
  const shown = (layout?.lines ?? []).map((line) => line.split(" ")[0] ?? "");
  for (const path of shown) Deno.statSync(`${repository}/${path}`);
  const parts = [...Deno.readDirSync(`${repository}/src`)]
    .filter(({ isDirectory }) => isDirectory).map(({ name }) => `src/${name}/`);
  assert.deepEqual(parts.filter((part) => !shown.includes(part)), []);
});
