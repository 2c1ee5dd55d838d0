/**
 * Programs that we did not write, for the tests to run: grpcurl, grpc-health-probe,
 * h2spec, kustomize, three clients of ours on grpc-go, grpcio and tonic, and validators
 * with the published schemas of Kubernetes, the Prometheus Operator and Compose. They are
 * built into the user's cache before the tests enter their namespaces, where no registry
 * can be reached; a change of what they are built from makes a new folder there. Programs
 * of the machine are only looked for.
 */
import { createHash } from "node:crypto";
import { parseJsonObject, stringAt } from "../../deploy/json.ts";
import { IMAGE, NO_IMAGE } from "./image.ts";
import { BEFORE, makeBoth, NO_RELEASES, RELEASES, unpackBefore } from "./releases.ts";
import { repository } from "./serve_task.ts";

/** Programs that have to be on the PATH: a package of the machine brings them. */
export type Program =
  | "busybox"
  | "curl"
  | "nginx"
  | "prometheus"
  | "promtool"
  | "shellcheck";

/** Programs that tests need and that we did not write; image and releases are ours. */
export type Tool =
  | ("before" | "go" | "image" | "python" | "releases" | "rust" | "schemas")
  | Program;

/** All of them. */
export const TOOLS: readonly Tool[] = [
  "before",
  "busybox",
  "curl",
  "go",
  "image",
  "nginx",
  "prometheus",
  "promtool",
  "python",
  "releases",
  "rust",
  "schemas",
  "shellcheck",
];

/** The programs that are built with Go. */
export type GoTool =
  | "grpcurl"
  | "grpc-health-probe"
  | "h2spec"
  | "kustomize"
  | "quiltcall";

/** The tools that a file of tests has asked for, with `@needs`. */
export const NEEDS = "QUILT_NEEDS";

