import assert from "node:assert/strict";
import { deflateSync, gzipSync } from "node:zlib";
import {
  DATA,
  END_HEADERS,
  END_STREAM,
  type Frame,
  frame,
  frameReader,
  GOAWAY,
  HEADERS,
  headersOf,
  HELLO,
  literal,
  RST_STREAM,
  SPEECHLESS_HELLO,
} from "../../chaos/http2_frames.ts";
import type { TextPage } from "../../../src/shared/text_page.ts";
import { type Http2Request, send } from "../../support/http2_request.ts";
import { until } from "../../support/wait.ts";
import { type Exchange, fakeNode, openExchange } from "./exchange.ts";
import { cidr } from "../api/outcomes.ts";
import { openSurface } from "./surface.ts";

const PATH = "/quilt.QuiltRuntime/RemoveRoute";
const CALL = {
  ":method": "POST",
  ":path": PATH,
  "content-type": "application/grpc",
  "te": "trailers",
};
/** `destination: "10.42.2.0/24"` in a Length-Prefixed-Message. */
const REQUEST = "000000000e0a0c31302e34322e322e302f3234";

/** A server whose node counts the calls that reach it. */
async function openCounted() {
  const calls: { readonly wasGone: boolean }[] = [];
  const exchange = await openExchange(fakeNode({
    removeRoute(_, call) {
      calls.push({ wasGone: call.gone() });
      return Promise.resolve({ kind: "removed", destination: cidr("10.42.2.0/24") });
    },
  }));
  return { calls, exchange };
}

function portOf({ server }: Exchange): number {
  assert.ok(server.address.kind === "tcp");
  return server.address.port;
}

/** Requests that must not reach the node, with the `grpc-status` of each. */
const rejected: readonly (readonly [what: string, code: string, Http2Request])[] = [
  ["by PUT", "13", { headers: { ...CALL, ":method": "PUT" }, body: REQUEST }],
  ["by GET", "13", { headers: { ...CALL, ":method": "GET" }, body: REQUEST }],
  [
    "as application/grpcfoo",
    "3",
    { headers: { ...CALL, "content-type": "application/grpcfoo" }, body: REQUEST },
  ],
  [
    "in an unknown encoding",
    "12",
    { headers: { ...CALL, "grpc-encoding": "zstd" }, body: REQUEST },
  ],
  [
    "with a timeout that is malformed",
    "13",
    { headers: { ...CALL, "grpc-timeout": "123456789S" }, body: REQUEST },
  ],
  [
    "with a timeout that is over",
    "4",
    { headers: { ...CALL, "grpc-timeout": "0S" }, body: REQUEST },
  ],
  [
    "with a compressed flag and no encoding",
    "13",
    { headers: CALL, body: `01${REQUEST.slice(2)}` },
  ],
  ["with the flag 2", "13", { headers: CALL, body: `02${REQUEST.slice(2)}` }],
  ["with a message that is cut off", "13", {
    headers: CALL,
    body: REQUEST.slice(0, -2),
  }],
  [
    "with a second message that is cut off",
    "13",
    { headers: CALL, body: `${REQUEST}0000` },
  ],
  [
    "with a string that is cut off",
    "13",
    { headers: CALL, body: "00000000020a0c" },
  ],
  [
    "with a field of another wire type",
    "13",
    { headers: CALL, body: "00000000020802" },
  ],
  ["with a string that is not UTF-8", "13", {
    headers: CALL,
    body: "00000000030a01ff",
  }],
];

for (const [what, code, request] of rejected) {
  Deno.test(`screenStream rejects a call ${what}, which never reaches the node`, async () => {
    const { calls, exchange } = await openCounted();
    await using server = exchange;
    const answer = await send(portOf(server), request);
    assert.equal(answer.headers?.["grpc-status"], code, JSON.stringify(answer));
    assert.ok(answer.headersOnly && answer.body === "");
    assert.equal(answer.rst, 0);
    const next = await send(portOf(server), { headers: CALL, body: REQUEST });
    assert.equal(next.trailers?.["grpc-status"], "0");
    assert.equal(calls.length, 1);
  });
}

