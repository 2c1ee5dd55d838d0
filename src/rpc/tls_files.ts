import { createPrivateKey, X509Certificate } from "node:crypto";
import { type Checked, fail, pass } from "../ipam/checked.ts";

/** Paths of files in PEM. */
export interface TlsFiles {
  /** The server's certificate, followed by those between it and its CA. */
  readonly cert: string;
  readonly key: string;
  /** The CAs whose clients are let in; undefined: every client is. */
  readonly ca: string | undefined;
}

/** What is in the files. */
export interface TlsMaterial {
  readonly cert: string;
  readonly key: string;
  readonly ca: string | undefined;
}

/** What an operator wants to know of a certificate. */
export interface CertificateFacts {
  /** E.g. `O=Quilt, CN=node-1`. */
  readonly subject: string;
  readonly validTo: Date;
}

/** Reads the files; a fault is one sentence. */
export async function readTlsFiles(
  files: TlsFiles,
): Promise<Checked<TlsMaterial, string>> {
  const cert = await read(files.cert);
  if (!cert.ok) return cert;
  const key = await read(files.key);
  if (!key.ok) return key;
  const ca = files.ca === undefined ? pass(undefined) : await read(files.ca);
  if (!ca.ok) return ca;
  return pass({ cert: cert.value, key: key.value, ca: ca.value });
}

async function read(path: string): Promise<Checked<string, string>> {
  try {
    return pass(await Deno.readTextFile(path));
  } catch (cause) {
    return fail(`Cannot read ${path}: ${describe(cause, path)}`);
  }
}

function describe(cause: unknown, path: string): string {
  if (cause instanceof Deno.errors.NotCapable) {
    const directory = path.replace(/\/[^/]*$/, "");
    return "the sandbox does not grant it; " +
      `start with --allow-read=${directory} (see README)`;
  }
  if (cause instanceof Deno.errors.NotFound) return "there is no such file";
  return cause instanceof Error ? cause.message : String(cause);
}

/**
 * Whether a server can use the material. Asked beforehand: Deno takes anything, and then
 * refuses every client.
 */
export function checkTlsMaterial(
  { ca, cert, key }: TlsMaterial,
): Checked<CertificateFacts, string> {
  const chain = readCertificates(cert);
  const [own] = chain ?? [];
  if (own === undefined) return fail("The file of --tls-cert is no certificate in PEM");
  if (ca !== undefined && readCertificates(ca) === undefined) {
    return fail("The file of --tls-ca is no certificate in PEM");
  }
  try {
    if (!own.checkPrivateKey(createPrivateKey(key))) {
      return fail("The key of --tls-key does not belong to the certificate");
    }
  } catch {
    return fail("The file of --tls-key is no private key in PEM without a passphrase");
  }
  const subject = own.subject.replaceAll("\n", ", ");
  return pass({ subject, validTo: new Date(own.validTo) });
}

const BEGINNING = "-----BEGIN CERTIFICATE-----";
const CERTIFICATE =
  /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

/** At least one; undefined as well for a bundle of which an end is missing. */
export function readCertificates(pem: string): readonly X509Certificate[] | undefined {
  const blocks = pem.match(CERTIFICATE) ?? [];
  if (blocks.length === 0 || blocks.length !== pem.split(BEGINNING).length - 1) {
    return undefined;
  }
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch {
    return undefined;
  }
}
