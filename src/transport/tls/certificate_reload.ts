import { quote } from "../../shared/quote.ts";
import { ok, type Result } from "../../shared/result.ts";
import type { Logger } from "../../observability/logger.ts";
import {
  type CertificateFacts,
  checkTlsMaterial,
  readTlsFiles,
  type TlsFiles,
  type TlsMaterial,
} from "./files.ts";

/** Certificate and key as they were loaded, and how to follow their files. */
export interface LoadedTls {
  readonly material: TlsMaterial;
  /**
   * Reloads the files whenever they change, and logs the certificate in use.
   *
   * @param apply uses the new material; may throw if Deno cannot use it
   */
  reloadOnChange(apply: (material: TlsMaterial) => void, logger: Logger): void;
}

/**
 * Loads and checks the files.
 *
 * @returns undefined without files; one sentence if they cannot be used
 */
export async function loadTls(
  files: TlsFiles | undefined,
): Promise<Result<LoadedTls | undefined, string>> {
  if (files === undefined) return ok(undefined);
  const read = await readTlsFiles(files);
  if (!read.ok) return read;
  const material = read.value;
  const checked = checkTlsMaterial(material);
  if (!checked.ok) return checked;
  return ok({
    material,
    reloadOnChange(apply, logger) {
      logCertificate(logger, "TLS is on, with the certificate", checked.value);
      watchTlsFiles(files, material, (reload) => applyReload(reload, apply, logger));
    },
  });
}

/** The result of a reload. */
export type CertificateReload =
  | {
    readonly kind: "reloaded";
    readonly material: TlsMaterial;
    readonly facts: CertificateFacts;
  }
  /** The old material stays in use. */
  | { readonly kind: "unusable"; readonly reason: string };

const POLL_MS = 1_000;

/**
 * Polls the files every second: it reads a few KB in less than a tenth of a millisecond. A
 * watch on a file does not notice that Kubernetes updates a secret, because that changes a
 * symbolic link beside it.
 */
function watchTlsFiles(
  files: TlsFiles,
  inUse: TlsMaterial,
  onReload: (reload: CertificateReload) => void,
): void {
  const detector = new ReloadDetector(inUse, onReload);
  let isReading = false;
  const poll = async (): Promise<void> => {
    if (isReading) return;
    isReading = true;
    detector.observe(await readTlsFiles(files));
    isReading = false;
  };
  setInterval(poll, POLL_MS);
}

/** Detects a change of the files by comparing two readings of their content. */
export class ReloadDetector {
  readonly #onReload: (reload: CertificateReload) => void;
  #reported: string;
  #latest: string;

  constructor(inUse: TlsMaterial, onReload: (reload: CertificateReload) => void) {
    this.#onReload = onReload;
    this.#reported = this.#latest = JSON.stringify({ ok: true, value: inUse });
  }

  /** A change counts when it was read twice, because files are written one by one. */
  observe(read: Result<TlsMaterial, string>): void {
    const current = JSON.stringify(read);
    const isStable = current === this.#latest;
    this.#latest = current;
    if (!isStable || current === this.#reported) return;
    this.#reported = current;
    this.#onReload(checkReload(read));
  }
}

function checkReload(read: Result<TlsMaterial, string>): CertificateReload {
  if (!read.ok) return { kind: "unusable", reason: read.fault };
  const checked = checkTlsMaterial(read.value);
  return checked.ok
    ? { kind: "reloaded", material: read.value, facts: checked.value }
    : { kind: "unusable", reason: checked.fault };
}

function applyReload(
  reload: CertificateReload,
  apply: (material: TlsMaterial) => void,
  logger: Logger,
): void {
  switch (reload.kind) {
    case "reloaded":
      try {
        apply(reload.material);
      } catch (cause) {
        // Deno throws for some material that it cannot use. Uncaught, that would end us.
        return logUnusable(logger, String(cause));
      }
      logCertificate(
        logger,
        "Reloaded the TLS files, with the certificate",
        reload.facts,
      );
      break;
    case "unusable":
      logUnusable(logger, reload.reason);
      break;
    default:
      reload satisfies never;
  }
}

function logUnusable(logger: Logger, reason: string): void {
  const stays = "Cannot use the new TLS files, so the old ones stay in use";
  logger.log("warn", `${stays}: ${reason}`);
}

/** An expired certificate is used: clients decide, and our clock may be wrong. */
function logCertificate(
  logger: Logger,
  event: string,
  { subject, validTo }: CertificateFacts,
): void {
  const isExpired = validTo.getTime() < Date.now();
  const end = `${isExpired ? "expired on" : "valid until"} ${validTo.toISOString()}`;
  const level = isExpired ? "warn" : "info";
  logger.log(level, `${event} of ${quote(subject)}, ${end}`);
}
