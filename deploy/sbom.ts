/**
 * `deno task sbom` writes the software bill of materials of the sidecar to standard
 * output: CycloneDX 1.6 in JSON, made of deno.lock. The same lock, the same text.
 */
import { SIDECAR_VERSION, TESTED_DENO_VERSION } from "../src/shared/versions.ts";
import { licenceOf, type ShippedPackage, shippedPackages } from "./shipped.ts";

/** Package URLs (purl) write the `@` of a scope in percent encoding. */
function purlOf({ name, version }: ShippedPackage): string {
  return `pkg:npm/${name.replace("@", "%40")}@${version}`;
}

async function npmComponent(shipped: ShippedPackage) {
  return {
    "type": "library",
    "bom-ref": shipped.id,
    "name": shipped.name,
    "version": shipped.version,
    "hashes": [{ alg: "SHA-512", content: shipped.sha512 }],
    "licenses": [{ license: { id: await licenceOf(shipped) } }],
    "purl": purlOf(shipped),
  };
}

const sidecar = {
  "type": "application",
  "bom-ref": "quilt-sidecar",
  "name": "quilt-sidecar",
  "version": SIDECAR_VERSION,
  "licenses": [{ license: { id: "MIT" } }],
};

const deno = {
  "type": "platform",
  "bom-ref": `deno@${TESTED_DENO_VERSION}`,
  "name": "deno",
  "version": TESTED_DENO_VERSION,
  "licenses": [{ license: { id: "MIT" } }],
  "purl": `pkg:npm/deno@${TESTED_DENO_VERSION}`,
};

/** The whole bill. */
async function makeBill() {
  const packages = await shippedPackages();
  const imported = packages.filter(({ imported }) => imported).map(({ id }) => id);
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: { component: sidecar },
    components: [deno, ...await Promise.all(packages.map(npmComponent))],
    dependencies: [
      { ref: sidecar["bom-ref"], dependsOn: [deno["bom-ref"], ...imported] },
      ...packages.map(({ id, dependencies }) => ({ ref: id, dependsOn: dependencies })),
    ],
  };
}

const bill = new Blob([`${JSON.stringify(await makeBill(), null, 2)}\n`]);
await bill.stream().pipeTo(Deno.stdout.writable);
