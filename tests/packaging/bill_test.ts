import assert from "node:assert/strict";
import { SIDECAR_VERSION, TESTED_DENO_VERSION } from "../../src/shared/versions.ts";
import {
  isJsonObject,
  objectAt,
  parseJsonObject,
  stringAt,
} from "../../deploy/json.ts";
import { runToEnd } from "../support/namespace.ts";
import { repository } from "../support/serve_task.ts";

async function runTask(name: string, ...words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runToEnd([
    ...[Deno.execPath(), "task", "--quiet", name, ...words],
  ]);
  assert.equal(code, 0, stderr);
  return stdout;
}

function objectsAt(value: unknown, name: string) {
  const found = isJsonObject(value) ? value[name] : undefined;
  assert.ok(Array.isArray(found) && found.every(isJsonObject), name);
  return found;
}

const lock = parseJsonObject(Deno.readTextFileSync(`${repository}/deno.lock`));
const locked = objectAt(lock, "npm");

Deno.test("the bill of materials names Deno and every shipped package, with the hash of the lock file", async () => {
  const bill = parseJsonObject(await runTask("sbom"));
  assert.equal(bill["bomFormat"], "CycloneDX");
  const described = objectAt(objectAt(bill, "metadata"), "component");
  assert.equal(described["version"], SIDECAR_VERSION);
  const [deno, ...packages] = objectsAt(bill, "components");
  assert.equal(deno?.["version"], TESTED_DENO_VERSION);
  for (const shipped of packages) {
    const id = stringAt(shipped, "bom-ref");
    // Behind an underscore stand the peers that the package was resolved with.
    const [own] = id.split("_");
    assert.equal(own, `${stringAt(shipped, "name")}@${stringAt(shipped, "version")}`);
    const [hash] = objectsAt(shipped, "hashes");
    const digest = Uint8Array.fromHex(String(hash?.["content"])).toBase64();
    assert.equal(stringAt(objectAt(locked, id), "integrity"), `sha512-${digest}`);
  }
  const ids = packages.map((shipped) => stringAt(shipped, "bom-ref"));
  const tested = Object.keys(locked).filter((id) => !ids.includes(id));
  assert.deepEqual(tested.map((id) => id.replace(/@[^@]*$/, "")).sort(), [
    ...["@grafana/schema", "dictionary-en-gb", "fast-check", "is-buffer", "nspell"],
    "pure-rand",
  ]);
  const known = new Set([...ids, `deno@${TESTED_DENO_VERSION}`]);
  for (const { dependsOn } of objectsAt(bill, "dependencies")) {
    assert.ok(
      Array.isArray(dependsOn) && dependsOn.every((id) => known.has(String(id))),
    );
  }
});

Deno.test("the bill of materials of an image has the Debian packages whose records dpkg wrote", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(
    `${folder}/libelf1`,
    "Package: libelf1\nStatus: install ok installed\nArchitecture: amd64\n" +
      "Source: elfutils\nVersion: 0.188-2.1\nDescription: library\n Version: no\n",
  );
  const bill = parseJsonObject(await runTask("sbom", folder));
  await Deno.remove(folder, { recursive: true });
  assert.deepEqual(objectsAt(bill, "components").at(-1), {
    "type": "library",
    "bom-ref": "deb:libelf1",
    "name": "libelf1",
    "version": "0.188-2.1",
    "licenses": [{ license: { name: "see /usr/share/doc/libelf1/copyright" } }],
    "purl": "pkg:deb/debian/libelf1@0.188-2.1?arch=amd64&distro=debian-12",
  });
  const [sidecar] = objectsAt(bill, "dependencies");
  const { dependsOn } = sidecar ?? {};
  assert.ok(Array.isArray(dependsOn) && dependsOn.includes("deb:libelf1"));
});

Deno.test("deno.json denies the build scripts of each package that has some, so that no command warns about them", () => {
  const withScripts = Object.keys(locked).filter((id) =>
    objectAt(locked, id)["scripts"] === true
  );
  assert.notEqual(withScripts.length, 0);
  const config = parseJsonObject(Deno.readTextFileSync(`${repository}/deno.json`));
  const { deny } = objectAt(config, "allowScripts");
  assert.deepEqual(deny, withScripts.map((id) => `npm:${id.replace(/@[^@]*$/, "")}`));
});

Deno.test("the licences name each shipped package", async () => {
  const [bill, text] = [
    parseJsonObject(await runTask("sbom")),
    await runTask("licences"),
  ];
  const [, ...packages] = objectsAt(bill, "components");
  for (const shipped of packages) {
    const [licence] = objectsAt(shipped, "licenses").map((one) =>
      objectAt(one, "license")
    );
    const id = stringAt(licence ?? {}, "id");
    assert.ok(text.includes(`\n## ${stringAt(shipped, "bom-ref")}: ${id}\n`));
  }
});

Deno.test("--version prints the version of deno.json", async () => {
  const words = [Deno.execPath(), "run", "--cached-only", "src/main.ts", "--version"];
  const { code, stdout } = await runToEnd(words);
  assert.deepEqual({ code, stdout }, { code: 0, stdout: `${SIDECAR_VERSION}\n` });
});
