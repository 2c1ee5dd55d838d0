import type { Logger } from "../observability/logger.ts";
import type { DisconnectReason } from "./connections.ts";
import { describeHandshakeError, type HandshakeError } from "./tls/handshake_error.ts";

const WARNING_INTERVAL_MS = 60_000;

const REASONS: { readonly [Reason in DisconnectReason]: string } = {
  "frames without calls": "it sent hundreds of HTTP/2 frames that belong to no call",
  "bytes without calls": "it sent more bytes than its calls may have",
  "long headers": "it sent headers that decode to more than 64 KiB",
  "untaken answers": "it does not read its answers, so they fill the memory",
  "error": "its HTTP/2 session failed",
};

/**
 * Logs each disconnected client: the first of a minute for each reason as a warning, the
 * others at debug, because a client can cause any number of them.
 */
export function disconnectLogger(
  logger: Logger,
): (peer: string, reason: DisconnectReason) => void {
  const isDue = oncePerInterval<DisconnectReason>();
  return (peer, reason) => {
    const level = isDue(reason) ? "warn" : "debug";
    logger.log(level, `Cut off client ${peer}: ${REASONS[reason]}`, { peer });
  };
}

/**
 * Logs failed TLS handshakes: the first of a minute for each kind as a warning, the others
 * at debug. A client that only hung up is logged at debug.
 */
export function handshakeErrorLogger(
  logger: Logger,
): (error: HandshakeError) => void {
  const isDue = oncePerInterval<HandshakeError["kind"]>();
  return (error) => {
    const isWarning = error.kind !== "closed" && isDue(error.kind);
    logger.log(isWarning ? "warn" : "debug", describeHandshakeError(error));
  };
}

/** Whether a minute has passed since the last warning for the same key. */
function oncePerInterval<Key>(): (key: Key) => boolean {
  const warnedAt = new Map<Key, number>();
  return (key) => {
    const now = performance.now();
    const isDue = now - (warnedAt.get(key) ?? -Infinity) >= WARNING_INTERVAL_MS;
    if (isDue) warnedAt.set(key, now);
    return isDue;
  };
}

/**
 * The warning that this process has served as many connections as its memory is meant for,
 * and that no service manager restarts it.
 *
 * @param removeRoutesOnExit whether a restart removes the routes
 */
export function describeSessionLimit(
  sessions: number,
  removeRoutesOnExit: boolean,
): string {
  const effect = removeRoutesOnExit
    ? "--remove-routes-on-exit removes its routes then"
    : "its routes stay";
  return `Deno keeps about 30 KB of each of ${sessions} connections since the start, so ` +
    "the sidecar accepts only 25 new ones a second from now on; restart the sidecar to " +
    `free that memory, ${effect}`;
}
