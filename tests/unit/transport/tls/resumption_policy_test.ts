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

const showing = ({ cert, key }: CertificateFiles) => ["-cert", cert, "-key", key];

for (const version of ["-tls1_2", "-tls1_3"]) {
  Deno.test(`a session is taken up without a certificate only as long as a full handshake would let that certificate in: ${version}`, async () => {
    const { folder, ca, material, otherCa } = await makeFolder();
    using greeter = await openGreeter(material);
    const agent = showing(await ca.issue("agent"));
    const begin = async (session: string) => {
      const keep = [version, "-sess_out", `${folder}/${session}`];
      assert.equal(await greeter.greet([...keep, ...agent]), "shown");
    };
    const takeUp = (session: string) =>
      greeter.greet([version, "-sess_in", `${folder}/${session}`]);
    for (const session of ["first", "second", "third", "fourth"]) await begin(session);
    assert.equal(await takeUp("first"), "taken up");
    greeter.renew({ ...material, ca: otherCa });
    assert.equal(await takeUp("second"), undefined);
    greeter.renew({ ...material, ca: `${otherCa}${material.ca}` });
    assert.equal(await takeUp("third"), "taken up");
    greeter.wait(31 * DAY_MS);
    assert.equal(await takeUp("fourth"), undefined);
    await Deno.remove(folder, { recursive: true });
  });
}

Deno.test("a session of an expired certificate is not taken up though the CAs are the same", async () => {
  const { folder, ca, material } = await makeFolder();
  using greeter = await openGreeter(material);
  const agent = showing(await ca.issue("agent", { days: 3 }));
  const session = `${folder}/session`;
  assert.equal(await greeter.greet(["-sess_out", session, ...agent]), "shown");
  greeter.wait(4 * DAY_MS);
  assert.equal(await greeter.greet(["-sess_in", session]), undefined);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("after a change of the CAs a session is vouched for through the CAs between", async () => {
  const { folder, ca, material, otherCa } = await makeFolder();
  using greeter = await openGreeter(material);
  const upper = await ca.issueAuthority("upper");
  const lower = await upper.issueAuthority("lower");
  const agent = showing(await lower.issue("agent"));
  const between = `${folder}/between.crt`;
  await Deno.writeTextFile(
    between,
    [lower, upper].map(({ cert }) => Deno.readTextFileSync(cert)).join(""),
  );
  const session = `${folder}/session`;
  const words = [...agent, "-cert_chain", between, "-sess_out", session];
  assert.equal(await greeter.greet(words), "shown");
  greeter.renew({ ...material, ca: `${otherCa}${material.ca}` });
  assert.equal(await greeter.greet(["-sess_in", session]), "taken up");
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a session is taken up with a CA of whatever kind that a handshake takes", async () => {
  const { folder, material } = await makeFolder();
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-521"];
  const ca = await makeAuthority(folder, "large", key);
  using greeter = await openGreeter({
    ...material,
    ca: Deno.readTextFileSync(ca.cert),
  });
  const agent = showing(await ca.issue("agent"));
  const session = `${folder}/session`;
  assert.equal(await greeter.greet(["-sess_out", session, ...agent]), "shown");
  assert.equal(await greeter.greet(["-sess_in", session]), "taken up");
  await Deno.remove(folder, { recursive: true });
});
