import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import { statusJson } from "../../src/cli/status_report.ts";
import {
  refuseDenoVersion,
  TESTED_DENO_VERSION,
} from "../../src/shared/deno_version.ts";
import { AuditTrail } from "../../src/dataplane/audit_log.ts";
import { LOG_LEVELS } from "../../src/observability/logger.ts";
import type { Undone } from "../../src/reconcile/node_service.ts";
import {
  describeLost,
  describeRefused,
  PERMISSION_DENIED,
} from "../../src/routing/messages.ts";
import { DEADLINE_EXCEEDED } from "../../src/shared/deadline_exceeded.ts";
import { QUILT_RUNTIME } from "../../src/api/quilt_runtime/wire.ts";
import { replyTo } from "../../src/api/unary_handler.ts";
import { done, type Host, makeQuietNamespace, openHost, refused } from "../e2e/host.ts";
import { objectAt, parseJsonObject } from "../../deploy/json.ts";
import { BUSYBOX, makeIp } from "../support/foreign_ip.ts";
import { startQuilt } from "../support/quilt.ts";
import { anchor, codeIn } from "../support/markdown.ts";
import { document, readme } from "../support/readme.ts";
import {
  parseDenoRun,
  pathlessWords,
  repository,
  serveTask,
  serveWords,
} from "../support/serve_task.ts";
import { serveToEnd } from "../support/sidecar.ts";
import type { Finished, Namespace } from "../support/namespace.ts";

/** The cells of the table whose heading begins with a word, row by row. */
function rowsAbout(about: string, section: string): readonly (readonly string[])[] {
  const rows = document.rows.filter((row) =>
    row.about === about && row.section === section
  );
  assert.notEqual(rows.length, 0, `No table about ${about} in "${section}"`);
  return rows.map(({ cells }) => cells);
}

/** The code that begins a cell. */
function codeOf(cell = ""): string {
  const [code] = codeIn(cell);
  assert.ok(code !== undefined, cell);
  return code;
}

/** Calls what a cell says, e.g. `InjectRoute("10.42.2.0/24", "vxlan100")`. */
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

