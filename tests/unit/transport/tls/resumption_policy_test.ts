import assert from "node:assert/strict";
import type { TlsMaterial } from "../../../../src/transport/tls/files.ts";
import { type CertificateFiles, makeAuthority } from "../../../support/certificates.ts";
import { openGreeter } from "../greeter.ts";

const DAY_MS = 86_400_000;

/** A folder with the CAs "ca" and "other", and a client of each. */
async function makeFolder() {
  const folder = await Deno.makeTempDir();
  const ca = await makeAuthority(folder, "ca");
  const other = await makeAuthority(folder, "other");
  const own = await ca.issue("own");
  const read = (path: string) => Deno.readTextFileSync(path);
  const material: TlsMaterial = {
    cert: read(own.cert),
    key: read(own.key),
    ca: read(ca.cert),
  };
  return { folder, ca, other, material, otherCa: read(other.cert) };
}

const presenting = ({ cert, key }: CertificateFiles) => ["-cert", cert, "-key", key];

for (const version of ["-tls1_2", "-tls1_3"]) {
  Deno.test(`ResumptionPolicy allows a session only as long as a full handshake would accept its certificate: ${version}`, async () => {
    const { folder, ca, material, otherCa } = await makeFolder();
    using greeter = await openGreeter(material);
    const agent = presenting(await ca.issue("agent"));
    const begin = async (session: string) => {
      const keep = [version, "-sess_out", `${folder}/${session}`];
      assert.equal(await greeter.greet([...keep, ...agent]), "full");
    };
    const resume = (session: string) =>
      greeter.greet([version, "-sess_in", `${folder}/${session}`]);
    for (const session of ["first", "second", "third", "fourth"]) await begin(session);
    assert.equal(await resume("first"), "resumed");
    greeter.reload({ ...material, ca: otherCa });
    assert.equal(await resume("second"), undefined);
    greeter.reload({ ...material, ca: `${otherCa}${material.ca}` });
    assert.equal(await resume("third"), "resumed");
    greeter.wait(31 * DAY_MS);
    assert.equal(await resume("fourth"), undefined);
    await Deno.remove(folder, { recursive: true });
  });
}

Deno.test("ResumptionPolicy rejects a session of an expired certificate although the CAs are the same", async () => {
  const { folder, ca, material } = await makeFolder();
  using greeter = await openGreeter(material);
  const agent = presenting(await ca.issue("agent", { days: 3 }));
  const session = `${folder}/session`;
  assert.equal(await greeter.greet(["-sess_out", session, ...agent]), "full");
  greeter.wait(4 * DAY_MS);
  assert.equal(await greeter.greet(["-sess_in", session]), undefined);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("ResumptionPolicy verifies a session through intermediate CAs after a change of the CAs", async () => {
  const { folder, ca, material, otherCa } = await makeFolder();
  using greeter = await openGreeter(material);
  const upper = await ca.issueAuthority("upper");
  const lower = await upper.issueAuthority("lower");
  const agent = presenting(await lower.issue("agent"));
  const intermediates = `${folder}/intermediates.crt`;
  await Deno.writeTextFile(
    intermediates,
    [lower, upper].map(({ cert }) => Deno.readTextFileSync(cert)).join(""),
  );
  const session = `${folder}/session`;
  const words = [...agent, "-cert_chain", intermediates, "-sess_out", session];
  assert.equal(await greeter.greet(words), "full");
  greeter.reload({ ...material, ca: `${otherCa}${material.ca}` });
  assert.equal(await greeter.greet(["-sess_in", session]), "resumed");
  await Deno.remove(folder, { recursive: true });
});

Deno.test("ResumptionPolicy allows a session with a CA of every kind that a handshake accepts", async () => {
  const { folder, material } = await makeFolder();
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-521"];
  const ca = await makeAuthority(folder, "large", key);
  using greeter = await openGreeter({
    ...material,
    ca: Deno.readTextFileSync(ca.cert),
  });
  const agent = presenting(await ca.issue("agent"));
  const session = `${folder}/session`;
  assert.equal(await greeter.greet(["-sess_out", session, ...agent]), "full");
  assert.equal(await greeter.greet(["-sess_in", session]), "resumed");
  await Deno.remove(folder, { recursive: true });
});
