/**
 * Many connections at one time, in a process of its own; `crowd.ts` speaks with it.
 *
 * Arguments: what they do, and how many there are.
 * In:    `call`: those that call begin to. `report`: their state.
 * Out:   a line of JSON for each `report`, and one when all are connected.
 */
import { connect, type Socket } from "node:net";
import { linesOf } from "../support/lines.ts";
import {
  ACK,
  ascii,
  type Bytes,
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
  PING,
  SETTINGS,
  SPEECHLESS_HELLO,
  WINDOW_UPDATE,
} from "./http2_frames.ts";

const PORT = 50051;
/** As many as the server's settings allow. */
const IN_FLIGHT = 32;
/** Of the 65,535 bytes that a server may send before it gets more. */
const WINDOW_PART = 16_384;

const INJECT_ROUTE = headersOf("/quilt.QuiltRuntime/InjectRoute");
const field = (number: number, value: string): Bytes => [
  number << 3 | 2,
  value.length,
  ...ascii(value),
];
const ROUTE = [...field(1, "10.42.2.0/24"), ...field(2, "vxlan100")];
const REQUEST = [0, 0, 0, 0, ROUTE.length, ...ROUTE];

function call(stream: number): Bytes {
  return [
    ...frame(HEADERS, END_HEADERS, stream, INJECT_ROUTE),
    ...frame(DATA, END_STREAM, stream, REQUEST),
  ];
}

/** What one of each kind sends when it is connected. */
const BEGINNINGS: Readonly<Record<string, Bytes>> = {
  "silent": [],
  // Its first call never ends.
  "unfinished": [...HELLO, ...frame(HEADERS, END_HEADERS, 1, INJECT_ROUTE)],
  // Its first call's answer cannot be sent.
  "unread": [...SPEECHLESS_HELLO, ...call(1)],
  "calling": HELLO,
};

let answers = 0;
let goaways = 0;

/** One connection, which answers what a connection must. */
class Member {
  readonly socket: Socket;
  #stream = 1;
  #received = 0;
  #calls = false;

  /** @param begun called when it is connected and accepted, or closed */
  constructor(beginning: Bytes, begun: () => void) {
    this.socket = connect({ port: PORT, host: "127.0.0.1", noDelay: true });
    this.socket.on("error", () => {});
    this.socket.once(beginning.length === 0 ? "connect" : "data", begun);
    this.socket.once("close", begun);
    this.socket.on("data", frameReader((frame) => this.#take(frame)));
    this.#send(beginning);
  }

  /** Has calls in flight from now on. */
  call(): void {
    this.#calls = true;
    for (let each = 0; each < IN_FLIGHT; each += 1) this.#callOnce();
  }

  #callOnce(): void {
    this.#send(call(this.#stream));
    this.#stream += 2;
  }

  #take({ type, flags, payload }: Frame): void {
    if (type === SETTINGS && (flags & ACK) === 0) {
      this.#send(frame(SETTINGS, ACK, 0, []));
    }
    if (type === PING && (flags & ACK) === 0) {
      this.#send(frame(PING, ACK, 0, [...payload]));
    }
    if (type === GOAWAY) goaways += 1;
    if (type === DATA) this.#received += payload.length;
    if (this.#received > WINDOW_PART) {
      this.#send(
        frame(WINDOW_UPDATE, 0, 0, [0, 0, this.#received >> 8, this.#received]),
      );
      this.#received = 0;
    }
    if ((type === HEADERS || type === DATA) && (flags & END_STREAM) !== 0) {
      answers += 1;
      if (this.#calls) this.#callOnce();
    }
  }

  #send(bytes: Bytes): void {
    this.socket.write(new Uint8Array(bytes));
  }
}

async function main(kind: string, count: number): Promise<void> {
  const beginning = BEGINNINGS[kind];
  if (beginning === undefined) throw new Error(`Unknown kind: ${kind}`);
  const members: Member[] = [];
  const report = (): Promise<void> => {
    const open = members.filter(({ socket }) => !socket.destroyed).length;
    const line = `${JSON.stringify({ open, goaways, answers })}\n`;
    return new Blob([line]).stream().pipeTo(Deno.stdout.writable, {
      preventClose: true,
    });
  };
  while (members.length < count) {
    const { promise, resolve } = Promise.withResolvers<void>();
    members.push(new Member(beginning, resolve));
    await promise;
  }
  await report();
  for await (const line of linesOf(Deno.stdin.readable)) {
    if (line === "call") members.forEach((member) => member.call());
    else await report();
  }
}

const [kind = "", count] = Deno.args;
await main(kind, Number(count));
Deno.exit();
