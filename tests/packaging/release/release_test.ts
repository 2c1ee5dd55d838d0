/**
 * @needs releases
 */
import assert from "node:assert/strict";
import {
  arrayAt,
  isJsonObject,
  objectAt,
  parseJsonObject,
  stringAt,
} from "../../../deploy/json.ts";
import { notesOf } from "../../../deploy/release/notes.ts";
import { SIDECAR_VERSION, TESTED_DENO_VERSION } from "../../../src/shared/versions.ts";
import { argumentsOf, label } from "../containerfile.ts";
import { stringsAt } from "../../support/image.ts";
import { runToEnd } from "../../support/namespace.ts";
import { withReleases } from "../../support/releases.ts";
import { repository } from "../../support/serve_task.ts";

const NAME = `quilt-sidecar-${SIDECAR_VERSION}`;
const ARCHIVE = `${NAME}-linux-amd64`;

async function must(...words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runToEnd(words);
  assert.equal(code, 0, `${words.join(" ")}: ${stderr}`);
  return stdout;
}

/** Unpacks an archive; the folder is there until it is disposed. */
async function unpacked(archive: string) {
  const folder = await Deno.makeTempDir();
  await must("tar", "--extract", "--file", archive, "--directory", folder);
  return {
    folder,
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

/** What differs between two files or, within two archives, between their files. */
async function differences(first: string, second: string): Promise<string> {
  const { code, stdout } = await runToEnd(["cmp", first, second]);
  if (code === 0) return "";
  if (!/\.tar(\.gz)?$/.test(first)) return stdout;
  await using one = await unpacked(first);
  await using other = await unpacked(second);
  const named = await runToEnd(
    ["diff", "--brief", "--recursive", "--no-dereference", one.folder, other.folder],
  );
  return `${stdout}${named.stdout}`;
}

/** A JSON object of an OCI layout, by the descriptor that names it. */
function readBlob(layout: string, descriptor: unknown) {
  assert.ok(isJsonObject(descriptor));
  const digest = stringAt(descriptor, "digest").replace(":", "/");
  return parseJsonObject(Deno.readTextFileSync(`${layout}/blobs/${digest}`));
}

withReleases("the release", (first, second) => {
  Deno.test("the release made twice is the same, byte for byte", async () => {
    const names = [...Deno.readDirSync(first)].map(({ name }) => name).sort();
    assert.deepEqual(names, [
      "RELEASE_NOTES.md",
      "SHA256SUMS",
      `${NAME}-kubernetes.tar.gz`,
      `${ARCHIVE}.oci.tar`,
      `${ARCHIVE}.tar.gz`,
      `${NAME}-podman.yaml`,
      `${NAME}.cdx.json`,
    ]);
    assert.deepEqual(
      [...Deno.readDirSync(second)].map(({ name }) => name).sort(),
      names,
    );
    const found = await Promise.all(
      names.map((name) => differences(`${first}/${name}`, `${second}/${name}`)),
    );
    assert.equal(found.join(""), "");
    const sums = ["sh", "-c", 'cd "$1" && sha256sum --check SHA256SUMS', "sh", first];
    assert.equal((await must(...sums)).split(": OK\n").length, names.length);
  });

  Deno.test("the image archive is an OCI layout that has the image of the Containerfile", async () => {
    await using layout = await unpacked(`${first}/${ARCHIVE}.oci.tar`);
    const index = parseJsonObject(Deno.readTextFileSync(`${layout.folder}/index.json`));
    const [descriptor, ...others] = arrayAt(index, "manifests");
    assert.deepEqual(others, []);
    assert.ok(isJsonObject(descriptor));
    assert.deepEqual(descriptor["annotations"], {
      "org.opencontainers.image.ref.name": `localhost/quilt-sidecar:${SIDECAR_VERSION}`,
    });
    const image = readBlob(
      layout.folder,
      readBlob(layout.folder, descriptor)["config"],
    );
    assert.deepEqual([image["architecture"], image["os"]], ["amd64", "linux"]);
    const config = objectAt(image, "config");
    assert.deepEqual(stringsAt(config, "Entrypoint"), argumentsOf("ENTRYPOINT"));
    const version = objectAt(config, "Labels")["org.opencontainers.image.version"];
    assert.equal(version, label("version"));
    // An OCI image has none: the pods have probes of their own.
    assert.equal(config["Healthcheck"], undefined);
    // By a tool that loads it, into a storage of its own.
    const storage = await Deno.makeTempDir();
    const apart = [
      "buildah",
      "--root",
      `${storage}/root`,
      "--runroot",
      `${storage}/run`,
    ];
    const loaded = await runToEnd([
      ...[...apart, "--storage-driver", "vfs", "pull", "--quiet"],
      `oci-archive:${first}/${ARCHIVE}.oci.tar`,
    ]);
    assert.equal(loaded.code, 0, loaded.stderr);
    await Deno.remove(storage, { recursive: true });
  });

  Deno.test("the archive for hosts has the files of the image, which start, and the bill has all that is in it", async () => {
    await using archive = await unpacked(`${first}/${ARCHIVE}.tar.gz`);
    const folder = `${archive.folder}/${ARCHIVE}`;
    const image = `${folder}/image`;
    const shown = await must(`${image}/usr/bin/deno`, "--version");
    assert.match(
      shown,
      new RegExp(`^deno ${TESTED_DENO_VERSION.replaceAll(".", "\\.")} `),
    );
    assert.equal(Deno.readTextFileSync(`${folder}/VERSION`), `${SIDECAR_VERSION}\n`);
    assert.equal((Deno.statSync(`${folder}/install.sh`).mode ?? 0) & 0o777, 0o755);

    const text = Deno.readTextFileSync(`${first}/${NAME}.cdx.json`);
    const inside = `${image}/usr/share/doc/quilt-sidecar/sbom.cdx.json`;
    assert.equal(text, Deno.readTextFileSync(inside));
    const packages = [...Deno.readDirSync(`${image}/var/lib/dpkg/status.d`)]
      .map(({ name }) => name).sort();
    const components = arrayAt(parseJsonObject(text), "components").filter(
      isJsonObject,
    );
    const debian = components.filter((each) =>
      stringAt(each, "purl").startsWith("pkg:deb/debian/")
    );
    assert.deepEqual(debian.map((each) => stringAt(each, "name")), packages);
    assert.ok(packages.includes("iproute2"));
    const iproute2 = debian.find((each) => each["name"] === "iproute2");
    assert.equal(
      iproute2?.["purl"],
      "pkg:deb/debian/iproute2@6.1.0-3?arch=amd64&distro=debian-12",
    );
    const deno = components.find((each) => each["name"] === "deno");
    assert.equal(deno?.["version"], TESTED_DENO_VERSION);
  });

  Deno.test("the archive for Kubernetes has what kustomize reads, Podman has its pod, and the notes are of this version", async () => {
    await using archive = await unpacked(`${first}/${NAME}-kubernetes.tar.gz`);
    const packed = `${archive.folder}/${NAME}-kubernetes`;
    const packedNames = [...Deno.readDirSync(packed)].map(({ name }) => name).sort();
    assert.deepEqual(packedNames, ["base", "components", "overlays"]);
    for (const name of packedNames) {
      const source = `${repository}/deploy/kubernetes/${name}`;
      await must("diff", "--recursive", `${packed}/${name}`, source);
    }
    await must(
      "cmp",
      `${first}/${NAME}-podman.yaml`,
      `${repository}/deploy/podman/quilt.yaml`,
    );
    const changelog = Deno.readTextFileSync(`${repository}/CHANGELOG.md`);
    const notes = Deno.readTextFileSync(`${first}/RELEASE_NOTES.md`);
    assert.equal(notes, notesOf(changelog, SIDECAR_VERSION));
    assert.ok(!notes.includes("\n## "));
  });
});
