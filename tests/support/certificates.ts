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
  /** What kind of key, as in openssl-req(1). @default {P-256} */
  readonly key?: readonly string[];
}

/** A CA of its own. */
export interface CertificateAuthority {
  /** Its certificate. */
  readonly cert: string;
  /** Makes a certificate, as NAME.crt and NAME.key beside that of the CA. */
  issue(name: string, options?: IssueOptions): Promise<CertificateFiles>;
  /** Makes a CA that stands between this one and those that it issues to. */
  issueAuthority(name: string): Promise<CertificateAuthority>;
}

const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];

async function openssl(...words: readonly string[]): Promise<void> {
  const { code, stderr } = await runToEnd(["openssl", ...words]);
  if (code !== 0) throw new Error(`openssl ${words.join(" ")}: ${stderr}`);
}

/**
 * Makes a CA whose files are in this folder.
 *
 * @param kind of key, as in openssl-req(1); default: P-256
 */
export async function makeAuthority(
  folder: string,
  name: string,
  kind: readonly string[] = KEY,
): Promise<CertificateAuthority> {
  const [cert, key] = [`${folder}/${name}.crt`, `${folder}/${name}.key`];
  const self = ["-keyout", key, "-out", cert, "-days", "30", "-subj", `/CN=${name}`];
  await openssl("req", "-x509", ...kind, "-nodes", ...self);
  return authorityOf(folder, { cert, key });
}

function authorityOf(folder: string, own: CertificateFiles): CertificateAuthority {
  const sign = async (leaf: string, options: IssueOptions, extension: string) => {
    const { subject = `/O=Quilt/CN=${leaf}`, days = 30, key = KEY } = options;
    const path = `${folder}/${leaf}`;
    const made = { cert: `${path}.crt`, key: `${path}.key` };
    await openssl(
      ...["req", ...key, "-nodes", "-keyout", made.key, "-out", `${path}.csr`],
      ...["-subj", subject, "-utf8", "-addext", extension],
    );
    await openssl(
      ...["x509", "-req", "-in", `${path}.csr`, "-CA", own.cert, "-CAkey", own.key],
      ...["-CAcreateserial", "-copy_extensions", "copy", "-days", `${days}`],
      ...["-out", made.cert],
    );
    return made;
  };
  return {
    cert: own.cert,
    issue: (leaf, options = {}) => {
      const { names = "IP:127.0.0.1,DNS:localhost" } = options;
      return sign(leaf, options, `subjectAltName=${names}`);
    },
    issueAuthority: async (leaf) =>
      authorityOf(folder, await sign(leaf, {}, "basicConstraints=critical,CA:TRUE")),
  };
}
