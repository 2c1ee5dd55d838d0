/**
 * `deno task generate` writes src/api/gen/ from the .proto files, the reference of the
 * commands in docs/cli.md and docs/cli-reference.md from their definitions, and the table of metrics in
 * docs/telemetry.md from the instruments, and the messages in docs/troubleshooting.md from
 * the checks. It also writes the version of deno.json wherever
 * a name of the release has it. Run it after each change of one of them; a test fails if
 * that was not done.
 *
 * The types come from proto-loader's own generator: `Route` is what the decoder returns,
 * with every field; `RouteInput` is what the encoder accepts. The descriptors, which
 * server reflection sends, come from protoc, which needs Python with pip once.
 */
import { Buffer } from "node:buffer";
import config from "../../deno.json" with { type: "json" };
import { LOADER_OPTIONS } from "../../src/api/proto_registry.ts";
import { BADGES, drawBadge } from "../../docs/pictures/badges.ts";
import { COMMANDS } from "../../src/cli/commands.ts";
import { REFERENCE_PAGES, withReference } from "./command_reference.ts";
import { FINDINGS_PAGE, withFindings } from "./findings_reference.ts";
import { print } from "./isolation.ts";
import { TELEMETRY_PAGE, withMetrics } from "./metrics_reference.ts";
import { runToEnd } from "./namespace.ts";
import { repository } from "./serve_task.ts";
import { prepareTool, protocCompiler, type ToolCommand } from "./tools.ts";
import { STAMPED, withVersion } from "./version_stamp.ts";

/** Where the generated files are committed. */
export const GENERATED = `${repository}/src/api/gen`;
/** The descriptors among them. */
export const DESCRIPTORS = "descriptor_set.txt";

/** It comes with proto-loader, in the version that deno.json pins. */
const GENERATOR = `${
  config.imports["@grpc/proto-loader"]
}/build/bin/proto-loader-gen-types.js`;

/** The two versions of reflection differ in their names only: one has types. */
const TYPED = [
  "quilt.proto",
  "quilt_sidecar.proto",
  "grpc/health/v1/health.proto",
  "grpc/reflection/v1/reflection.proto",
];
/** All that are served. */
export const PROTO_FILES: readonly string[] = [
  ...TYPED,
  "grpc/reflection/v1alpha/reflection.proto",
];

/**
 * Writes the types into a folder that is not there yet.
 *
 * @param folder an absolute path
 * @throws {Error} if the generator fails, with what it wrote to stderr
 */
export async function generateTypes(folder: string): Promise<void> {
  const loaderFlags = Object.entries(LOADER_OPTIONS).map(([name, value]) =>
    value === true ? `--${name}` : `--${name}=${value.name}`
  );
  await run({
    command: [
      ...[Deno.execPath(), "run", "--quiet", "--frozen", "--cached-only"],
      ...["--allow-all", GENERATOR, ...loaderFlags],
      ...["--grpcLib=@grpc/grpc-js", "--includeDirs=proto", `--outDir=${folder}`],
      ...["--targetFileExtension=.ts", "--importFileExtension=.ts"],
      ...["--inputTemplate=%sInput", "--outputTemplate=%s", ...TYPED],
    ],
    env: {},
  });
  await dropClients(folder);
}

/**
 * Asks protoc for the descriptors of all files, those they import included.
 *
 * @returns a serialized `google.protobuf.FileDescriptorSet` in base64, in lines
 * @throws {Error} if protoc fails, with what it wrote to stderr
 */
async function generateDescriptors(): Promise<string> {
  await prepareTool("python", print);
  const { env, command } = await protocCompiler();
  const file = await Deno.makeTempFile();
  await run({
    command: [
      ...[...command, "--proto_path=proto", "--include_imports"],
      ...[`--descriptor_set_out=${file}`, ...PROTO_FILES],
    ],
    env,
  });
  const text = Buffer.from(await Deno.readFile(file)).toString("base64");
  await Deno.remove(file);
  return text.replaceAll(/.{1,88}/g, "$&\n");
}

/** An interface of a client's methods, up to the brace that closes it. */
const CLIENT = /^export interface \w+Client extends [^]*?^\}\n\n/gm;

/** The types of clients are left out: none is made of them, and they are a third of all. */
async function dropClients(folder: string, isInside = false): Promise<void> {
  for await (const { isDirectory, name } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) {
      await dropClients(path, true);
    } else if (isInside) {
      const text = await Deno.readTextFile(path);
      await Deno.writeTextFile(path, text.replace(CLIENT, ""));
    } else {
      // One file for each .proto, with the types of what makes clients.
      await Deno.remove(path);
    }
  }
}

async function run({ env, command }: ToolCommand): Promise<void> {
  const { code, stderr } = await runToEnd(command, { env });
  if (code !== 0) throw new Error(`${command.join(" ")} failed: ${stderr}`);
}

/** Writes the version of deno.json into all files that name it. */
async function stampVersion(): Promise<void> {
  for (const path of STAMPED.map((path) => `${repository}/${path}`)) {
    const text = await Deno.readTextFile(path);
    await Deno.writeTextFile(path, withVersion(text, config.version));
  }
}

async function drawBadges(): Promise<void> {
  for (const badge of BADGES) {
    await Deno.writeTextFile(
      `${repository}/docs/pictures/${badge.name}.svg`,
      drawBadge(badge),
    );
  }
}

if (import.meta.main) {
  await stampVersion();
  await drawBadges();
  for (const page of REFERENCE_PAGES) {
    const text = await withReference(page, COMMANDS);
    await Deno.writeTextFile(`${repository}/${page.path}`, text);
  }
  const telemetry = await Deno.readTextFile(TELEMETRY_PAGE);
  await Deno.writeTextFile(TELEMETRY_PAGE, await withMetrics(telemetry));
  const findings = await Deno.readTextFile(FINDINGS_PAGE);
  await Deno.writeTextFile(FINDINGS_PAGE, await withFindings(findings));
  // Both are made before anything is replaced, because either may fail.
  const descriptors = await generateDescriptors();
  const folder = `${GENERATED}.new`;
  await generateTypes(folder);
  await Deno.writeTextFile(`${folder}/${DESCRIPTORS}`, descriptors);
  await Deno.remove(GENERATED, { recursive: true });
  await Deno.rename(folder, GENERATED);
}
