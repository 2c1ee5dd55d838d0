import type { CollectionResult } from "@opentelemetry/sdk-metrics";
import { quote } from "../shared/quote.ts";
import type { TextPage } from "../shared/text_page.ts";
import { acceptedFormat } from "./accepted_format.ts";
import { CONTENT_TYPES, formatMetrics, type MetricsFormat } from "./openmetrics.ts";

/** Milliseconds between two collections, at least. */
const INTERVAL_MS = 100;
/** Milliseconds that a collection waits while calls are in flight, at most. */
const MAX_WAIT_MS = 100;
const POLL_MS = 2;

/** What {@linkcode MetricsPage} needs. */
export interface MetricsPageOptions {
  /** Reads the metrics as they are now. */
  collect(): Promise<CollectionResult>;
  /** Whether calls are in flight. */
  isBusy(): boolean;
  /** Called with a sentence if metrics cannot be read, once with each. */
  onFault(sentence: string): void;
}

/** What was collected, as a page of each format. */
type Pages = (format: MetricsFormat) => Promise<TextPage>;

/**
 * The page of `GET /metrics`. All who ask until the next collection share it, so that its
 * cost has a bound, however many clients ask and how often. It is never older than the request.
 */
export class MetricsPage {
  readonly #options: MetricsPageOptions;
  /** The collection that is due; undefined: nobody waits. */
  #due: Promise<Pages> | undefined;
  #collectedAt = -Infinity;
  /** Sentences that were reported. */
  readonly #reported = new Set<string>();

  constructor(options: MetricsPageOptions) {
    this.#options = options;
  }

  /**
   * The page in the format that an Accept header prefers. Never rejects: if it cannot be
   * made, it has the status 503 and a sentence.
   */
  async render(accept: string | undefined): Promise<TextPage> {
    this.#due ??= this.#collectSoon();
    const pages = await this.#due;
    return await pages(acceptedFormat(accept));
  }

  async #collectSoon(): Promise<Pages> {
    const { collect, isBusy } = this.#options;
    const pause = this.#collectedAt + INTERVAL_MS - performance.now();
    // A later turn, so that calls which have come already begin first.
    await delay(Math.max(0, pause));
    const end = performance.now() + MAX_WAIT_MS;
    while (isBusy() && performance.now() < end) await delay(POLL_MS);
    // Who asks from now on may know of more than this collection has.
    this.#due = undefined;
    this.#collectedAt = performance.now();
    const collected = collect();
    const pages = new Map<MetricsFormat, Promise<TextPage>>();
    return (format) => {
      const page = pages.get(format) ?? this.#format(collected, format);
      pages.set(format, page);
      return page;
    };
  }

  async #format(
    collected: Promise<CollectionResult>,
    format: MetricsFormat,
  ): Promise<TextPage> {
    try {
      const { errors, resourceMetrics } = await collected;
      // The page has all others.
      for (const error of errors) {
        this.#report(`Cannot read a metric: ${describe(error)}`);
      }
      return pageOf(200, CONTENT_TYPES[format], formatMetrics(resourceMetrics, format));
    } catch (error) {
      const sentence = `Cannot show the metrics: ${describe(error)}`;
      this.#report(sentence);
      return pageOf(503, "text/plain; charset=utf-8", `${sentence}\n`);
    }
  }

  /** A scrape comes every few seconds, and what it finds stays as it is. */
  #report(sentence: string): void {
    if (this.#reported.has(sentence)) return;
    this.#reported.add(sentence);
    this.#options.onFault(sentence);
  }
}

const encoder = new TextEncoder();

function pageOf(status: TextPage["status"], contentType: string, text: string) {
  return { status, contentType, body: encoder.encode(text) };
}

function describe(error: unknown): string {
  return quote(error instanceof Error ? error.message : String(error));
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
