/**
 * The arrows between the folders of `src`, as docs/ARCHITECTURE.md draws them, and what no
 * file may do that has to be pure. A folder without a rule fails, and so does an import
 * that no rule allows.
 */
import assert from "node:assert/strict";
import { posix } from "node:path";
import { filesBelow } from "./support/files.ts";
import { repository } from "./support/serve_task.ts";

/** What a folder, or one file of `src` itself, may import besides its own files. */
interface Rule {
  /** Folders (with `/` behind them) and files of which it may import everything. */
  readonly imports: readonly string[];
  /** Those of which it may import types alone. */
  readonly types?: readonly string[];
  /** Packages and built-in modules. */
  readonly packages?: readonly string[];
}

const PORT_OF_DATAPLANE = "src/dataplane/dataplane.ts";
const FACTS_OF_DATAPLANE = "src/dataplane/data_path.ts";
const PORT_OF_STATE = "src/state/store.ts";

/** The longest path that a file's own begins with is its component. */
const COMPONENTS: Readonly<Record<string, Rule>> = {
  "src/shared/": { imports: ["deno.json"], types: ["@grpc/grpc-js"] },
  "src/observability/": {
    imports: ["src/shared/"],
    packages: [
      "@opentelemetry/api",
      "@opentelemetry/sdk-metrics",
      "node:crypto",
      "node:process",
    ],
  },
  "src/ipam/": {
    imports: ["src/shared/"],
    // Its public entry loads whole number systems; this one parses an octet.
    packages: ["ip-num/dist/src/Octet.js"],
  },
  "src/routing/": { imports: ["src/ipam/", "src/shared/"] },
  "src/dataplane/": {
    imports: ["src/ipam/", "src/routing/", "src/shared/"],
    types: ["src/observability/"],
  },
  "src/dataplane/iproute2/": {
    imports: [
      "src/dataplane/",
      "src/ipam/",
      "src/observability/",
      "src/routing/",
      "src/shared/",
    ],
    packages: ["node:child_process", "node:stream"],
  },
  "src/state/": {
    imports: [PORT_OF_DATAPLANE, "src/ipam/", "src/routing/", "src/shared/"],
    types: ["src/observability/"],
    packages: ["node:crypto"],
  },
  "src/reconcile/": {
    imports: [
      PORT_OF_DATAPLANE,
      FACTS_OF_DATAPLANE,
      PORT_OF_STATE,
      "src/ipam/",
      "src/observability/",
      "src/routing/",
      "src/shared/",
    ],
  },
  "src/diagnose/": {
    imports: [
      PORT_OF_DATAPLANE,
      "src/dataplane/data_path.ts",
      "src/ipam/",
      "src/reconcile/ports.ts",
      "src/routing/",
      "src/shared/",
    ],
    types: ["src/observability/"],
  },
  "src/addresses/": {
    imports: [
      PORT_OF_DATAPLANE,
      PORT_OF_STATE,
      "src/ipam/",
      "src/reconcile/",
      "src/shared/",
      "src/state/owner_key.ts",
    ],
  },
  "src/api/": {
    imports: [
      "proto/",
      "src/addresses/ports.ts",
      "src/diagnose/finding.ts",
      "src/diagnose/ports.ts",
      "src/ipam/",
      "src/observability/",
      "src/reconcile/ports.ts",
      "src/shared/",
    ],
    types: ["src/routing/"],
    packages: ["@grpc/grpc-js", "@grpc/proto-loader", "node:buffer", "protobufjs"],
  },
  "src/transport/": {
    imports: ["src/observability/", "src/shared/"],
    packages: [
      "@grpc/grpc-js",
      "node:async_hooks",
      "node:buffer",
      "node:crypto",
      "node:http2",
      "node:net",
      "node:process",
      "node:stream",
      "node:timers/promises",
      "node:tls",
    ],
  },
  "src/cli/": {
    imports: [
      "src/api/",
      "src/bundle_node.ts",
      "src/dataplane/iproute2/parse_mutation.ts",
      "src/diagnose/checks/peers.ts",
      "src/diagnose/finding.ts",
      "src/doctor_node.ts",
      "src/ipam/",
      "src/observability/",
      "src/routing/",
      "src/shared/",
      "src/sidecar.ts",
      "src/state/table142_codec.ts",
      "src/transport/",
      "src/uninstall_node.ts",
    ],
    packages: [
      "@grpc/grpc-js",
      "commander",
      "node:buffer",
      "node:crypto",
      "node:tls",
      "node:util",
      "yaml",
    ],
  },
  "src/node.ts": {
    imports: [
      "src/addresses/",
      "src/dataplane/",
      "src/dataplane/iproute2/",
      "src/diagnose/",
      "src/ipam/",
      "src/observability/",
      "src/reconcile/",
      "src/routing/",
      "src/shared/",
      "src/state/",
    ],
  },
  "src/doctor_node.ts": {
    imports: [
      "src/addresses/",
      "src/dataplane/",
      "src/dataplane/iproute2/",
      "src/diagnose/",
      "src/ipam/",
      "src/reconcile/",
      "src/routing/",
      "src/shared/",
      "src/state/",
    ],
    types: ["src/observability/"],
  },
  "src/uninstall_node.ts": {
    imports: [
      "src/dataplane/",
      "src/dataplane/iproute2/",
      "src/reconcile/outcome.ts",
      "src/routing/",
      "src/shared/",
      "src/state/table142_codec.ts",
    ],
    types: ["src/observability/"],
  },
  "src/bundle_node.ts": {
    imports: ["src/dataplane/iproute2/", "src/shared/"],
  },
  "src/warm_up.ts": {
    imports: [
      "src/api/",
      "src/ipam/",
      "src/node.ts",
      "src/observability/",
      "src/shared/",
    ],
    types: ["src/transport/", "@grpc/grpc-js"],
    packages: ["node:http2", "node:stream"],
  },
  "src/sidecar.ts": {
    imports: [
      "src/api/",
      "src/node.ts",
      "src/observability/",
      "src/shared/",
      "src/transport/",
      "src/warm_up.ts",
    ],
  },
  "src/main.ts": { imports: ["src/cli/", "src/observability/", "src/shared/"] },
};

