import assert from "node:assert/strict";
import {
  checkTlsMaterial,
  type TlsMaterial,
} from "../../../../src/transport/tls/files.ts";
import { makeAuthority } from "../../../support/certificates.ts";
import { openGreeter } from "../greeter.ts";

const ON = ["-newkey", "ec", "-pkeyopt"];
const RSA_PSS = ["-newkey", "rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048"];

/** Arguments of openssl-req(1), the name of the kind, and whether it can be used. */
const KINDS: readonly (readonly [
  words: readonly string[],
  kind: string,
  isUsable: boolean,
])[] = [
  [["-newkey", "rsa:2048"], "rsa 2048", true],
  [["-newkey", "rsa:4096"], "rsa 4096", true],
  [["-newkey", "rsa:1024"], "rsa 1024", false],
  [RSA_PSS, "rsa-pss 2048", false],
  [[...ON, "ec_paramgen_curve:P-256"], "ec prime256v1", true],
  [[...ON, "ec_paramgen_curve:P-384"], "ec secp384r1", true],
  [[...ON, "ec_paramgen_curve:P-521"], "ec secp521r1", true],
  [[...ON, "ec_paramgen_curve:secp256k1"], "ec secp256k1", false],
  [["-newkey", "ed25519"], "ed25519", true],
  [["-newkey", "ed448"], "ed448", false],
];

/** Whether a handshake with openssl's client succeeds. */
async function isServed(material: TlsMaterial): Promise<boolean> {
  try {
    using greeter = await openGreeter(material);
    return await greeter.greet([]) !== undefined;
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error;
    return false;
  }
}

Deno.test("checkTlsMaterial accepts a key if a handshake succeeds with it, and otherwise names the kinds that can be used", async () => {
  const folder = await Deno.makeTempDir();
  const authority = await makeAuthority(folder, "ca");
  for (const [at, [words, kind, isUsable]] of KINDS.entries()) {
    const made = await authority.issue(`own${at}`, { key: words });
    const [cert, key] = [made.cert, made.key].map((path) =>
      Deno.readTextFileSync(path)
    );
    assert.ok(cert !== undefined && key !== undefined);
    const material = { cert, key, ca: undefined };
    assert.equal(await isServed(material), isUsable, kind);
    const checked = checkTlsMaterial(material);
    assert.equal(checked.ok, isUsable, kind);
    if (checked.ok) continue;
    assert.equal(
      checked.fault,
      `The key of --tls-key has an unsupported type (${kind}); use RSA of ` +
        "2048 to 8192 bits, ECDSA on P-256, P-384 or P-521, or Ed25519",
    );
  }
  await Deno.remove(folder, { recursive: true });
});
