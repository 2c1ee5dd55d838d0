/**
 * `deno task licences` writes the licences of the npm packages that the sidecar is
 * shipped with to standard output, each with its text.
 */
import { TESTED_DENO_VERSION } from "../src/shared/versions.ts";
import {
  licenceOf,
  readText,
  type ShippedPackage,
  shippedPackages,
} from "./shipped.ts";

const HEAD =
  `The sidecar is shipped with Deno, and with these packages from the npm registry. An
image holds Debian packages as well: the licence of each is in
/usr/share/doc/PACKAGE/copyright.`;

/** Deno has the licence of the sidecar, word for word, from other authors. */
async function describeDeno(): Promise<string> {
  const authors = "Copyright 2018-2026 the Deno authors";
  const text = (await readText("LICENSE")).replace(/^Copyright .*$/m, authors);
  return `## deno@${TESTED_DENO_VERSION}: MIT\n\n${text.trim()}`;
}

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
const text = [HEAD, await describeDeno(), ...described].join("\n\n");
await new Blob([`${text}\n`]).stream().pipeTo(Deno.stdout.writable);
