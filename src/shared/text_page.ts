/** A page that answers a GET request. */
export interface TextPage {
  /** The HTTP status. */
  readonly status: 200 | 503;
  /** The media type, e.g. `text/plain`. */
  readonly contentType: string;
  /** The text as UTF-8. Several answers may share the bytes. */
  readonly body: Uint8Array;
}

/** Makes the page for the value of an Accept header; undefined: there was none. */
export type PageRenderer = (accept: string | undefined) => Promise<TextPage>;
