/**
 * The pages of the command line say what the code does: cli.md, cli-reference.md,
 * cli-json.md, cli-audit.md and cli-examples.md.
 *
 * @needs go
 */
import assert from "node:assert/strict";
import { isJsonObject, type JsonObject, parseJsonObject } from "../../deploy/json.ts";
import type { Finding } from "../../src/api/gen/quilt/sidecar/v1/Finding.ts";
import type { Route } from "../../src/api/gen/quilt/sidecar/v1/Route.ts";
import { auditJson } from "../../src/cli/audit_format.ts";
import { AUDIT_OUTCOMES, type AuditLine } from "../../src/cli/audit_record.ts";
import { FINDING_KINDS } from "../../src/cli/audit_verify_format.ts";
import { drawMap } from "../../src/cli/cluster_map.ts";
import { COMMANDS } from "../../src/cli/commands.ts";
import { describeNoAnswer, type NoAnswer } from "../../src/cli/no_answer.ts";
import { type OptionDefinition, OPTIONS } from "../../src/cli/options.ts";
import { eventJson, type StateEvent } from "../../src/cli/state_events.ts";
import { formatDifference } from "../../src/cli/sync_difference.ts";
import { SIDECAR_VERSION } from "../../src/shared/versions.ts";
import { openOperatorHost } from "../e2e/operator.ts";
import { REFERENCE_PAGES, withReference } from "../support/command_reference.ts";
import {
  examplesOf,
  isExecuted,
  openReader,
  preparation,
  runBlock,
  runCommands,
} from "../support/examples.ts";
import { codeIn } from "../support/markdown.ts";
import { codeOf, readPage } from "../support/pages.ts";
import { clientCommand } from "../support/serve_task.ts";
import { fullTest } from "../support/suite.ts";

const overview = readPage("docs/cli.md");
const reference = readPage("docs/cli-reference.md");
const json = readPage("docs/cli-json.md");
const auditing = readPage("docs/cli-audit.md");
const tour = readPage("docs/cli-examples.md");

for (const page of REFERENCE_PAGES) {
  Deno.test(`${page.path} has the part that deno task generate makes from the definitions`, async () => {
    const made = await withReference(page, COMMANDS);
    assert.equal(readPage(page.path).text, made, "run deno task generate");
  });
}

Deno.test("docs/cli-reference.md has every command, option, value, default and exit code", () => {
  const sections = new Map(
    reference.text.split("\n### ").slice(1).map((section) => {
      const [title = "", ...lines] = section.split("\n");
      return [title, lines.join(" ").replaceAll(/\s+/g, " ")];
    }),
  );
  const shared = [...sections].filter(([title]) => /^(Options|Filters) of /.test(title))
    .map(([, text]) => text).join(" ");
  const missing = COMMANDS.flatMap((command) => {
    const { exitCodes, name, operands, options } = command;
    const own = sections.get(name) ?? "";
    const wanted = [
      ...operands.flatMap((operand) => [operand.name, ...operand.choices ?? []]),
      ...exitCodes.map(([code, meaning]) => `**${code}** ${meaning}`),
    ].map((text) => [text, own]);
    const flags = options.flatMap((option) => {
      const { choices = [], help, value }: OptionDefinition = OPTIONS[option];
      const where = `${own} ${shared}`;
      const flag = value === undefined ? `--${option}\`` : `--${option} ${value}\``;
      const [fallback] = /\(default [^)]*\)/
        .exec(command.optionHelp?.[option] ?? help) ?? [""];
      return [flag, fallback, ...choices.map((each) => `\`${each}\``)]
        .map((text) => [text, where]);
    });
    return [...wanted, ...flags]
      .filter(([text = "", where = ""]) => !where.replaceAll("\\|", "|").includes(text))
      .map(([text]) => `${name}: ${text}`);
  });
  assert.deepEqual(missing, []);
});

Deno.test("docs/cli.md has every exit code of a command", () => {
  const codes = new Set(
    COMMANDS.flatMap(({ exitCodes }) => exitCodes.map(([code]) => code)),
  );
  assert.deepEqual(
    overview.rowsAbout("Code", "Exit codes").map(([code]) => Number(code)),
    [...codes].toSorted((one, other) => one - other),
  );
});

Deno.test("docs/cli.md has every sign of a difference that sync shows", () => {
  const kinds = ["add", "remove", "move", "refuse", "restore"] as const;
  const signs = formatDifference(
    kinds.map((kind) => ({ kind, destination: "10.42.2.0/24", device: "", note: "" })),
  ).map((line) => line.slice(0, 1));
  const named = overview.rowsAbout("Sign").map(([sign]) => codeOf(sign));
  assert.deepEqual(named, [...new Set(signs)]);
});

