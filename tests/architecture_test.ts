import assert from "node:assert/strict";
import { posix } from "node:path";
import { repository } from "./support/serve_task.ts";

/** One broken rule: which file, and what it does that it must not. */
interface Breach {
  readonly path: string;
  readonly what: string;
}

/** What the files under some folder must not do. */
interface Rule {
  /** The files it holds for, by their path, e.g. `src/ipam/cidr.ts`. */
  readonly holds: (path: string) => boolean;
  /** Whether such a file may import this: a path from the root, or a package's name. */
  readonly mayImport?: (target: string) => boolean;
  /** Words that such a file must not contain outside comments. */
  readonly forbidden?: readonly RegExp[];
}

const under = (...folders: readonly string[]) => (path: string): boolean =>
  folders.some((folder) => path.startsWith(folder));

const isIpNum = (target: string): boolean =>
  target === "ip-num" || target.startsWith("ip-num/");

const impure = [
  /\bDeno\b/,
  /\bDate\b/,
  /\bperformance\b/,
  /\bconsole\b/,
  /\bset(Timeout|Interval|Immediate)\b/,
  /\bqueueMicrotask\b/,
  /\bMath\.random\b/,
  /\bcrypto\./,
  /\bfetch\s*\(/,
  /\bprocess\./,
  /\bglobalThis\b/,
];

const rules: readonly Rule[] = [
  {
    holds: under("src/ipam/"),
    mayImport: (target) => under("src/ipam/")(target) || isIpNum(target),
    forbidden: impure,
  },
  {
    holds: under("src/routing/"),
    mayImport: (target) =>
      under("src/routing/", "src/ipam/")(target) || isIpNum(target),
    forbidden: impure,
  },
  {
    holds: (path) => !under("src/dataplane/")(path),
    mayImport: (target) => !/^(node:)?child_process\b/.test(target),
    forbidden: [
      /\bDeno\s*\??\.\s*Command\b/,
      /\bnew\s+Command\b/,
      /\bDeno\s*\[/,
      /\{[^{}]*\bCommand\b[^{}]*\}\s*=\s*Deno\b/,
    ],
  },
  {
    holds: under("src/dataplane/"),
    mayImport: (target) =>
      !under("src/rpc/", "src/commands/", "src/node", "src/main.ts")(target),
  },
  {
    holds: under("src/rpc/"),
    mayImport: (target) => !under("src/commands/", "src/main.ts")(target),
  },
];

/** Blanks comments, leaving strings alone, since a comment may name what code may not. */
function withoutComments(text: string): string {
  const token = /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;
  return text.replace(token, (found) => found.startsWith("/") ? " " : found);
}

/** What a module imports, relative specifiers as paths from the repository's root. */
function importsOf(path: string, code: string): readonly string[] {
  const specifier =
    /(?:\bfrom\s*|\bimport\s*\(\s*|\bimport\s+|\brequire\s*\(\s*)(["'`])([^"'`]*)\1/g;
  return [...code.matchAll(specifier)].map(([, , target = ""]) =>
    target.startsWith(".") ? posix.join(posix.dirname(path), target) : target
  );
}

/** An import whose target is computed tells nobody where it leads. */
const computedImport = /\bimport\s*\(\s*(?!["'])/;

function breachesOf(path: string, text: string): readonly Breach[] {
  const code = withoutComments(text);
  const imports = importsOf(path, code);
  const found = rules.filter((rule) => rule.holds(path)).flatMap((rule) => [
    ...imports.filter((target) => !(rule.mayImport?.(target) ?? true))
      .map((target) => ({ path, what: `imports ${target}` })),
    ...(rule.forbidden ?? []).filter((word) => word.test(code))
      .map((word) => ({ path, what: `contains ${word.source}` })),
  ]);
  const computed = computedImport.test(code);
  return computed ? [...found, { path, what: "imports a computed specifier" }] : found;
}

function sources(folder: string): readonly string[] {
  return [...Deno.readDirSync(`${repository}/${folder}`)].flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) return sources(path);
    return path.endsWith(".ts") ? [path] : [];
  });
}

Deno.test("every arrow between the modules of src points one way", () => {
  const paths = sources("src");
  assert.ok(paths.includes("src/ipam/cidr.ts"), "src was not found");
  const breaches = paths.flatMap((path) =>
    breachesOf(path, Deno.readTextFileSync(`${repository}/${path}`))
  );
  assert.deepEqual(breaches, []);
});

const bad: readonly (readonly [path: string, text: string, what: RegExp])[] = [
  [
    "src/ipam/a.ts",
    `import { x } from "../routes/x.ts";`,
    /imports src\/routing\/x.ts/,
  ],
  ["src/ipam/a.ts", `export * from "../log.ts";`, /imports src\/log.ts/],
  ["src/ipam/a.ts", `import "node:fs";`, /imports node:fs/],
  ["src/ipam/a.ts", `const m = await import("../node.ts");`, /imports src\/node.ts/],
  [
    "src/ipam/a.ts",
    `import type {\n  A,\n} from "../node_service.ts";`,
    /node_service/,
  ],
  ["src/ipam/deep/a.ts", `import { x } from "../../kernel/x.ts";`, /src\/dataplane/],
  ["src/routing/a.ts", `import { x } from "../kernel/x.ts";`, /imports src\/dataplane/],
  ["src/routing/a.ts", `const now = Date.now();`, /Date/],
  ["src/routing/a.ts", `export const a = Math.random();`, /Math/],
  ["src/ipam/a.ts", `Deno.stdout.writeSync(bytes);`, /Deno/],
  ["src/ipam/a.ts", `setTimeout(f, 1);`, /set\(Timeout/],
  ["src/ipam/a.ts", `globalThis.x = 1;`, /globalThis/],
  ["src/ipam/a.ts", `console.error("//");`, /console/],
  ["src/ipam/a.ts", `const t = performance.now();`, /performance/],
  ["src/sidecar.ts", `new Deno.Command("ip");`, /Command/],
  ["src/sidecar.ts", `const { Command } = Deno; new Command("ip");`, /Command/],
  ["src/sidecar.ts", `Deno["Command"]`, /Deno/],
  ["src/api/a.ts", `import { spawn } from "node:child_process";`, /child_process/],
  ["src/api/a.ts", `import { a } from "../commands/flags.ts";`, /commands/],
  ["src/dataplane/a.ts", `import { a } from "../rpc/server.ts";`, /imports src\/api/],
  ["src/dataplane/a.ts", `import { a } from "../commands/serve.ts";`, /commands/],
  [
    "src/dataplane/a.ts",
    `import type { Call } from "../node_service.ts";`,
    /node_service/,
  ],
  ["src/dataplane/a.ts", `import { a } from "../node.ts";`, /imports src\/node.ts/],
  ["src/sidecar.ts", `await import(name);`, /computed/],
  ["src/sidecar.ts", "await import(`./${name}.ts`);", /computed/],
];

for (const [path, text, what] of bad) {
  Deno.test(`the architecture is broken by ${JSON.stringify(text)} in ${path}`, () => {
    assert.match(breachesOf(path, text).map(({ what }) => what).join("; "), what);
  });
}

const good: readonly (readonly [path: string, text: string])[] = [
  ["src/ipam/a.ts", `import { IPv4 } from "ip-num";\nimport { b } from "./b.ts";`],
  ["src/routing/a.ts", `import type { Ipv4Cidr } from "../ipam/cidr.ts";`],
  [
    "src/dataplane/a.ts",
    `import { c } from "../ipam/cidr.ts"; new Deno.Command("ip");`,
  ],
  [
    "src/ipam/a.ts",
    `// Date, Deno.Command and console are for others\nexport const a = 1;`,
  ],
  ["src/sidecar.ts", `import { session } from "./kernel/session.ts";`],
  ["src/api/a.ts", `import type { NodeService } from "../node_service.ts";`],
];

for (const [path, text] of good) {
  Deno.test(`the architecture allows ${JSON.stringify(text)} in ${path}`, () => {
    assert.deepEqual(breachesOf(path, text), []);
  });
}