/** A command line and the variables that it needs. */
export interface ToolCommand {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** One language's programs. */
interface Stack {
  /** What to install where it cannot be prepared. */
  readonly remedy: string;
  /** Its folder in the cache; undefined if the language itself is not there. */
  folder(): Promise<string | undefined>;
  /** Fills an empty folder; the answer is why it could not. */
  fill(folder: string): Promise<string | undefined>;
}

const GO_SOURCES = [
  ...["go.mod", "go.sum", "main.go"],
  ...["frames.go", "fuzz.go", "misuse.go", "steady.go", "wire.go"],
  ...["crds/go.mod", "crds/go.sum"],
];

/** A published CustomResourceDefinition, in its module and in the cache. */
const POD_MONITORS = "monitoring.coreos.com_podmonitors.yaml";

const GO: Stack = {
  remedy: "Go 1.19 or newer (Debian: apt-get install golang)",
  // Not asked for its version: where the cache is filled, Go need not be there.
  folder: () => Promise.resolve(cacheFolder("go", "", GO_SOURCES)),
  fill: async (folder) =>
    await run([
      "go",
      "build",
      "-trimpath",
      "-buildvcs=false",
      "-ldflags=-s -w",
      "-o",
      `${folder}/`,
      ".",
      "github.com/fullstorydev/grpcurl/cmd/grpcurl",
      "github.com/grpc-ecosystem/grpc-health-probe",
      "github.com/summerwind/h2spec/cmd/h2spec",
      "sigs.k8s.io/kustomize/kustomize/v5",
    ], `${repository}/tests/interop/go`) ?? await copyPodMonitors(folder),
};

/** Copies the definition of PodMonitor; the answer is why it could not. */
async function copyPodMonitors(folder: string): Promise<string | undefined> {
  const module = "github.com/prometheus-operator/prometheus-operator";
  const download = ["go", "mod", "download", "-json", module];
  const finished = await finish(download, `${repository}/tests/interop/go/crds`);
  if (finished?.success !== true) {
    return `go mod download failed: ${complaintOf(finished)}`;
  }
  const source = parseJsonObject(new TextDecoder().decode(finished.stdout));
  const definitions = `${stringAt(source, "Dir")}/example/prometheus-operator-crd`;
  await Deno.copyFile(`${definitions}/${POD_MONITORS}`, `${folder}/${POD_MONITORS}`);
  return undefined;
}

const RUST_SOURCES = [
  ...["Cargo.toml", "Cargo.lock"],
  ...["main", "misuse", "random", "steady", "wire"].map((name) => `src/${name}.rs`),
];

const RUST: Stack = {
  remedy: "Rust 1.85 or newer (Debian: apt-get install cargo-web)",
  folder: () => Promise.resolve(cacheFolder("rust", "", RUST_SOURCES)),
  fill: async (folder) => {
    const building = await Deno.makeTempDir();
    const built = await run([
      ...["cargo", "build", "--quiet", "--release", "--locked"],
      ...["--target-dir", building],
    ], `${repository}/tests/interop/rust`);
    if (built === undefined) {
      await Deno.copyFile(`${building}/release/tonicall`, `${folder}/tonicall`);
    }
    await Deno.remove(building, { recursive: true });
    return built;
  },
};

/** Packages of PyPI, pinned in tests/interop/NAME/requirements.txt. */
function pythonStack(name: "python" | "schemas"): Stack {
  return {
    remedy: "Python 3.10 or newer with pip (Debian: apt-get install python3-pip)",
    async folder() {
      const version = await output([
        "python3",
        "-c",
        "import sys; print(sys.version_info[:2])",
      ]);
      if (version === undefined) return undefined;
      return cacheFolder(name, version, ["requirements.txt"]);
    },
    fill: (folder) =>
      run([
        "python3",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--root-user-action=ignore",
        "--only-binary=:all:",
        "--target",
        folder,
        "--requirement",
        `${repository}/tests/interop/${name}/requirements.txt`,
      ], repository),
  };
}

/** The release before this one, and its packages. */
const RELEASE_BEFORE: Stack = {
  remedy: `git and the commit of ${BEFORE.version} (of a shallow clone: ` +
    "git fetch --unshallow)",
  folder: () => Promise.resolve(`${cacheRoot()}/before-${BEFORE.commit.slice(0, 16)}`),
  fill: (folder) => runEach(unpackBefore(folder)),
};

/** What to install for each. */
const PROGRAMS: Readonly<Record<Program, string>> = {
  busybox: "Debian: apt-get install busybox-static",
  curl: "Debian: apt-get install curl",
  nginx: "Debian: apt-get install --no-install-recommends nginx-light",
  prometheus: "Debian: apt-get install --no-install-recommends prometheus",
  promtool: "Debian: apt-get install --no-install-recommends prometheus",
  shellcheck: "Debian: apt-get install shellcheck",
};

const STACKS: Readonly<Record<Exclude<Tool, "image" | "releases" | Program>, Stack>> = {
  before: RELEASE_BEFORE,
  go: GO,
  python: pythonStack("python"),
  rust: RUST,
  schemas: pythonStack("schemas"),
};

/**
 * Builds a tool if the cache has it not yet: Go takes a minute of two cores, and Rust.
 *
 * @param print prints a line about what is built, and why it could not be: then the
 * tests that need it fail
 * @returns variables for these tests
 */
export async function prepareTool(
  tool: Tool,
  print: (line: string) => void,
): Promise<Readonly<Record<string, string>>> {
  if (tool === "image") return await prepareImage(print);
  if (tool === "releases") return await prepareReleases(print);
  if (isProgram(tool)) {
    if (!await isOnPath(tool)) print(missingProgram(tool));
    return {};
  }
  const fault = await prepare(STACKS[tool], print);
  if (fault !== undefined) print(fault);
  return {};
}

/** The image is built each time, because it is under test. */
async function prepareImage(
  print: (line: string) => void,
): Promise<Readonly<Record<string, string>>> {
  // Without root its tests are skipped, with a line about it.
  if (Deno.uid() !== 0 || Deno.env.has(IMAGE)) return {};
  print("Building the image; it takes a minute where no registry of images is near");
  const finished = await finish(
    [`${repository}/tests/packaging/image/build.sh`],
    repository,
  );
  if (finished?.success === true) {
    return { [IMAGE]: new TextDecoder().decode(finished.stdout).trim() };
  }
  print(`The image cannot be built: ${complaintOf(finished)}`);
  return { [IMAGE]: NO_IMAGE };
}

/** They are made each time, because they are under test. */
async function prepareReleases(
  print: (line: string) => void,
): Promise<Readonly<Record<string, string>>> {
  // A run may name a folder with both, as for the image.
  if (Deno.uid() !== 0 || Deno.env.has(RELEASES)) return {};
  print("Making the release twice; it takes a minute or two");
  const folder = await Deno.makeTempDir();
  const fault = await runEach(makeBoth(folder));
  if (fault === undefined) return { [RELEASES]: folder };
  print(`The release cannot be made: ${fault}`);
  await Deno.remove(folder, { recursive: true });
  return { [RELEASES]: NO_RELEASES };
}

/** Takes away what {@linkcode prepareTool} has built for one run alone. */
export async function discardTools(
  variables: Readonly<Record<string, string>>,
): Promise<void> {
  for (const name of [IMAGE, RELEASES]) {
    const folder = variables[name];
    if (folder !== undefined && folder !== NO_IMAGE && folder !== NO_RELEASES) {
      await Deno.remove(folder, { recursive: true });
    }
  }
}

/**
 * A program that was built with Go.
 *
 * @throws {Error} if it is not in the cache, with the remedy.
 */
export async function goTool(name: GoTool): Promise<string> {
  return `${await prepared("go")}/${name}`;
}

/**
 * Our client on tonic.
 *
 * @throws {Error} if it is not in the cache, with the remedy.
 */
export async function tonicClient(): Promise<string> {
  return `${await prepared("rust")}/tonicall`;
}

/**
 * A client of ours on grpcio.
 *
 * @throws {Error} if grpcio is not in the cache, with the remedy.
 */
export async function pythonClient(
  name: "client" | "misuse" | "steady" = "client",
): Promise<ToolCommand> {
  return {
    command: ["python3", `${repository}/tests/interop/python/${name}.py`],
    env: { PYTHONPATH: await prepared("python"), PYTHONDONTWRITEBYTECODE: "1" },
  };
}

/**
 * The parsers of prometheus_client: a page of metrics on standard input, the name of its
 * format as the argument.
 *
 * @throws {Error} if prometheus_client is not in the cache, with the remedy.
 */
export async function metricsParser(): Promise<ToolCommand> {
  return {
    command: ["python3", `${repository}/tests/interop/python/metrics.py`],
    env: { PYTHONPATH: await prepared("python"), PYTHONDONTWRITEBYTECODE: "1" },
  };
}

/**
 * protoc, which comes with grpcio-tools and knows the files of Protocol Buffers.
 *
 * @throws {Error} if grpcio-tools is not in the cache, with the remedy.
 */
export async function protocCompiler(): Promise<ToolCommand> {
  return {
    command: ["python3", "-m", "grpc_tools.protoc"],
    env: { PYTHONPATH: await prepared("python"), PYTHONDONTWRITEBYTECODE: "1" },
  };
}

/**
 * A validator of Kubernetes manifests, with the schemas of every version since 1.25.
 *
 * @throws {Error} if it is not in the cache, with the remedy.
 */
export async function manifestValidator(): Promise<ToolCommand> {
  return {
    command: ["python3", "-m", "kubernetes_validate", "--strict"],
    env: { PYTHONPATH: await prepared("schemas"), PYTHONDONTWRITEBYTECODE: "1" },
  };
}

/**
 * A validator of PodMonitors by the CustomResourceDefinition of the Prometheus Operator:
 * each argument is a file.
 *
 * @throws {Error} if it is not in the cache, with the remedy.
 */
export async function podMonitorValidator(): Promise<ToolCommand> {
  const definition = `${await prepared("go")}/${POD_MONITORS}`;
  return {
    command: [
      "python3",
      `${repository}/tests/interop/schemas/custom_resource.py`,
      definition,
    ],
    env: { PYTHONPATH: await prepared("schemas"), PYTHONDONTWRITEBYTECODE: "1" },
  };
}

/**
 * A validator of Compose files: each argument is a file.
 *
 * @throws {Error} if it is not in the cache, with the remedy.
 */
export async function composeValidator(): Promise<ToolCommand> {
  return {
    command: ["python3", `${repository}/tests/interop/schemas/compose.py`],
    env: { PYTHONPATH: await prepared("schemas"), PYTHONDONTWRITEBYTECODE: "1" },
  };
}

/**
 * The folder of the release before this one: `source`, and `deno-dir` with its packages.
 *
 * @throws {Error} if it is not in the cache, with the remedy.
 */
export function releaseBefore(): Promise<string> {
  return prepared("before");
}

/**
 * A program of the machine.
 *
 * @throws {Error} if it is not there, with the remedy.
 */
export async function machineProgram(program: Program): Promise<string> {
  mustBeNamed(program);
  if (await isOnPath(program)) return program;
  throw new Error(missingProgram(program));
}

function isProgram(tool: Tool): tool is Program {
  return Object.hasOwn(PROGRAMS, tool);
}

async function isOnPath(program: Program): Promise<boolean> {
  return await finish([program, "--version"], repository) !== undefined;
}

function missingProgram(program: Program): string {
  return `The tests need ${program} (${PROGRAMS[program]})`;
}

async function prepare(
  stack: Stack,
  print: (line: string) => void,
): Promise<string | undefined> {
  const folder = await stack.folder();
  if (folder === undefined) return missing(stack, "it is not there");
  if (await exists(folder)) return undefined;
  print(`Building with ${stack.remedy.split(" ")[0]}, once; it takes a minute or two`);
  await Deno.mkdir(cacheRoot(), { recursive: true });
  // Filled elsewhere and then renamed, so that no process finds a part of it.
  const building = await Deno.makeTempDir({ dir: cacheRoot() });
  const fault = await stack.fill(building);
  if (fault === undefined && !await exists(folder)) await Deno.rename(building, folder);
  else await Deno.remove(building, { recursive: true });
  return fault === undefined ? undefined : missing(stack, fault);
}

async function prepared(tool: keyof typeof STACKS): Promise<string> {
  mustBeNamed(tool);
  const stack = STACKS[tool];
  const folder = await stack.folder();
  if (folder !== undefined && await exists(folder)) return folder;
  throw new Error(missing(stack, "the cache has nothing of it"));
}

/** Without its name a file would find the tool or not, as the order has it. */
function mustBeNamed(tool: Tool): void {
  if (Deno.env.get(NEEDS)?.split(" ").includes(tool) === false) {
    throw new Error(`Say "@needs ${tool}" in the first comment of the test's file`);
  }
}

function missing({ remedy }: Stack, why: string): string {
  return `The tests need ${remedy} and a way to its registry, once: ${why}`;
}

function cacheRoot(): string {
  const cache = Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME")}/.cache`;
  return `${cache}/quilt-tests`;
}

function cacheFolder(
  language: "go" | "python" | "rust" | "schemas",
  version: string,
  sources: readonly string[],
): string {
  const hash = createHash("sha256").update(`${Deno.build.target} ${version}`);
  for (const name of sources) {
    hash.update(Deno.readFileSync(`${repository}/tests/interop/${language}/${name}`));
  }
  return `${cacheRoot()}/${language}-${hash.digest("hex").slice(0, 16)}`;
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return false;
  }
}

