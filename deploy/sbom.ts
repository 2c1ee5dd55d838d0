/**
 * `deno task sbom [FOLDER]` writes the software bill of materials of the sidecar to
 * standard output: CycloneDX 1.6 in JSON, made of deno.lock. FOLDER has the records of
 * the Debian packages that the image holds, as dpkg writes them: these are in the bill as
 * well. The same lock and the same records, the same text.
 */
import { SIDECAR_VERSION, TESTED_DENO_VERSION } from "../src/shared/versions.ts";
import { licenceOf, type ShippedPackage, shippedPackages } from "./shipped.ts";

/** A record of dpkg's: `Package: iproute2`, `Version: 6.1.0-3`, and more. */
interface DebianPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
}

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

/** Debian says in a text, not by an identifier, under which licence a package is. */
function debianComponent({ name, version, architecture }: DebianPackage) {
  return {
    "type": "library",
    "bom-ref": `deb:${name}`,
    "name": name,
    "version": version,
    "licenses": [{ license: { name: `see /usr/share/doc/${name}/copyright` } }],
    "purl": `pkg:deb/debian/${encodeURIComponent(name)}@${
      encodeURIComponent(version)
    }?arch=${architecture}&distro=debian-12`,
  };
}

function readDebianPackage(record: string): DebianPackage {
  const field = (name: string): string => {
    const [, value] = new RegExp(`^${name}: (\\S+)`, "m").exec(record) ?? [];
    if (value === undefined) throw new Error(`A record of dpkg has no ${name}`);
    return value;
  };
  return {
    name: field("Package"),
    version: field("Version"),
    architecture: field("Architecture"),
  };
}

/** In order of their names, as the files of the folder are called. */
function debianPackages(folder: string): readonly DebianPackage[] {
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  return names.map((name) =>
    readDebianPackage(Deno.readTextFileSync(`${folder}/${name}`))
  );
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
async function makeBill(debian: readonly DebianPackage[]) {
  const packages = await shippedPackages();
  const imported = packages.filter(({ imported }) => imported).map(({ id }) => id);
  const components = [
    deno,
    ...await Promise.all(packages.map(npmComponent)),
    ...debian.map(debianComponent),
  ];
  const programs = debian.map(({ name }) => `deb:${name}`);
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: { component: sidecar },
    components,
    dependencies: [
      {
        ref: sidecar["bom-ref"],
        dependsOn: [deno["bom-ref"], ...imported, ...programs],
      },
      ...packages.map(({ id, dependencies }) => ({ ref: id, dependsOn: dependencies })),
    ],
  };
}

const [folder] = Deno.args;
const debian = folder === undefined ? [] : debianPackages(folder);
const bill = new Blob([`${JSON.stringify(await makeBill(debian), null, 2)}\n`]);
await bill.stream().pipeTo(Deno.stdout.writable);