Deno.test("docs/cli-audit.md has every option of audit, and every outcome", () => {
  const audit = COMMANDS.find(({ name }) => name === "audit");
  const filters = auditing.rowsAbout("Filter");
  const named = new Set(
    filters.flatMap(([cell = ""]) => codeIn(cell))
      .map((code) => code.replace(/^--(\S+) .*$/, "$1")),
  );
  assert.deepEqual(
    [...named].toSorted(),
    audit?.options.filter((option) => option !== "json").toSorted(),
  );
  const outcomes = filters.find(([cell = ""]) => cell.includes("--outcome"));
  assert.deepEqual(codeIn(outcomes?.[1] ?? ""), AUDIT_OUTCOMES);
});

Deno.test("docs/cli.md shows every state of the map as the map draws it", () => {
  const route = (at: number): Route => ({
    destination: `10.42.${at}.0/24`,
    device: "vxlan100",
    state: "ROUTE_STATE_INSTALLED",
    reason: "",
    since: { seconds: 0, nanos: 0 },
    confirmed: true,
    findings: [],
  });
  const finding = (id: string, severity: Finding["severity"]): Finding => ({
    id,
    severity,
    device: "",
    destination: "",
    found: "",
    meaning: "",
    remedy: [],
    since: { seconds: 0, nanos: 0 },
  });
  const legendOf = (hasUnicode: boolean): readonly (readonly string[])[] => {
    const drawn = drawMap({
      network: {
        subnet: "10.42.1.0/24",
        gateway: "10.42.1.1",
        cluster_cidr: "10.42.0.0/16",
        revision: 1,
      },
      routes: [
        route(2),
        { ...route(3), confirmed: false },
        { ...route(4), findings: ["fdb-fewer"] },
        { ...route(5), findings: ["fdb-empty"] },
        { ...route(6), state: "ROUTE_STATE_PENDING" },
      ],
      findings: [
        finding("fdb-fewer", "FINDING_SEVERITY_WARNING"),
        finding("fdb-empty", "FINDING_SEVERITY_CRITICAL"),
      ],
    }, { columns: 100, rows: 60, hasControl: true, hasColour: false, hasUnicode });
    return [...drawn.join("\n").matchAll(/(\S) +\d+ ([a-z ]+)$/gm)]
      .map(([, shape = "", meaning = ""]) => [shape, meaning]);
  };
  const shown = overview.rowsAbout("UTF-8").map(([shape, letter, , meaning]) => {
    const [name = ""] = (meaning ?? "").split(":");
    return { shape: codeIn(shape ?? "")[0], letter: codeIn(letter ?? "")[0], name };
  });
  assert.deepEqual(shown.map(({ name, shape }) => [shape, name]), legendOf(true));
  assert.deepEqual(shown.map(({ letter, name }) => [letter, name]), legendOf(false));
});