Deno.test("README.md gives each refusal as it is answered", async () => {
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

Deno.test("README.md gives each status other than OK with its message", () => {
  const undone: readonly Undone[] = [
    { kind: "shutting-down" },
    { kind: "queue-full" },
    { kind: "caller-gone" },
  ];
  const replies = undone.map(replyTo).map((reply) =>
    reply.kind === "status" ? [status[reply.code], reply.details] : []
  );
  const rows = rowsAbout("Status", "What the agent can ask")
    .map((cells) => cells.map(codeOf));
  assert.deepEqual(rows, [...replies, ["DEADLINE_EXCEEDED", DEADLINE_EXCEEDED]]);
});

Deno.test("README.md gives the sentences that no table has word for word", () => {
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

/** Brings about what a row says, e.g. "`serve` without iproute2". */
async function startAsWritten(namespace: Namespace, cell: string): Promise<Finished> {
  const [, ...options] = codeOf(cell).split(" ");
  const [, circumstance = ""] = /^`[^`]*` ?(.*)$/.exec(cell) ?? [];
  switch (circumstance) {
    case "":
      return await serveToEnd(namespace, options);
    case "without iproute2":
      return await namespace.run(pathlessWords(options));
    case "with the `ip` of BusyBox": {
      using busybox = makeIp(BUSYBOX);
      const path = `${busybox.directory}:${Deno.env.get("PATH")}`;
      return await namespace.run(["env", `PATH=${path}`, ...serveWords(options)]);
    }
    case "while another one serves": {
      await using other = await openHost();
      return await serveToEnd(other.namespace, options);
    }
    default: {
      const [, version = ""] = /^on Deno (\S+)$/.exec(circumstance) ?? [];
      return { code: 1, stdout: "", stderr: refuseDenoVersion(version) ?? "" };
    }
  }
}

Deno.test("README.md gives what ends serve before it serves, with its exit code", async () => {
  await using namespace = await makeQuietNamespace();
  for (const [cell = "", line, code] of rowsAbout("Command", "Command line")) {
    const ended = await startAsWritten(namespace, cell);
    const said = ended.stderr.trim().split("\n").at(-1)?.replace(/^\S+Z ERROR: /, "");
    assert.deepEqual([said, `${ended.code}`], [codeOf(line), code]);
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
  const trail = new AuditTrail({
    write: (line) => lines.push(line),
    dropped: 0,
    flush: () => Promise.resolve(),
  });
  trail.record({
    rpc: "InjectRoute",
    peer: "127.0.0.1:40112",
    subject: "CN=agent",
    words: "route add 10.42.2.0/24 dev vxlan100 proto 142",
    outcome: "done",
    failure: "",
    durationMs: 0.294,
  });
  const named = rowsAbout("Field", "Log and audit trail").map(([cell]) => codeOf(cell));
  assert.deepEqual(named, Object.keys(parseJsonObject(lines[0] ?? "")));
});

Deno.test("README.md names every field of what status --json prints, in their order", () => {
  const printed = parseJsonObject(statusJson({
    network: { subnet: "", gateway: "", cluster_cidr: "10.42.0.0/16", revision: 0 },
    refusal: "",
    allocated: 0,
    free: 0,
    routes: [{
      destination: "10.42.2.0/24",
      device: "vxlan100",
      state: "ROUTE_STATE_INSTALLED",
      reason: "",
      since: { seconds: 0, nanos: 0 },
      confirmed: true,
    }],
  }));
  const named = rowsAbout("Field", "Status").map(([field, holds = ""]) => [
    codeOf(field),
    codeIn(holds.replaceAll(/\([^)]*\)/g, "")),
  ]);
  const fields = Object.entries(printed).map(([field, value]) => [
    field,
    Object.keys(Array.isArray(value) ? value[0] : objectAt(printed, field)),
  ]);
  assert.deepEqual(named, fields);
});

Deno.test("README.md gives a reason for every flag of the serve task", () => {
  const named = rowsAbout("Flag", "Sandbox").map(([cell]) => codeOf(cell));
  assert.deepEqual(named.toSorted(), serveTask().flags.toSorted());
});

Deno.test("README.md listens elsewhere under the flags of the serve task but for the port", () => {
  const written = /^npx .* -c 'exec (.*? src\/main\.ts serve) --grpc-addr/m.exec(
    readme,
  )?.[1] ?? "";
  assert.deepEqual(parseDenoRun(written.replaceAll("50052", "50051")), serveTask());
});

Deno.test("README.md pins Deno as the code does, and tells which versions are refused", () => {
  const pins = [...readme.matchAll(/deno@([\d.]+)/g)].map(([, version]) => version);
  assert.deepEqual([...new Set(pins)], [TESTED_DENO_VERSION]);
  const said = /Deno (\S+) to (\S+) and those before (\S+) are refused/.exec(readme);
  const [, first = "", last = "", working = ""] = said ?? [];
  assert.deepEqual([first, last].map(refuseDenoVersion).filter(Boolean).length, 2);
  assert.equal(refuseDenoVersion(`${working}.0`), undefined);
  assert.equal(refuseDenoVersion(TESTED_DENO_VERSION), undefined);
});

Deno.test("README.md names only tasks that there are", () => {
  const config = parseJsonObject(Deno.readTextFileSync(`${repository}/deno.json`));
  const tasks = Object.keys(objectAt(config, "tasks"));
  const named = [...readme.matchAll(/\bdeno(?:@[\d.]+)? task (?:--quiet )?([\w:-]+)/g)]
    .map(([, task = ""]) => task);
  assert.deepEqual(named.filter((task) => !tasks.includes(task)), []);
  assert.ok(named.includes("bench"));
});

Deno.test("README.md shows where each part of src is", () => {
  const layout = document.blocks.find(({ language, section }) =>
    language === "text" && section === "Development"
  );
  const shown = (layout?.lines ?? []).map((line) => line.split(" ")[0] ?? "");
  for (const path of shown) Deno.statSync(`${repository}/${path}`);
  const parts = [...Deno.readDirSync(`${repository}/src`)]
    .filter(({ isDirectory }) => isDirectory).map(({ name }) => `src/${name}/`);
  assert.deepEqual(parts.filter((part) => !shown.includes(part)), []);
});

Deno.test("every link of README.md leads somewhere", () => {
  const anchors = document.headings.map((heading) => `#${anchor(heading)}`);
  const targets = [...document.prose.join("\n").matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = ""]) => target);
  assert.notEqual(targets.length, 0);
  for (const target of targets.filter((target) => !/^https:/.test(target))) {
    if (target.startsWith("#")) assert.ok(anchors.includes(target), target);
    else Deno.statSync(`${repository}/${target}`);
  }
});
