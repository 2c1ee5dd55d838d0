import type { IncomingHttpHeaders } from "node:http2";

/** A request or an answer of this size costs nothing besides the call. */
const FREE_BYTES = 512;
/** Costs as much as one call: 7 routes of a SyncRoutes that changes nothing. */
const REQUEST_BYTES = 180;
/** The same for an answer: 25 routes of a ListRoutes. */
const ANSWER_BYTES = 1_500;
/** The same for headers. */
const HEADER_BYTES = 4 * 1024;

/** What the parts of a call cost besides the call itself, in calls. */
export class CallCosts {
  /** The cost of the latest answer, by method. */
  readonly #answers = new Map<string, number>();

  /** A message of a request. */
  ofRequest(bytes: number): number {
    return costOf(bytes, REQUEST_BYTES);
  }

  /** The headers of a call, and the answer that it usually gets. */
  ofHeaders(headers: IncomingHttpHeaders): number {
    const answer = this.#answers.get(headers[":path"] ?? "") ?? 0;
    return answer + costOf(headerListSize(headers), HEADER_BYTES);
  }

  /** What an answer costs more than the usual one, which was paid when the call began. */
  ofAnswer(path: string, bytes: number): number {
    const usual = this.#answers.get(path) ?? 0;
    const cost = costOf(bytes, ANSWER_BYTES);
    this.#answers.set(path, cost);
    return cost - usual;
  }
}

function costOf(bytes: number, unit: number): number {
  return Math.floor(Math.max(0, bytes - FREE_BYTES) / unit);
}

/** RFC 9113, 6.5.2 */
function headerListSize(headers: IncomingHttpHeaders): number {
  return Object.entries(headers).reduce(
    (size, [name, value]) => size + name.length + String(value).length + 32,
    0,
  );
}
