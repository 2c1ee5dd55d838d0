import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { err, ok, type Result } from "../../shared/result.ts";
import { readPemFile } from "./pem_file.ts";

/** Paths of files in PEM. */
export interface TlsFiles {
  /** The server's certificate, followed by those between it and its CA. */
  readonly cert: string;
  readonly key: string;
  /** The CAs that client certificates are checked against; undefined: no client needs one. */
  readonly ca: string | undefined;
}

/** The contents of {@linkcode TlsFiles}. */
export interface TlsMaterial {
  readonly cert: string;
  readonly key: string;
  readonly ca: string | undefined;
}

/** The facts of a certificate for the log. */
export interface CertificateFacts {
  /** E.g. `O=Quilt, CN=node-1`. */
  readonly subject: string;
  readonly validTo: Date;
}

/** Reads the files; the fault is one sentence. */
export async function readTlsFiles(
  files: TlsFiles,
): Promise<Result<TlsMaterial, string>> {
  const cert = await readPemFile(files.cert);
  if (!cert.ok) return cert;
  const key = await readPemFile(files.key);
  if (!key.ok) return key;
  const ca = files.ca === undefined ? ok(undefined) : await readPemFile(files.ca);
  if (!ca.ok) return ca;
  return ok({ cert: cert.value, key: key.value, ca: ca.value });
}

/**
 * Checks whether a server can use the material. Deno does not: it accepts anything, and
 * then every handshake fails.
 */
export function checkTlsMaterial(
  { ca, cert, key }: TlsMaterial,
): Result<CertificateFacts, string> {
  const chain = parseCertificates(cert);
  const [own] = chain ?? [];
  if (own === undefined) return err("The file of --tls-cert is not a PEM certificate");
  if (ca !== undefined && parseCertificates(ca) === undefined) {
    return err("The file of --tls-ca is not a PEM certificate");
  }
  const keyFault = describeKeyFault(key, own);
  if (keyFault !== undefined) return err(keyFault);
  const subject = own.subject.replaceAll("\n", ", ");
  return ok({ subject, validTo: new Date(own.validTo) });
}

/** Why the key cannot be used; undefined if it can. */
function describeKeyFault(pem: string, own: X509Certificate): string | undefined {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    return "The file of --tls-key is not a PEM private key without a passphrase";
  }
  if (!isSupportedKey(key)) {
    const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
    const kind = [key.asymmetricKeyType, modulusLength ?? namedCurve].join(" ").trim();
    return `The key of --tls-key has an unsupported type (${kind}); use RSA ` +
      "of 2048 to 8192 bits, ECDSA on P-256, P-384 or P-521, or Ed25519";
  }
  return own.checkPrivateKey(key)
    ? undefined
    : "The key of --tls-key does not belong to the certificate";
}

/** With any other key Deno 2.9.3 cannot sign, and every handshake fails (measured). */
function isSupportedKey(
  { asymmetricKeyDetails, asymmetricKeyType }: KeyObject,
): boolean {
  const { modulusLength = 0, namedCurve = "" } = asymmetricKeyDetails ?? {};
  switch (asymmetricKeyType) {
    case "rsa":
      return modulusLength >= 2048 && modulusLength <= 8192;
    case "ec":
      return ["prime256v1", "secp384r1", "secp521r1"].includes(namedCurve);
    default:
      return asymmetricKeyType === "ed25519";
  }
}

const BEGIN_LINE = "-----BEGIN CERTIFICATE-----";
const CERTIFICATE =
  /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

/**
 * Parses the certificates of a PEM bundle.
 *
 * @returns at least one; undefined if there is none or one is incomplete
 */
export function parseCertificates(pem: string): readonly X509Certificate[] | undefined {
  const blocks = pem.match(CERTIFICATE) ?? [];
  if (blocks.length === 0 || blocks.length !== pem.split(BEGIN_LINE).length - 1) {
    return undefined;
  }
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch {
    return undefined;
  }
}