/** Files that are pure: the same arguments give the same result, at any time. */
const PURE = [
  "src/cli/sync_file.ts",
  "src/ipam/",
  "src/observability/accepted_format.ts",
  "src/observability/instruments.ts",
  "src/observability/openmetrics.ts",
  "src/routing/",
  PORT_OF_DATAPLANE,
  FACTS_OF_DATAPLANE,
  "src/diagnose/checks/",
  "src/diagnose/facts.ts",
  "src/diagnose/facts/",
  "src/diagnose/finding.ts",
  "src/diagnose/known_devices.ts",
  "src/diagnose/limits.ts",
  "src/diagnose/ports.ts",
  "src/diagnose/remedies/",
  "src/reconcile/decide.ts",
  "src/reconcile/desired_state.ts",
  "src/reconcile/limits.ts",
  "src/reconcile/observe.ts",
  "src/reconcile/outcome.ts",
  "src/reconcile/plan.ts",
  "src/reconcile/progress.ts",
  "src/reconcile/step.ts",
  PORT_OF_STATE,
  "src/state/table142_codec.ts",
];

/** What a pure file must not contain outside comments. */
const IMPURE = [
  /\bDeno\b/,
  /\bDate\b/,
  /\bperformance\b/,
  /\bconsole\b/,
  /\bset(Timeout|Interval|Immediate)\b/,
  /\bqueueMicrotask\b/,
  /\bMath\.random\b/,
  /\bcrypto\b/,
  /\bfetch\s*\(/,
  /\bprocess\./,
  /\bglobalThis\b/,
  /\basync\b/,
];

/** How a process is started; only the adapter of `ip` may. */
const STARTS_PROCESSES = [
  /\bDeno\s*\??\.\s*Command\b/,
  /\bnew\s+Command\b/,
  /\bDeno\s*\[/,
  /\{[^{}]*\bCommand\b[^{}]*\}\s*=\s*Deno\b/,
];

/** Words that docs/glossary.md replaces; a name that begins with one is its own form. */
const REPLACED_WORDS = [
  "adopt",
  "amends",
  "bid farewell",
  "caller",
  "catalogue",
  "converge",
  "deaf",
  "door",
  "doubtful",
  "entrance",
  "errand",
  "fair turn",
  "farewell",
  "fight",
  "forget",
  "handshakes",
  "hearing",
  "hint",
  "insist",
  "leaving",
  "ledger",
  "lost word",
  "memory",
  "newest writer",
  "news",
  "open streams",
  "preface",
  "recall",
  "rehears",
  "remember",
  "renew",
  "retract",
  "sight",
  "snapshot",
  "standing",
  "survey",
  "taking back",
  "undone",
  "verdict",
  "visited",
  "wish",
];

/** One broken rule: which file, and what it does that it must not. */
interface Breach {
  readonly path: string;
  readonly what: string;
}

interface Import {
  /** A path from the repository's root, or a package's name. */
  readonly target: string;
  readonly typesOnly: boolean;
}

/** Blanks comments, leaving strings alone, since a comment may name what code may not. */
function withoutComments(text: string): string {
  const token = /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;
  return text.replace(token, (found) => found.startsWith("/") ? " " : found);
}

/** Blanks the inside of strings too: a sentence may name what code may not. */
function withoutStrings(code: string): string {
  return code.replace(/"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/g, '""');
}

function importsOf(path: string, code: string): readonly Import[] {
  const specifier =
    /(?:\b(?:import|export)\s+(type\s)?[^"'`;]*\bfrom\s*|\bimport\s*\(\s*|\bimport\s+|\brequire\s*\(\s*)(["'`])([^"'`]*)\2/g;
  return [...code.matchAll(specifier)].map(([, types, , target = ""]) => ({
    typesOnly: types !== undefined,
    target: target.startsWith(".") ? posix.join(posix.dirname(path), target) : target,
  }));
}

/** An import whose target is computed tells nobody where it leads. */
const COMPUTED_IMPORT = /\bimport\s*\(\s*(?!["'])/;

/** The component that a file belongs to. */
function componentOf(path: string): string | undefined {
  return Object.keys(COMPONENTS)
    .filter((component) => isIn(component, path))
    .toSorted((one, other) => other.length - one.length)[0];
}

/** True for a file, or what lies in a folder or belongs to a package. */
function isIn(place: string, target: string): boolean {
  return target === place || target.startsWith(place.replace(/\/?$/, "/"));
}

function mayImport(path: string, { target, typesOnly }: Import): boolean {
  const own = componentOf(path);
  if (own === undefined) return false;
  const { imports, packages = [], types = [] } = COMPONENTS[own] ?? { imports: [] };
  if (componentOf(target) === own) return true;
  const allowed = [...imports, ...packages, ...typesOnly ? types : []];
  // A folder within another one is a component of its own.
  return allowed.some((place) =>
    isIn(place, target) &&
    (componentOf(target) === undefined || !place.endsWith("/") ||
      componentOf(target) === place)
  );
}

function isPure(path: string): boolean {
  return PURE.some((place) => isIn(place, path));
}

function importBreaches(path: string, imports: readonly Import[]): readonly string[] {
  if (componentOf(path) === undefined) return ["has no rule"];
  const forbidden = imports.filter((found) => !mayImport(path, found));
  // A pure file may import an impure one's types, and what is shared.
  const impure = isPure(path)
    ? imports.filter(({ target, typesOnly }) =>
      !typesOnly && target.startsWith("src/") && !isPure(target) &&
      !isIn("src/shared/", target)
    )
    : [];
  return [
    ...forbidden.map(({ target }) => `imports ${target}`),
    ...impure.map(({ target }) => `is pure and imports ${target}`),
  ];
}

function breachesOf(path: string, text: string): readonly Breach[] {
  const code = withoutComments(text);
  const bare = withoutStrings(code);
  const words = [
    ...isPure(path) ? IMPURE : [],
    ...isIn("src/dataplane/iproute2/", path) ? [] : STARTS_PROCESSES,
  ];
  return [
    ...importBreaches(path, importsOf(path, code)),
    ...words.filter((word) => word.test(bare)).map(({ source }) =>
      `contains ${source}`
    ),
    ...COMPUTED_IMPORT.test(code) ? ["imports a computed specifier"] : [],
    ...replacedNames(path, bare),
  ].map((what) => ({ path, what }));
}

/** Exported names, and the file's own, that begin with or contain a replaced word. */
function replacedNames(path: string, code: string): readonly string[] {
  const declared =
    /\bexport\s+(?:abstract\s+|async\s+|declare\s+)*(?:const|let|function\*?|class|interface|type|enum)\s+(\w+)/g;
  const listed = /\bexport\s+(?:type\s+)?\{([^}]*)\}/g;
  const names = [
    posix.basename(path, ".ts"),
    ...[...code.matchAll(declared)].map(([, name = ""]) => name),
    ...[...code.matchAll(listed)].flatMap(([, names = ""]) =>
      names.split(",").map((name) => name.trim().split(/\s+/).at(-1) ?? "")
    ),
  ];
  return names.flatMap((name) => {
    const spaced = ` ${wordsOf(name)}`;
    const replaced = REPLACED_WORDS.find((word) => spaced.includes(` ${word}`));
    return replaced === undefined ? [] : [`calls something ${name}: "${replaced}"`];
  });
}

/** `DesiredRoute`, `desired_route` and `DESIRED_ROUTE` as `desired route`. */
function wordsOf(name: string): string {
  return name.replaceAll(/([a-z0-9])([A-Z])/g, "$1 $2").replaceAll("_", " ")
    .toLowerCase();
}

function sources(folder: string): readonly string[] {
  return filesBelow(folder).filter((path) => path.endsWith(".ts"));
}

function read(path: string): string {
  return Deno.readTextFileSync(`${repository}/${path}`);
}

/** Which components each component really imports. */
function arrows(): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>();
  for (const path of sources("src")) {
    const from = componentOf(path) ?? path;
    const targets = importsOf(path, withoutComments(read(path)))
      .flatMap(({ target }) => componentOf(target) ?? [])
      .filter((to) => to !== from);
    found.set(from, new Set([...found.get(from) ?? [], ...targets]));
  }
  return found;
}

/** A way along the arrows that comes back to where it began; undefined if there is none. */
function findCycle(
  graph: ReadonlyMap<string, ReadonlySet<string>>,
): readonly string[] | undefined {
  const done = new Set<string>();
  const follow = (
    at: string,
    way: readonly string[],
  ): readonly string[] | undefined => {
    if (way.includes(at)) return [...way.slice(way.indexOf(at)), at];
    if (done.has(at)) return undefined;
    for (const next of graph.get(at) ?? []) {
      const cycle = follow(next, [...way, at]);
      if (cycle !== undefined) return cycle;
    }
    done.add(at);
    return undefined;
  };
  for (const at of graph.keys()) {
    const cycle = follow(at, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

Deno.test("every file of src imports only what its folder may, is pure if it has to be, and exports no replaced word", () => {
  const paths = sources("src");
  assert.ok(paths.includes("src/ipam/cidr.ts"), "src was not found");
  assert.deepEqual(paths.flatMap((path) => breachesOf(path, read(path))), []);
});

Deno.test("no folder of src imports itself through others", () => {
  const graph = arrows();
  assert.ok(graph.get("src/reconcile/")?.has("src/routing/"), "src was not found");
  assert.equal(findCycle(graph)?.join(" → "), undefined);
});

Deno.test("every rule is about something that exists", () => {
  const places = Object.entries(COMPONENTS).flatMap(([component, rule]) => [
    component,
    ...rule.imports,
    ...rule.types ?? [],
  ]);
  for (const place of [...places, ...PURE]) {
    if (!place.startsWith("@")) Deno.statSync(`${repository}/${place}`);
  }
});

Deno.test("deploy imports nothing of tests", () => {
  const paths = sources("deploy");
  assert.notEqual(paths.length, 0);
  for (const path of paths) {
    const imports = importsOf(path, withoutComments(read(path)));
    assert.deepEqual(imports.filter(({ target }) => isIn("tests/", target)), [], path);
  }
});

Deno.test("a cycle is found, and two ways to one place are no cycle", () => {
  const graph = (arrows: readonly string[]) =>
    new Map(
      Map.groupBy(arrows, ([from = ""]) => from).entries().map(([from, all]) =>
        [from, new Set(all.map(([, to = ""]) => to))] as const
      ),
    );
  assert.equal(findCycle(graph(["ab", "ac", "bd", "cd"])), undefined);
  assert.deepEqual(findCycle(graph(["ab", "ac", "bd", "cd", "db"])), ["b", "d", "b"]);
});

const bad: readonly (readonly [path: string, text: string, what: RegExp])[] = [
  ["src/new/a.ts", `export const a = 1;`, /has no rule/],
  ["src/new.ts", `export const a = 1;`, /has no rule/],
  ["src/shared/a.ts", `import { q } from "../ipam/cidr.ts";`, /imports src\/ipam/],
  ["src/shared/a.ts", `import { status } from "@grpc/grpc-js";`, /imports @grpc/],
  ["src/observability/a.ts", `import "../ipam/cidr.ts";`, /imports src\/ipam/],
  [
    "src/observability/openmetrics.ts",
    `import { createMeters } from "./meters.ts";`,
    /is pure and imports src\/observability\/meters/,
  ],
  ["src/ipam/a.ts", `import { x } from "../routing/x.ts";`, /imports src\/routing/],
  ["src/ipam/a.ts", `export * from "../observability/logger.ts";`, /observability/],
  ["src/ipam/a.ts", `import "node:fs";`, /imports node:fs/],
  ["src/ipam/a.ts", `import { IPv4 } from "ip-num";`, /imports ip-num/],
  ["src/ipam/a.ts", `const m = await import("../node.ts");`, /imports src\/node.ts/],
  ["src/ipam/deep/a.ts", `import { x } from "../../state/x.ts";`, /imports src\/state/],
  ["src/routing/a.ts", `import type { R } from "../reconcile/x.ts";`, /src\/reconcile/],
  ["src/routing/a.ts", `import { x } from "../dataplane/x.ts";`, /src\/dataplane/],
  [
    "src/dataplane/a.ts",
    `import { createLogger } from "../observability/logger.ts";`,
    /imports src\/observability/,
  ],
  [
    "src/dataplane/a.ts",
    `import { render } from "./iproute2/commands.ts";`,
    /imports src\/dataplane\/iproute2/,
  ],
  ["src/dataplane/a.ts", `import { a } from "../api/a.ts";`, /imports src\/api/],
  [
    "src/dataplane/iproute2/a.ts",
    `import type { Call } from "../../reconcile/ports.ts";`,
    /imports src\/reconcile/,
  ],
  ["src/state/a.ts", `import { A } from "../dataplane/audit_log.ts";`, /audit_log/],
  ["src/state/a.ts", `import { D } from "../reconcile/desired_state.ts";`, /reconcile/],
  [
    "src/reconcile/a.ts",
    `import type { P } from "../addresses/ports.ts";`,
    /addresses/,
  ],
  ["src/reconcile/a.ts", `import { T } from "../state/table142_store.ts";`, /table142/],
  [
    "src/reconcile/a.ts",
    `import type {\n  E,\n} from "../dataplane/iproute2/parse.ts";`,
    /iproute2/,
  ],
  ["src/reconcile/a.ts", `import { A } from "../dataplane/audit_log.ts";`, /audit_log/],
  [
    "src/diagnose/a.ts",
    `import { D } from "../reconcile/desired_state.ts";`,
    /reconcile/,
  ],
  ["src/diagnose/a.ts", `import { A } from "../dataplane/audit_log.ts";`, /audit_log/],
  ["src/diagnose/a.ts", `import { S } from "../state/store.ts";`, /imports src\/state/],
  [
    "src/diagnose/a.ts",
    `import { createLogger } from "../observability/logger.ts";`,
    /imports src\/observability/,
  ],
  ["src/diagnose/checks/a.ts", `const now = Date.now();`, /Date/],
  ["src/diagnose/checks/a.ts", `export async function f() {}`, /async/],
  ["src/reconcile/a.ts", `import { F } from "../diagnose/finding.ts";`, /diagnose/],
  ["src/addresses/a.ts", `import { e } from "../state/table142_codec.ts";`, /table142/],
  ["src/addresses/a.ts", `import { a } from "../api/call_log.ts";`, /imports src\/api/],
  ["src/api/a.ts", `import { s } from "../transport/server.ts";`, /src\/transport/],
  [
    "src/api/a.ts",
    `import type { S } from "../transport/server.ts";`,
    /src\/transport/,
  ],
  ["src/api/a.ts", `import { p } from "../reconcile/plan.ts";`, /src\/reconcile\/plan/],
  ["src/api/a.ts", `import { x } from "../routing/messages.ts";`, /src\/routing/],
  ["src/api/a.ts", `import type { F } from "../diagnose/facts.ts";`, /diagnose\/facts/],
  ["src/api/a.ts", `import { spawn } from "node:child_process";`, /child_process/],
  ["src/transport/tls/a.ts", `import { h } from "../../api/a.ts";`, /imports src\/api/],
  ["src/transport/a.ts", `import { o } from "../node.ts";`, /imports src\/node.ts/],
  [
    "src/transport/a.ts",
    `import { MeterProvider } from "@opentelemetry/sdk-metrics";`,
    /imports @opentelemetry/,
  ],
  ["src/cli/a.ts", `import { openNode } from "../node.ts";`, /imports src\/node.ts/],
  ["src/cli/a.ts", `import { R } from "../reconcile/reconciler.ts";`, /src\/reconcile/],
  ["src/sidecar.ts", `import { serve } from "./cli/serve.ts";`, /imports src\/cli/],
  ["src/node.ts", `import { serve } from "./api/services.ts";`, /imports src\/api/],
  ["src/node.ts", `import { x } from "../tests/support/wait.ts";`, /imports tests/],
  ["src/routing/a.ts", `const now = Date.now();`, /Date/],
  ["src/routing/a.ts", `export const a = Math.random();`, /Math/],
  ["src/ipam/a.ts", `Deno.stdout.writeSync(bytes);`, /Deno/],
  ["src/ipam/a.ts", `setTimeout(f, 1);`, /set\(Timeout/],
  ["src/ipam/a.ts", `globalThis.x = 1;`, /globalThis/],
  ["src/ipam/a.ts", `console.error("//");`, /console/],
  ["src/reconcile/plan.ts", `const t = performance.now();`, /performance/],
  ["src/reconcile/step.ts", `export async function f() {}`, /async/],
  ["src/reconcile/decide.ts", `const id = crypto.randomUUID();`, /crypto/],
  ["src/state/table142_codec.ts", `const t = Date.now();`, /Date/],
  [
    "src/state/table142_codec.ts",
    `import { hashOwner } from "./owner_key.ts";`,
    /is pure and imports src\/state\/owner_key/,
  ],
  [
    "src/reconcile/plan.ts",
    `import { loopKey } from "./reconciler.ts";`,
    /is pure and imports src\/reconcile\/reconciler/,
  ],
  ["src/sidecar.ts", `new Deno.Command("ip");`, /Command/],
  ["src/dataplane/a.ts", `new Deno.Command("ip");`, /Command/],
  ["src/sidecar.ts", `const { Command } = Deno; new Command("ip");`, /Command/],
  ["src/sidecar.ts", `Deno["Command"]`, /Deno/],
  ["src/sidecar.ts", `await import(name);`, /computed/],
  ["src/sidecar.ts", "await import(`./${name}.ts`);", /computed/],
  ["src/reconcile/a.ts", `export class Ledger {}`, /"ledger"/],
  ["src/reconcile/a.ts", `export interface Wish {}`, /"wish"/],
  ["src/reconcile/a.ts", `export const lostWords = 1;`, /"lost word"/],
  ["src/reconcile/a.ts", `export async function convergeAll() {}`, /"converge"/],
  ["src/reconcile/a.ts", `const a = 1;\nexport { a as standing };`, /"standing"/],
  ["src/reconcile/fight_log.ts", `export const a = 1;`, /"fight"/],
  ["src/api/a.ts", `export const REHEARSAL_MS = 1;`, /"rehears"/],
];

for (const [path, text, what] of bad) {
  Deno.test(`the architecture is broken by ${JSON.stringify(text)} in ${path}`, () => {
    assert.match(breachesOf(path, text).map(({ what }) => what).join("; "), what);
  });
}

const good: readonly (readonly [path: string, text: string])[] = [
  ["src/shared/a.ts", `import type { ServiceDefinition } from "@grpc/grpc-js";`],
  ["src/ipam/a.ts", `import { Octet } from "ip-num/dist/src/Octet.js";`],
  ["src/ipam/a.ts", `import { b } from "./b.ts";`],
  ["src/routing/a.ts", `import type { Ipv4Cidr } from "../ipam/cidr.ts";`],
  [
    "src/dataplane/a.ts",
    `import type { Logger } from "../observability/logger.ts";`,
  ],
  [
    "src/dataplane/iproute2/a.ts",
    `import { c } from "../../ipam/cidr.ts"; new Deno.Command("ip");`,
  ],
  [
    "src/ipam/a.ts",
    `// Date, Deno.Command and console are for others\nexport const a = 1;`,
  ],
  ["src/reconcile/plan.ts", `const sentence = "the Date of a Promise";`],
  ["src/reconcile/plan.ts", `import type { KernelCache } from "./kernel_cache.ts";`],
  ["src/reconcile/a.ts", `import { answerOf } from "../dataplane/dataplane.ts";`],
  ["src/addresses/a.ts", `import { loopKey } from "../reconcile/reconciler.ts";`],
  ["src/api/a.ts", `import type { Call } from "../reconcile/ports.ts";`],
  ["src/api/a.ts", `import { compareFindings } from "../diagnose/finding.ts";`],
  ["src/diagnose/a.ts", `import type { Link } from "../dataplane/data_path.ts";`],
  ["src/diagnose/checks/a.ts", `import { keyOf } from "../finding.ts";`],
  ["src/api/a.ts", `import "protobufjs/ext/descriptor/index.js";`],
  ["src/transport/tls/a.ts", `import { a } from "../server.ts";`],
  ["src/sidecar.ts", `import { openNode } from "./node.ts";`],
  ["src/reconcile/a.ts", `export class Outstanding {}\nexport type RouteStatus = 1;`],
];

for (const [path, text] of good) {
  Deno.test(`the architecture allows ${JSON.stringify(text)} in ${path}`, () => {
    assert.deepEqual(breachesOf(path, text), []);
  });
}