Deno.test("screenStream lets a call pass as curl sends it, without te: trailers", async () => {
  const { calls, exchange } = await openCounted();
  await using server = exchange;
  const { te: _, ...headers } = CALL;
  const answer = await send(portOf(server), { headers, body: REQUEST });
  assert.equal(answer.trailers?.["grpc-status"], "0");
  assert.equal(calls.length, 1);
});

Deno.test("screenStream lets a call pass with a content-type of another case and a timeout of 30 days", async () => {
  const { calls, exchange } = await openCounted();
  await using server = exchange;
  const headers = {
    ...CALL,
    "content-type": "Application/GRPC+proto",
    "grpc-timeout": "2592000S",
  };
  const answer = await send(portOf(server), { headers, body: REQUEST });
  assert.equal(answer.trailers?.["grpc-status"], "0");
  assert.deepEqual(calls, [{ wasGone: false }]);
});

/** In a Length-Prefixed-Message with the compressed flag. */
function compressedBody(bytes: Uint8Array): string {
  const prefix = [1, 0, 0, bytes.length >> 8, bytes.length & 255];
  return [...prefix, ...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(
    "",
  );
}

const MESSAGE = Uint8Array.from(
  REQUEST.slice(10).match(/../g) ?? [],
  (byte) => parseInt(byte, 16),
);

Deno.test("screenStream lets a compressed call pass, and one that does not decompress is rejected", async () => {
  const { calls, exchange } = await openCounted();
  await using server = exchange;
  const call = async (encoding: string, bytes: Uint8Array) => {
    const headers = { ...CALL, "grpc-encoding": encoding };
    const body = compressedBody(bytes);
    const answer = await send(portOf(server), { headers, body });
    return (answer.trailers ?? answer.headers)?.["grpc-status"];
  };
  assert.equal(await call("gzip", gzipSync(MESSAGE)), "0");
  assert.equal(await call("deflate", deflateSync(MESSAGE)), "0");
  assert.equal(calls.length, 2);
  assert.equal(await call("gzip", deflateSync(MESSAGE)), "13");
  assert.equal(await call("gzip", gzipSync(MESSAGE).subarray(0, -4)), "13");
  assert.equal(await call("identity", gzipSync(MESSAGE)), "13");
  assert.equal(await call("gzip", gzipSync(new Uint8Array(1_000_000))), "8");
  assert.equal(calls.length, 2);
});

Deno.test("screenStream tells the client of a request that is answered by its headers to send no more", async () => {
  const { exchange } = await openCounted();
  await using server = exchange;
  using connection = await Deno.connect({ port: portOf(server) });
  const frames: Frame[] = [];
  const read = frameReader((next) => frames.push(next));
  const reading = (async () => {
    for await (const part of connection.readable) read(part);
  })().catch(() => {});
  const head = frame(HEADERS, END_HEADERS, 1, headersOf("/a.B/C"));
  const writer = connection.writable.getWriter();
  await writer.write(Uint8Array.from([...HELLO, ...head]));
  await until(() => frames.some(({ type }) => type === RST_STREAM), {
    what: "RST_STREAM",
  });
  const answer = frames.filter(({ stream }) => stream === 1);
  assert.deepEqual(answer.map(({ type }) => type), [HEADERS, RST_STREAM]);
  assert.equal((answer[0]?.flags ?? 0) & END_STREAM, END_STREAM);
  assert.deepEqual([...answer[1]?.payload ?? []], [0, 0, 0, 0], "NO_ERROR");
  // What is on its way is ignored, and the connection goes on.
  await writer.write(Uint8Array.from([
    ...frame(DATA, END_STREAM, 1, [0, 0, 0, 0, 0]),
    ...frame(HEADERS, END_HEADERS, 3, headersOf(PATH)),
    ...frame(DATA, END_STREAM, 3, [0, 0, 0, 0, 0]),
  ]));
  const isOver = ({ flags, stream, type }: Frame): boolean =>
    stream === 3 && type === HEADERS && (flags & END_STREAM) !== 0;
  await until(() => frames.some(isOver), { what: "the next answer" });
  await writer.close();
  await reading;
});

Deno.test("screenStream answers GET /healthz over HTTP/2 with 503 NOT_SERVING or 200 SERVING", async () => {
  await using surface = await openSurface();
  const { address } = surface.server;
  assert.ok(address.kind === "tcp");
  const ask = async (method: string) => {
    const headers = { ":method": method, ":path": "/healthz" };
    const answer = await send(address.port, { headers });
    assert.equal(answer.headers?.["content-type"], "text/plain");
    return `${answer.headers[":status"]} ${answer.body}`;
  };
  assert.deepEqual(await ask("GET"), "503 NOT_SERVING");
  assert.deepEqual(await ask("HEAD"), "503 ");
  surface.health.clearNotServing("starting");
  assert.deepEqual(await ask("GET"), "200 SERVING");
  assert.deepEqual(await ask("HEAD"), "200 ");
  surface.health.setNotServing("kernel");
  assert.deepEqual(await ask("GET"), "503 NOT_SERVING");
});

Deno.test("screenStream answers GET /metrics over HTTP/2 when the page is made, and serves calls meanwhile", async () => {
  const page = Promise.withResolvers<TextPage>();
  await using surface = await openSurface({ metrics: () => page.promise });
  const { address } = surface.server;
  assert.ok(address.kind === "tcp");
  const headers = { ":path": "/metrics", "accept": "text/plain" };
  const [whole, head] = ["GET", "HEAD"].map((method) =>
    send(address.port, { headers: { ...headers, ":method": method } })
  );
  const probe = await send(address.port, {
    headers: { ":method": "GET", ":path": "/healthz" },
  });
  assert.equal(probe.body, "NOT_SERVING");
  // More than the client's window of 65,535 octets.
  const text = "a".repeat(100_000);
  const body = new TextEncoder().encode(text);
  page.resolve({ status: 200, contentType: "text/x", body });
  const answer = await whole;
  assert.equal(answer?.body, text);
  assert.equal(answer.headers?.["content-type"], "text/x");
  assert.equal(answer.headers["content-length"], "100000");
  assert.equal((await head)?.body, "");
});

Deno.test("screenStream survives a client that has gone before its page is made", async () => {
  const page = Promise.withResolvers<TextPage>();
  const asked = Promise.withResolvers<void>();
  const metrics = () => {
    asked.resolve();
    return page.promise;
  };
  await using surface = await openSurface({ metrics });
  const { address } = surface.server;
  assert.ok(address.kind === "tcp");
  const headers = { ":method": "GET", ":path": "/metrics" };
  const gone = send(address.port, { headers, cancelMs: 100 });
  await asked.promise;
  assert.equal((await gone).headers, undefined);
  page.resolve({ status: 200, contentType: "text/x", body: new Uint8Array(10) });
  const next = await send(address.port, { headers });
  assert.equal(next.headers?.["content-length"], "10");
});

Deno.test("screenStream counts pages that a client does not take, and it is disconnected when all clients hold 32 MiB", async () => {
  const body = new Uint8Array(8 * 1024 * 1024);
  const page: TextPage = { status: 200, contentType: "text/x", body };
  await using surface = await openSurface({ metrics: () => Promise.resolve(page) });
  assert.ok(surface.server.address.kind === "tcp");
  using connection = await Deno.connect({ port: surface.server.address.port });
  const frames: Frame[] = [];
  const read = frameReader((next) => frames.push(next));
  const reading = (async () => {
    for await (const part of connection.readable) read(part);
  })().catch(() => {});
  const head = [
    ...literal(":method", "GET"),
    ...literal(":scheme", "http"),
    ...literal(":path", "/metrics"),
    ...literal(":authority", "x"),
  ];
  const ask = (stream: number) =>
    frame(HEADERS, END_HEADERS | END_STREAM, stream, head);
  const requests = [1, 3, 5, 7, 9].flatMap(ask);
  const writer = connection.writable.getWriter();
  await writer.write(Uint8Array.from([...SPEECHLESS_HELLO, ...requests]));
  await reading;
  const goaway = frames.find(({ type }) => type === GOAWAY);
  // ENHANCE_YOUR_CALM
  assert.equal(goaway?.payload.at(7), 11);
  assert.equal(
    (await send(surface.server.address.port, {
      headers: { ":method": "GET", ":path": "/healthz" },
    })).body,
    "NOT_SERVING",
  );
});
