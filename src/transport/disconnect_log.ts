import type { Logger } from "../observability/logger.ts";
import type { Cut } from "./connections.ts";

const MINUTE_MS = 60_000;

const REASONS: { readonly [Why in Cut]: string } = {
  "frames without calls": "it sent hundreds of HTTP/2 frames that belong to no call",
  "bytes without calls": "it sent more bytes than its calls may have",
  "long headers": "it sent headers that decode to more than 64 KiB",
  "untaken answers": "its answers wait in memory, and nobody takes them",
  "error": "its HTTP/2 session failed",
};

/** Warns once a minute for each reason: a client can bring about any number. */
export function cutTeller(logger: Logger): (peer: string, why: Cut) => void {
  const warned = new Map<Cut, number>();
  return (peer, why) => {
    const now = performance.now();
    const isNews = now - (warned.get(why) ?? -Infinity) >= MINUTE_MS;
    if (isNews) warned.set(why, now);
    logger.log(isNews ? "warn" : "debug", `Cut off client ${peer}: ${REASONS[why]}`);
  };
}

/**
 * A sidecar that nobody restarts has served as many connections as its memory is meant for.
 *
 * @param removeRoutesOnExit a restart is not without effect then
 */
export function describeWorn(sessions: number, removeRoutesOnExit: boolean): string {
  const effect = removeRoutesOnExit
    ? "--remove-routes-on-exit removes its routes then"
    : "its routes stay";
  return `${sessions} connections since the start, of each of which Deno keeps some ` +
    "30 KB: new ones are let in at 25 a second from now on; restart the sidecar to free " +
    `that memory, ${effect}`;
}
