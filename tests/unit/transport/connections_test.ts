/**
 * Calls that are answered at once, on streams and sessions that end in the same read. An
 * uncaught error fails a test of Deno's, as it would end the sidecar.
 */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { setTimeout as rest } from "node:timers/promises";
import {
  type Bytes,
  DATA,
  END_HEADERS,
  END_STREAM,
  frame,
  GOAWAY,
  HEADERS,
  headersOf,
  HELLO,
  RST_STREAM,
  SETTINGS,
  WINDOW_UPDATE,
} from "../../chaos/http2_frames.ts";
import { type Exchange, fakeNode, openExchange } from "./exchange.ts";
import { cidr } from "../api/outcomes.ts";

const UNKNOWN = headersOf("/a/b");
const INJECT_ROUTE = headersOf("/quilt.QuiltRuntime/InjectRoute");
const OTHER_TYPE = headersOf("/quilt.QuiltRuntime/InjectRoute", "text/plain");

/** So many calls that are whole, on streams of their own. */
function calls(count: number, headers: Bytes): Bytes {
  return Array.from(
    { length: count },
    (_, at) => frame(HEADERS, END_HEADERS | END_STREAM, 2 * at + 1, headers),
  ).flat();
}

/** What ends streams or the session behind calls. */
const ENDS: Readonly<Record<string, Bytes>> = {
  "nothing": [],
  "a window that grows by 0": frame(WINDOW_UPDATE, 0, 0, [0, 0, 0, 0]),
  "a stream's window that grows by 0": frame(WINDOW_UPDATE, 0, 1, [0, 0, 0, 0]),
  "a window that is too large": [
    ...frame(WINDOW_UPDATE, 0, 0, [0x7f, 0xff, 0xff, 0xff]),
    ...frame(WINDOW_UPDATE, 0, 0, [0x7f, 0xff, 0xff, 0xff]),
  ],
  "resets": Array.from(
    { length: 40 },
    (_, at) => frame(RST_STREAM, 0, 2 * at + 1, [0, 0, 0, 8]),
  ).flat(),
  "a goodbye": frame(GOAWAY, 0, 0, [0, 0, 0, 0, 0, 0, 0, 0]),
  "a goodbye with an error": frame(GOAWAY, 0, 0, [0, 0, 0, 0, 0, 0, 0, 2]),
  "data on a stream that is closed": frame(DATA, 0, 1, [1]),
  "a stream with an even number": frame(HEADERS, END_HEADERS, 2, UNKNOWN),
  "a frame of a wrong length": frame(SETTINGS, 0, 0, [1]),
  "headers that are none": frame(HEADERS, END_HEADERS, 101, [0xff, 0xff, 0xff, 0xff]),
};

async function open(port: number): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  socket.on("error", () => {});
  socket.resume();
  await new Promise((resolve) => socket.once("connect", resolve));
  return socket;
}

function portOf({ server: { address } }: Exchange): number {
  assert.ok(address.kind === "tcp");
  return address.port;
}

function node() {
  return fakeNode({
    removeRoute: () =>
      Promise.resolve({ kind: "removed", destination: cidr("10.42.2.0/24") }),
  });
}

for (
  const [what, headers] of [
    ["of an unknown method", UNKNOWN],
    ["with another content-type", OTHER_TYPE],
    ["without a request", INJECT_ROUTE],
  ] as const
) {
  for (const [end, bytes] of Object.entries(ENDS)) {
    Deno.test(`Connections contain errors: calls ${what} with ${end} behind them cost no other connection`, async () => {
      await using exchange = await openExchange(node());
      for (const count of [1, 34, 40]) {
        for (const parts of [[true], [false, true]]) {
          const socket = await open(portOf(exchange));
          socket.write(new Uint8Array(HELLO));
          // With and without a turn of the event loop between preface and calls.
          if (parts.length > 1) await rest(5);
          socket.write(new Uint8Array([...calls(count, headers), ...bytes]));
          await rest(5);
          socket.destroy();
        }
      }
      const request = { destination: "10.42.2.0/24" };
      const ending = await exchange.call("RemoveRoute", request);
      assert.deepEqual(ending, { message: { success: true, error: "" } });
    });
  }
}

Deno.test("Connections disconnect a flood of pings with ENHANCE_YOUR_CALM, and no other client", async () => {
  await using exchange = await openExchange(node());
  const socket = await open(portOf(exchange));
  const received: number[] = [];
  socket.on("data", (part: Uint8Array) => received.push(...part));
  const closed = new Promise((resolve) => socket.once("close", resolve));
  const ping = frame(6, 0, 0, [1, 2, 3, 4, 5, 6, 7, 8]);
  socket.write(new Uint8Array([...HELLO, ...Array(1_000).fill(ping).flat()]));
  await closed;
  const goaway = frame(GOAWAY, 0, 0, [0x7f, 255, 255, 255, 0, 0, 0, 11]).join();
  assert.ok(received.join().includes(goaway));
  const ending = await exchange.call("RemoveRoute", { destination: "10.42.2.0/24" });
  assert.deepEqual(ending, { message: { success: true, error: "" } });
});
