import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import {
  loadFileDescriptorSetFromBuffer,
  type PackageDefinition,
} from "@grpc/proto-loader";
import { LOADER_OPTIONS, loadProto } from "../../src/api/proto_registry.ts";
import {
  DESCRIPTORS,
  GENERATED,
  generateTypes,
  PROTO_FILES,
} from "../support/generate.ts";
import { SIDECAR_VERSION } from "../../src/shared/versions.ts";
import { repository } from "../support/serve_task.ts";
import { STAMPED, withVersion } from "../support/version_stamp.ts";

const REMEDY = "A .proto file has changed: run deno task generate";

/** Each file of a folder by its path within, with its text. */
function textsIn(folder: string, within = ""): Readonly<Record<string, string>> {
  const texts = [...Deno.readDirSync(`${folder}/${within}`)].map((entry) => {
    const path = `${within}${entry.name}`;
    return entry.isDirectory
      ? textsIn(folder, `${path}/`)
      : { [path]: Deno.readTextFileSync(`${folder}/${path}`) };
  });
  return Object.assign({}, ...texts);
}

Deno.test("the types in src/api/gen/ are what deno task generate makes from the .proto files", async () => {
  const folder = await Deno.makeTempDir();
  await generateTypes(`${folder}/gen`);
  const { [DESCRIPTORS]: _, ...committed } = textsIn(GENERATED);
  assert.deepEqual(committed, textsIn(`${folder}/gen`), REMEDY);
  await Deno.remove(folder, { recursive: true });
});

/** What a package defines, in JSON as proto-loader describes it. */
function describe(definition: PackageDefinition): ReadonlyMap<string, string> {
  const described = Object.entries(definition).map(([name, entry]) => {
    const described = "format" in entry ? entry.type : Object.values(entry).map(
      (
        { path, requestStream, requestType, responseStream, responseType },
      ) => [path, requestStream, requestType.type, responseStream, responseType.type],
    );
    return [name, JSON.stringify(described, leaveMapEntriesOut)] as const;
  });
  return new Map(described.filter(([name]) => !name.endsWith("Entry")));
}

/** From a text protobufjs names the entries of a map otherwise, and does not mark them. */
function leaveMapEntriesOut(key: string, value: unknown): unknown {
  if (key === "options") return undefined;
  return typeof value === "string" ? value.replace(/Entry$/, "") : value;
}

// That they are what protoc makes, byte for byte, is part of tests/e2e/interop_test.ts.
Deno.test("the descriptors in src/api/gen/ are what deno task generate makes from the .proto files", () => {
  const text = Deno.readTextFileSync(`${GENERATED}/${DESCRIPTORS}`);
  const committed = loadFileDescriptorSetFromBuffer(
    Buffer.from(text, "base64"),
    LOADER_OPTIONS,
  );
  const files = PROTO_FILES.map((name) =>
    loadProto(Deno.readTextFileSync(`${repository}/proto/${name}`))
  );
  assert.deepEqual(describe(committed), describe(Object.assign({}, ...files)), REMEDY);
});

Deno.test("each file that names an image or a file of the release names the version of deno.json", () => {
  let named = 0;
  for (const path of STAMPED) {
    const text = Deno.readTextFileSync(`${repository}/${path}`);
    const stamped = withVersion(text, SIDECAR_VERSION);
    assert.equal(text, stamped, `The version has changed: run deno task generate`);
    if (withVersion(text, "next") !== text) named += 1;
  }
  assert.ok(named > 3, `${named} files name it`);
});
