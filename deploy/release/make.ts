/**
 * `deno task make-release FOLDER` makes a release of the commit that is checked out: the
 * image, the files for hosts and for Kubernetes, the bill of materials, the notes, and the
 * checksums of all of them. The same commit gives the same bytes.
 *
 * The time in it is the commit's. With SOURCE_DATE_EPOCH (in seconds since 1970) it is
 * that, and git is not used: the files are packed as they are, from a commit or not. Needs
 * root, buildah, tar, gzip, and what deploy/image/bases.sh needs.
 */
import { resolve } from "node:path";
import { SIDECAR_VERSION } from "../../src/shared/versions.ts";
import { pack } from "./archive.ts";
import { run } from "./commands.ts";
import { IMAGE_DOCUMENTS, layOutHost } from "./host_files.ts";
import { notesOf } from "./notes.ts";

const repository = resolve(import.meta.dirname ?? ".", "../..");
const name = `quilt-sidecar-${SIDECAR_VERSION}`;
const host = `${name}-linux-amd64`;
const image = `localhost/quilt-sidecar:${SIDECAR_VERSION}`;

/** Another one than a run beside this one has, and than the image that it makes has. */
const building = `localhost/quilt-sidecar-release:${Deno.pid}`;

/** As in deploy/image/build.sh. */
const buildah = { env: { BUILDAH_ISOLATION: "chroot" } };

/** The time of the release, in seconds since 1970. */
async function timeOfRelease(): Promise<number> {
  const given = Deno.env.get("SOURCE_DATE_EPOCH");
  if (given !== undefined) {
    if (/^\d{1,10}$/.test(given)) return Number(given);
    throw new Error(
      `Cannot read SOURCE_DATE_EPOCH as seconds: current value is ${given}`,
    );
  }
  const git = ["git", "-c", `safe.directory=${repository}`, "-C", repository];
  const changes = await run([...git, "status", "--porcelain"]);
  if (changes !== "") {
    const [first] = changes.split("\n");
    throw new Error(
      `Files differ from the commit, e.g. "${first}"; commit them, or set SOURCE_DATE_EPOCH`,
    );
  }
  return Number(await run([...git, "log", "-1", "--format=%ct"]));
}

/** The image as an archive in the OCI layout; its files for hosts, and its bill. */
async function makeImage(folder: string, work: string, time: number): Promise<void> {
  await run(
    [`${repository}/deploy/image/build.sh`, building, "--timestamp", `${time}`],
  );
  const container = await run(["buildah", "from", building], buildah);
  try {
    const files = await run(["buildah", "mount", container], buildah);
    const layout = `oci:${work}/oci:${image}`;
    await run(["buildah", "push", "--quiet", building, layout], buildah);
    await layOutHost(files, `${work}/${host}`);
    await Deno.copyFile(
      `${files}/${IMAGE_DOCUMENTS}/sbom.cdx.json`,
      `${folder}/${name}.cdx.json`,
    );
  } finally {
    await run(["buildah", "rm", container], buildah);
    await run(["buildah", "rmi", building], buildah);
  }
  const names = [...Deno.readDirSync(`${work}/oci`)].map(({ name }) => name).sort();
  const layout = { folder: `${work}/oci`, names, time };
  await pack(`${folder}/${host}.oci.tar`, layout);
  await pack(`${folder}/${host}.tar.gz`, { folder: work, names: [host], time });
}

/** What kustomize reads, and nothing that runs in a clone alone. */
const KUSTOMIZATIONS = ["base", "components", "overlays"];

async function makeManifests(
  folder: string,
  work: string,
  time: number,
): Promise<void> {
  const top = `${name}-kubernetes`;
  await Deno.mkdir(`${work}/${top}`);
  const sources = KUSTOMIZATIONS.map((each) =>
    `${repository}/deploy/kubernetes/${each}`
  );
  await run(["cp", "--recursive", ...sources, `${work}/${top}`]);
  await pack(`${folder}/${top}.tar.gz`, { folder: work, names: [top], time });
  await Deno.copyFile(
    `${repository}/deploy/podman/quilt.yaml`,
    `${folder}/${name}-podman.yaml`,
  );
}

async function makeNotes(folder: string): Promise<void> {
  const changelog = await Deno.readTextFile(`${repository}/CHANGELOG.md`);
  await Deno.writeTextFile(
    `${folder}/RELEASE_NOTES.md`,
    notesOf(changelog, SIDECAR_VERSION),
  );
}

/** Readable by `sha256sum --check`. */
async function makeChecksums(folder: string): Promise<void> {
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  const sums = await run(["sha256sum", ...names], { cwd: folder });
  await Deno.writeTextFile(`${folder}/SHA256SUMS`, `${sums}\n`);
}

/** A folder that is there, and empty. */
async function emptyFolder(given: string | undefined): Promise<string> {
  if (given === undefined || given.startsWith("-")) {
    throw new Error("Name a folder: deno task make-release FOLDER");
  }
  // The task runs in the root of the clone; a folder is named from where the user is.
  const folder = resolve(Deno.env.get("INIT_CWD") ?? Deno.cwd(), given);
  await Deno.mkdir(folder, { recursive: true });
  if ([...Deno.readDirSync(folder)].length > 0) {
    throw new Error(`${folder} is not empty; name another folder`);
  }
  return folder;
}

/** The answer is the folder of the release. */
async function makeRelease(): Promise<string> {
  const folder = await emptyFolder(Deno.args[0]);
  const time = await timeOfRelease();
  // First of all, because a changelog without a date fails.
  await makeNotes(folder);
  const work = await Deno.makeTempDir();
  try {
    await makeImage(folder, work, time);
    await makeManifests(folder, work, time);
  } finally {
    await Deno.remove(work, { recursive: true });
  }
  await makeChecksums(folder);
  return folder;
}

function write(stream: typeof Deno.stdout, line: string): Promise<number> {
  return stream.write(new TextEncoder().encode(`${line}\n`));
}

try {
  const folder = await makeRelease();
  await write(Deno.stdout, `Made ${name} in ${folder}; SHA256SUMS lists its files`);
} catch (cause) {
  const why = cause instanceof Error ? cause.message : String(cause);
  await write(Deno.stderr, why);
  Deno.exit(1);
}
