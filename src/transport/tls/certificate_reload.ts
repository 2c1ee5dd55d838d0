import type { Result } from "../../shared/result.ts";
import {
  type CertificateFacts,
  checkTlsMaterial,
  readTlsFiles,
  type TlsFiles,
  type TlsMaterial,
} from "./files.ts";

/** What has become of files that have changed. */
export type TlsNews =
  | {
    readonly kind: "renewed";
    readonly material: TlsMaterial;
    readonly facts: CertificateFacts;
  }
  /** What was there before stays in use. */
  | { readonly kind: "unusable"; readonly why: string };

const LOOK_MS = 1_000;

/**
 * Watches the files by reading them every second: a few KB, less than a tenth of a
 * millisecond. A watch on a file does not see that Kubernetes renews a secret, which
 * changes a link beside it.
 *
 * @returns what ends it
 */
export function watchTlsFiles(
  files: TlsFiles,
  inUse: TlsMaterial,
  tell: (news: TlsNews) => void,
): () => void {
  const renewal = new Renewal(inUse, tell);
  let looking = false;
  const look = async (): Promise<void> => {
    if (looking) return;
    looking = true;
    renewal.see(await readTlsFiles(files));
    looking = false;
  };
  const timer = setInterval(look, LOOK_MS);
  return () => clearInterval(timer);
}

/** Decides what to make of what is seen in the files, one look after another. */
export class Renewal {
  readonly #tell: (news: TlsNews) => void;
  #settled: string;
  #latest: string;

  constructor(inUse: TlsMaterial, tell: (news: TlsNews) => void) {
    this.#tell = tell;
    this.#settled = this.#latest = JSON.stringify({ ok: true, value: inUse });
  }

  /** Nothing counts that was not seen twice: files are written one after another. */
  see(read: Result<TlsMaterial, string>): void {
    const seen = JSON.stringify(read);
    const again = seen === this.#latest;
    this.#latest = seen;
    if (!again || seen === this.#settled) return;
    this.#settled = seen;
    this.#tell(judge(read));
  }
}

function judge(read: Result<TlsMaterial, string>): TlsNews {
  if (!read.ok) return { kind: "unusable", why: read.fault };
  const checked = checkTlsMaterial(read.value);
  return checked.ok
    ? { kind: "renewed", material: read.value, facts: checked.value }
    : { kind: "unusable", why: checked.fault };
}