/** Runs a program to its end; the answer is why it failed. */
async function run(
  words: readonly string[],
  cwd: string,
): Promise<string | undefined> {
  const finished = await finish(words, cwd);
  if (finished === undefined) return `${words[0]} is not there`;
  if (finished.success) return undefined;
  return `${words.slice(0, 3).join(" ")} failed: ${complaintOf(finished)}`;
}

/** Runs programs one after the other; the answer is why the first one failed. */
async function runEach(
  commands: readonly (readonly string[])[],
): Promise<string | undefined> {
  for (const words of commands) {
    const fault = await run(words, repository);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** The last line of what it complained of. */
function complaintOf(finished: Deno.CommandOutput | undefined): string {
  const complaint = new TextDecoder().decode(finished?.stderr).trim();
  return complaint.split("\n").at(-1) ?? "";
}

async function output(words: readonly string[]): Promise<string | undefined> {
  const finished = await finish(words, repository);
  if (finished?.success !== true) return undefined;
  return new TextDecoder().decode(finished.stdout);
}

/** Undefined if there is no such program. */
async function finish(
  [program = "", ...args]: readonly string[],
  cwd: string,
): Promise<Deno.CommandOutput | undefined> {
  // Neither needs a C compiler, and Go must be the one that is here, not a download.
  const env = { CGO_ENABLED: "0", GOTOOLCHAIN: "local" };
  try {
    return await new Deno.Command(program, { args, cwd, env, stdin: "null" }).output();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
