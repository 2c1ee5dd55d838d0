import { ok, type Result } from "../../shared/result.ts";
import { quote } from "../../shared/quote.ts";
import type { Logger } from "../../observability/logger.ts";
import type { RpcServer } from "../server.ts";
import {
  type CertificateFacts,
  checkTlsMaterial,
  readTlsFiles,
  type TlsFiles,
  type TlsMaterial,
} from "./files.ts";
import { describeTlsRefusal, type TlsRefusal } from "./handshake_error.ts";
import { type TlsNews, watchTlsFiles } from "./certificate_reload.ts";

/** TLS as `serve` was told to use it. */
export interface OpenTls {
  readonly material: TlsMaterial;
  /** From now on a server uses what is in the files, as soon as it changes. */
  follow(server: RpcServer, logger: Logger): void;
}

/**
 * Reads the files.
 *
 * @returns nothing when there are none; one sentence when they cannot be used
 */
export async function openTls(
  files: TlsFiles | undefined,
): Promise<Result<OpenTls | undefined, string>> {
  if (files === undefined) return ok(undefined);
  const read = await readTlsFiles(files);
  if (!read.ok) return read;
  const material = read.value;
  const checked = checkTlsMaterial(material);
  if (!checked.ok) return checked;
  return ok({
    material,
    follow(server, logger) {
      tellCertificate(logger, "TLS with the certificate", checked.value);
      watchTlsFiles(files, material, (news) => take(news, server, logger));
    },
  });
}

function take(news: TlsNews, server: RpcServer, logger: Logger): void {
  switch (news.kind) {
    case "renewed":
      try {
        server.renew(news.material);
      } catch (cause) {
        // Deno throws for some of what it cannot use; thrown further, it would end us.
        return tellUnusable(logger, String(cause));
      }
      tellCertificate(logger, "TLS files renewed, with the certificate", news.facts);
      break;
    case "unusable":
      tellUnusable(logger, news.why);
      break;
    default:
      news satisfies never;
  }
}

function tellUnusable(logger: Logger, why: string): void {
  const stays = "New TLS files cannot be used, so the old ones stay in use";
  logger.log("warn", `${stays}: ${why}`);
}

/** An expired one is used all the same: clients decide, and our clock may be wrong. */
function tellCertificate(
  logger: Logger,
  what: string,
  { subject, validTo }: CertificateFacts,
): void {
  const expired = validTo.getTime() < Date.now();
  const end = `${expired ? "expired on" : "valid until"} ${validTo.toISOString()}`;
  logger.log(expired ? "warn" : "info", `${what} of ${quote(subject)}, ${end}`);
}

const MINUTE_MS = 60_000;

/** Warns of each kind of refusal once a minute: anybody can bring about any number. */
export function refusalTeller(logger: Logger): (refusal: TlsRefusal) => void {
  const warned = new Map<TlsRefusal["kind"], number>();
  return (refusal) => {
    const { kind } = refusal;
    const now = performance.now();
    const isNews = now - (warned.get(kind) ?? -Infinity) >= MINUTE_MS;
    const level = kind !== "left" && isNews ? "warn" : "debug";
    if (level === "warn") warned.set(kind, now);
    logger.log(level, describeTlsRefusal(refusal));
  };
}
