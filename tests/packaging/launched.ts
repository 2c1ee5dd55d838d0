/** Runs the launcher with programs in the place of Deno and npx that print their words. */
import assert from "node:assert/strict";

import { repository } from "../support/serve_task.ts";

/** The launcher of this clone. */
export const LAUNCHER = `${repository}/bin/quilt-sidecar`;

/** Programs of the system that the launcher runs itself. */
const TOOLS = ["sh", "cksum", "dirname", "env", "ln", "mkdir", "readlink", "tr"];

/** A Deno that says which version it is, fetches nothing, and prints how it is started. */
const DENO = `#!/bin/sh
case $1 in
  --version) echo "deno $DENO_STAND_IN (stable, release, x86_64-unknown-linux-gnu)" ;;
  install) echo "$PWD $*" >>"$INSTALLS" && exit "$INSTALL_CODE" ;;
  *) printf '%s\\0' "$0" "$@" ;;
esac
`;

/** An npx that has a Deno of its own. */
const NPX = `#!/bin/sh
echo "$*" >>"$NPX_CALLS"
echo "\${0%/*}/of-npx/deno"
`;

/** What there is to be found. */
export interface Surroundings {
  /** The version of the Deno in PATH; undefined: there is none. @default "2.9.3" */
  readonly deno?: string | undefined;
  /** Whether npx is in PATH. @default false */
  readonly hasNpx?: boolean;
  /** The exit code of `deno install`. @default 0 */
  readonly installCode?: number;
}

/** What the launcher started, or why it refused. */
export type Launched =
  | {
    readonly kind: "started";
    /** Which Deno. */
    readonly deno: string;
    /** Each grant's value by its name, e.g. `127.0.0.1:50051` by `net`. */
    readonly grants: Readonly<Record<string, string>>;
    /** The options of `deno run` that grant nothing. */
    readonly flags: readonly string[];
    readonly program: string;
    readonly args: readonly string[];
  }
  | { readonly kind: "refused"; readonly code: number; readonly sentence: string };

/** A folder for a user of the launcher, with programs that stand in for the real ones. */
export interface Desk extends Disposable {
  /** Where the user is. */
  readonly folder: string;
  /** Runs the launcher; what Deno keeps stays from one run to the next. */
  launch(words: readonly string[], around?: Surroundings): Promise<Launched>;
  /** A line for each `deno install`: where, and with which words. */
  installs(): readonly string[];
  /** A line for each npx: its words. */
  npxCalls(): readonly string[];
}

/** Makes one; it is deleted when disposed. */
export async function makeDesk(): Promise<Desk> {
  const root = await Deno.makeTempDir();
  const at = (name: string): string => `${root}/${name}`;
  for (const name of ["home", "tools", "deno", "npx/of-npx", "cache"]) {
    await Deno.mkdir(at(name), { recursive: true });
  }
  for (const tool of TOOLS) await Deno.symlink(whereIs(tool), at(`tools/${tool}`));
  for (
    const [name, text] of [["deno/deno", DENO], ["npx/of-npx/deno", DENO], [
      "npx/npx",
      NPX,
    ]] as const
  ) {
    await Deno.writeTextFile(at(name), text, { mode: 0o755 });
  }
  const launch: Desk["launch"] = async (words, around = {}) => {
    const { deno = "2.9.3", hasNpx = false, installCode = 0 } = around;
    const hasDeno = !("deno" in around) || around.deno !== undefined;
    const path = [
      ...hasDeno ? [at("deno")] : [],
      ...hasNpx ? [at("npx")] : [],
      at("tools"),
    ];
    const { code, stdout, stderr } = await new Deno.Command(LAUNCHER, {
      args: [...words],
      cwd: at("home"),
      clearEnv: true,
      env: {
        PATH: path.join(":"),
        DENO_DIR: at("cache"),
        DENO_STAND_IN: deno,
        INSTALLS: at("installs"),
        INSTALL_CODE: `${installCode}`,
        NPX_CALLS: at("npx-calls"),
      },
    }).output();
    const text = new TextDecoder();
    const sentence = text.decode(stderr);
    if (code !== 0) return { kind: "refused", code, sentence };
    assert.equal(sentence, "");
    return takeApart(text.decode(stdout).split("\0").slice(0, -1));
  };
  return {
    folder: at("home"),
    launch,
    installs: () => linesOf(at("installs")),
    npxCalls: () => linesOf(at("npx-calls")),
    [Symbol.dispose]: () => Deno.removeSync(root, { recursive: true }),
  };
}

/** Stands for the value of a grant that has none. */
export const EVERYTHING = "everything";

/** The grants among the options of `deno run`, and the others. */
export function splitFlags(flags: readonly string[]): {
  readonly grants: Readonly<Record<string, string>>;
  readonly flags: readonly string[];
} {
  const grants = new Map<string, string>();
  const others: string[] = [];
  for (const flag of flags) {
    const [, name, value] = /^--allow-([a-z]+)(?:=(.*))?$/s.exec(flag) ?? [];
    if (name === undefined) others.push(flag);
    else {
      // Given twice, it would add up.
      assert.ok(!grants.has(name), flag);
      grants.set(name, value ?? EVERYTHING);
    }
  }
  return { grants: Object.fromEntries(grants), flags: others };
}

function takeApart([deno = "", run, ...words]: readonly string[]): Launched {
  assert.equal(run, "run");
  const program = words.findIndex((word) => /\/(src|demo)\/main\.ts$/.test(word));
  assert.ok(program >= 0, JSON.stringify(words));
  return {
    kind: "started",
    deno,
    ...splitFlags(words.slice(0, program)),
    program: words[program] ?? "",
    args: words.slice(program + 1),
  };
}

function whereIs(tool: string): string {
  const found = (Deno.env.get("PATH") ?? "").split(":").map((folder) =>
    `${folder}/${tool}`
  ).find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });
  if (found === undefined) throw new Error(`The launcher needs ${tool} in PATH`);
  return found;
}

function linesOf(path: string): readonly string[] {
  try {
    return Deno.readTextFileSync(path).split("\n").slice(0, -1);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return [];
    throw cause;
  }
}
