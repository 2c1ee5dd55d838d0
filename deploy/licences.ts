/**
 * `deno task licences` writes the licences of the npm packages that the sidecar is
 * shipped with to standard output, each with its text.
 */
import { licenceOf, type ShippedPackage, shippedPackages } from "./shipped.ts";

const HEAD =
  `The sidecar is shipped with these packages from the npm registry. Deno itself has
the MIT licence. An image holds, besides, Debian packages: the licence of each is in
/usr/share/doc/PACKAGE/copyright.
`;

async function describe(shipped: ShippedPackage): Promise<string> {
  const texts = await Promise.all(licenceFiles(shipped.folder).map(readTrimmed));
  return [`## ${shipped.id}: ${await licenceOf(shipped)}`, ...texts].join("\n\n");
}

/** Some packages have none: the identifier in their package.json is all they say. */
function licenceFiles(folder: URL): readonly URL[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name)
    .filter((name) => /^(licen[cs]e|copying|notice)/i.test(name)).sort()
    .map((name) => new URL(name, folder));
}

async function readTrimmed(file: URL): Promise<string> {
  return (await Deno.readTextFile(file)).trim();
}

const described = await Promise.all((await shippedPackages()).map(describe));
const text = new Blob([`${[HEAD.trimEnd(), ...described].join("\n\n")}\n`]);
await text.stream().pipeTo(Deno.stdout.writable);