Deno.test("docs/cli.md names every file of the archive that its example lists", () => {
  const example = tour.blocks.flatMap((block) =>
    block.language === "console" ? examplesOf(block) : []
  ).find(({ command }) => command.includes("bundle") && command.endsWith("tar -t"));
  const listed = example?.output.map((path) => path.replace(/^.*\//, ""));
  const named = overview.rowsAbout("File").flatMap(([files = ""]) => codeIn(files));
  assert.deepEqual(named, listed);
});

Deno.test("docs/cli-audit.md names every kind of finding of audit verify", () => {
  const named = auditing.rowsAbout("Finding").flatMap(([kind = ""]) => codeIn(kind));
  assert.deepEqual(named, FINDING_KINDS);
});

/** Why a sidecar does not answer, in the order of the page. */
const CAUSES: readonly NoAnswer[] = [
  { kind: "absent" },
  { kind: "not-permitted" },
  { kind: "serves-tls" },
  { kind: "serves-plain" },
  { kind: "tls-refused", reason: "…" },
  { kind: "old" },
  { kind: "other", reason: "…" },
];

Deno.test("docs/cli.md has the sentence for each reason why a sidecar does not answer", () => {
  assert.deepEqual(
    overview.rowsAbout("Cause").map(([, sentence = ""]) => codeIn(sentence)[0]),
    CAUSES.map((why) => describeNoAnswer("127.0.0.1:50051", why)),
  );
});

/** The fields of a document, each with those within it. */
type Shape = readonly (readonly [field: string, within: readonly string[]])[];

function shapeOf(document: JsonObject): Shape {
  return Object.entries(document).map(([field, value]) => [field, keysOf(value)]);
}

function keysOf(value: unknown): readonly string[] {
  const object: unknown = Array.isArray(value) ? value[0] : value;
  return isJsonObject(object) ? Object.keys(object) : [];
}

/** The page's; what stands in parentheses are values. A scalar may be explained by code. */
function documented(command: string, real: Shape): Shape {
  const within = new Map(real);
  return json.rowsAbout(`Field of ${command}`).map(([field = "", holds = ""]) => {
    const [name = ""] = codeIn(field);
    const named = codeIn(holds.replaceAll(/\([^)]*\)/g, ""))
      .filter((code) => code !== "status" && !code.startsWith("-"));
    return [name, within.get(name)?.length === 0 ? [] : named];
  });
}

function assertDocumented(command: string, printed: string): void {
  const real = shapeOf(parseJsonObject(printed));
  assert.deepEqual(documented(command, real), real, command);
}

const ROUTES = JSON.stringify([{ destination: "10.42.2.0/24", device: "vxlan100" }]);

fullTest(
  "docs/cli-json.md names every field of what each command prints as JSON, in their order",
  async () => {
    await using host = await openOperatorHost();
    const { namespace, run, show, sidecar } = host;
    const runtime = "configure, inject, remove";
    assertDocumented(runtime, await show("configure", "10.42.1.0/24", "--json"));
    assertDocumented(
      runtime,
      await show("inject", "10.42.3.0/24", "vxlan100", "--json"),
    );
    assertDocumented(runtime, await show("remove", "10.42.3.0/24", "--json"));
    const synced = await run("sync", ["-", "--yes", "--json"], { stdin: ROUTES });
    assertDocumented("sync", synced.stdout);
    assertDocumented("allocate", await show("allocate", "3f4e8a", "--json"));
    assertDocumented("addresses", await show("addresses", "--free", "--json"));
    assertDocumented("routes", await show("routes", "--json"));
    const { stdout } = await run("doctor", ["--probe", "--json"]);
    assertDocumented("doctor", stdout);
    // No peer is in the FDB, and doctor has waited until that was noticed.
    assertDocumented("status", await show("status", "--json"));
    assertDocumented("release", await show("release", "3f4e8a", "--json"));
    const record = sidecar.audit.find((line) => line.includes(`"words"`));
    const audited = await namespace.run(clientCommand("audit", ["-", "--json"]), {
      stdin: record ?? "",
    });
    assertDocumented("audit", audited.stdout);
    const verify = clientCommand("audit", ["verify", "-", "--json"]);
    const verified = await namespace.run(verify, { stdin: record ?? "" });
    assertDocumented("audit verify", verified.stdout);
  },
);

Deno.test("docs/cli-json.md names every field of each kind of event, in their order", () => {
  const events: readonly StateEvent[] = [
    {
      kind: "route",
      destination: "10.42.2.0/24",
      device: "vxlan100",
      state: "installed",
      reason: "",
    },
    {
      kind: "finding",
      state: "begun",
      id: "forwarding-off",
      severity: "critical",
      device: "",
      destination: "",
      found: "",
      meaning: "",
      remedy: [],
    },
    { kind: "network", subnet: "10.42.1.0/24", gateway: "10.42.1.1" },
    { kind: "sidecar", state: "lost", reason: "" },
  ];
  const real = events.map((event) => {
    const printed = parseJsonObject(eventJson(event, new Date(0)));
    const [version, time, kind, ...fields] = Object.keys(printed);
    assert.deepEqual([version, time, kind], ["version", "time", "kind"]);
    return [event.kind, fields];
  });
  const named = json.rowsAbout("Kind of event").map(([kind = "", holds = ""]) => [
    codeIn(kind)[0],
    codeIn(holds.replaceAll(/\([^)]*\)/g, "")).filter((code) => code !== "status"),
  ]);
  assert.deepEqual(named, real);
});

Deno.test("docs/cli-json.md names every field of each kind of record of audit", () => {
  const atMs = 0;
  const lines: readonly AuditLine[] = [
    { kind: "gap", atMs, dropped: 1 },
    {
      kind: "start",
      atMs,
      start: { schema: 2, version: "0.2.0", options: [], grants: [] },
    },
    { kind: "end", atMs, end: { reason: "SIGTERM", mutations: 0, lost: 0 } },
    { kind: "other", atMs, event: "later" },
  ];
  assert.deepEqual(
    json.rowsAbout("Kind of record").map(([kind, holds = ""]) => [
      codeOf(kind),
      codeIn(holds),
    ]),
    lines.map((line) => [line.kind, Object.keys(parseJsonObject(auditJson(line)))]),
  );
});

fullTest(
  "docs/cli-examples.md: each example does what is shown, in the order of the page",
  async () => {
    await using shell = await openReader();
    await runCommands(shell, preparation);
    const blocks = tour.blocks.filter(isExecuted);
    assert.notEqual(blocks.length, 0);
    for (const block of blocks) await runBlock(shell, block);
  },
);

Deno.test("docs/cli-examples.md has an example of every command that a node can execute", () => {
  // These need a clone, a shell or a pager; serve is the preparation of the page.
  const elsewhere = ["serve", "demo", "completions", "man"];
  const typed = tour.blocks.filter(isExecuted).flatMap(({ lines }) => lines).join("\n");
  const missing = COMMANDS.map(({ name }) => name).filter((name) =>
    !elsewhere.includes(name) && !typed.includes(`quilt-sidecar ${name}`)
  );
  assert.deepEqual(missing, []);
});

fullTest("docs/cli.md: the command is there when it has been installed", async () => {
  await using shell = await openReader();
  const blocks = overview.blocks.filter((block) =>
    isExecuted(block) && block.section === "Get the command"
  );
  assert.notEqual(blocks.length, 0);
  for (const block of blocks) await runBlock(shell, block);
  const { code, output } = await shell.run("quilt-sidecar --version");
  assert.deepEqual([code, output[0]], [0, SIDECAR_VERSION]);
});
