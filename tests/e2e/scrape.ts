/** Asks a sidecar for its metrics over HTTP/1.1, as Prometheus does. */
import assert from "node:assert/strict";
import type { Namespace } from "../support/namespace.ts";

/** How it is asked. */
export interface ScrapeOptions {
  /** The value of the Accept header. @default {"text/plain"} */
  readonly accept?: string;
  /** Options of `Deno.connect`, or of `Deno.connectTls`. @default {{ port: 50051 }} */
  readonly to?: Deno.ConnectOptions | Deno.UnixConnectOptions;
  readonly tls?: Deno.ConnectTlsOptions & Deno.TlsCertifiedKeyPem;
}

/** What came back. */
export interface Scraped {
  readonly status: string;
  readonly contentType: string;
  readonly text: string;
}

/**
 * Sends `GET /metrics` once, from a process in the namespace.
 *
 * @throws {AssertionError} if nothing came back
 */
export async function scrape(
  namespace: Namespace,
  { accept = "text/plain", tls, to = { port: 50051 } }: ScrapeOptions = {},
): Promise<Scraped> {
  const connect = tls === undefined
    ? `Deno.connect(${JSON.stringify(to)})`
    : `Deno.connectTls(${JSON.stringify(tls)})`;
  const [response = ""] = await request(namespace, connect, accept, 1);
  const [head = "", ...body] = response.split("\r\n\r\n");
  const text = body.join("\r\n\r\n");
  const length = /^Content-Length: (\d+)$/m.exec(head)?.[1];
  assert.equal(Number(length), new TextEncoder().encode(text).length, response);
  const [, status = ""] = /^HTTP\/1\.1 (.*)\r$/m.exec(head) ?? [];
  const [, contentType = ""] = /^Content-Type: (.*)\r$/m.exec(head) ?? [];
  return { status, contentType, text };
}

/** Sends `GET /metrics` again and again; each response is whole, with its head. */
export function scrapeRepeatedly(
  namespace: Namespace,
  count: number,
): Promise<readonly string[]> {
  return request(namespace, "Deno.connect({ port: 50051 })", "text/plain", count);
}

async function request(
  namespace: Namespace,
  connect: string,
  accept: string,
  count: number,
): Promise<readonly string[]> {
  const sent = `GET /metrics HTTP/1.1\r\nHost: quilt\r\nAccept: ${accept}\r\n\r\n`;
  const program = `
    const sent = new TextEncoder().encode(${JSON.stringify(sent)});
    const responses = [];
    while (responses.length < ${count}) {
      const connection = await ${connect};
      await connection.write(sent);
      responses.push(await new Response(connection.readable).text());
    }
    console.log(JSON.stringify(responses));`;
  const words = [Deno.execPath(), "eval", program];
  const { code, stderr, stdout } = await namespace.run(words);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}
