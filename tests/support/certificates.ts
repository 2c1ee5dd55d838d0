/** Certificates of CAs that exist for one test, made by the openssl command. */
import { runToEnd } from "./namespace.ts";

/** A certificate and its key, as files in PEM. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

/** How {@linkcode CertificateAuthority.issue} makes it. */
export interface IssueOptions {
  /** @default {"/O=Quilt/CN=NAME"} */
  readonly subject?: string;
  /** From now; below 0 it has expired. @default {30} */
  readonly days?: number;
  /** @default {"IP:127.0.0.1,DNS:localhost"} */
  readonly names?: string;
}

/** A CA of its own. */
export interface CertificateAuthority {
  /** Its certificate. */
  readonly cert: string;
  /** Makes a certificate, as NAME.crt and NAME.key beside that of the CA. */
  issue(name: string, options?: IssueOptions): Promise<CertificateFiles>;
}

const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

async function openssl(...words: readonly string[]): Promise<void> {
  const { code, stderr } = await runToEnd(["openssl", ...words]);
  if (code !== 0) throw new Error(`openssl ${words.join(" ")}: ${stderr}`);
}

/** Makes a CA whose files are in this folder. */
export async function makeAuthority(
  folder: string,
  name: string,
): Promise<CertificateAuthority> {
  const [cert, key] = [`${folder}/${name}.crt`, `${folder}/${name}.key`];
  const self = ["-keyout", key, "-out", cert, "-days", "30", "-subj", `/CN=${name}`];
  await openssl("req", "-x509", ...KEY, ...self);
  const issue = async (leaf: string, options: IssueOptions = {}) => {
    const { subject = `/O=Quilt/CN=${leaf}`, days = 30 } = options;
    const { names = "IP:127.0.0.1,DNS:localhost" } = options;
    const path = `${folder}/${leaf}`;
    const made = { cert: `${path}.crt`, key: `${path}.key` };
    await openssl(
      ...["req", ...KEY, "-keyout", made.key, "-out", `${path}.csr`, "-subj", subject],
      ...["-utf8", "-addext", `subjectAltName=${names}`],
    );
    await openssl(
      ...["x509", "-req", "-in", `${path}.csr`, "-CA", cert, "-CAkey", key],
      ...["-CAcreateserial", "-copy_extensions", "copy", "-days", `${days}`],
      ...["-out", made.cert],
    );
    return made;
  };
  return { cert, issue };
}
