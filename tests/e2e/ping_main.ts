/**
 * Asks and answers in UDP datagrams, since `ping` is on no machine that has only
 * iproute2. `two_hosts.ts` speaks with it.
 *
 * `echo ADDRESS`           answers every datagram until it is killed.
 * `ask ADDRESS EVERY_MS`   sends one datagram after another until its input ends, then
 *                          waits for what is on its way.
 *
 * Out: `{"ready":true}` once the socket is open. `ask` then writes `{"answered":3}` with
 * the number of a datagram, counted from 1; and, whenever something comes in on its
 * input and once more at its end, `{"sent":7}` with the number of the last.
 */
import { createSocket } from "node:dgram";
import { setInterval, setTimeout } from "node:timers/promises";
import type { JsonObject } from "../../deploy/json.ts";

const PORT = 7;

/** How long the last datagrams may be on their way. */
const GRACE_MS = 5_000;

const out = Deno.stdout.writable.getWriter();

function report(what: JsonObject): Promise<void> {
  return out.write(new TextEncoder().encode(`${JSON.stringify(what)}\n`));
}

async function bound(port: number, address: string | undefined) {
  const socket = createSocket("udp4");
  // No way there is what the tests want to see: the datagram counts as lost.
  socket.on("error", () => {});
  await new Promise<void>((resolve) => socket.bind(port, address, resolve));
  await report({ ready: true });
  return socket;
}

async function echo(address: string): Promise<void> {
  const socket = await bound(PORT, address);
  socket.on("message", (message, { address, port }) => {
    socket.send(message, port, address, () => {});
  });
}

async function ask(address: string, everyMs: number): Promise<void> {
  const socket = await bound(0, undefined);
  const open = new Set<number>();
  socket.on("message", (message) => {
    const answered = Number(message);
    if (open.delete(answered)) void report({ answered });
  });
  let sent = 0;
  let isOver = false;
  const listen = async (): Promise<void> => {
    for await (const _ of Deno.stdin.readable) await report({ sent });
    isOver = true;
  };
  void listen();
  for await (const _ of setInterval(everyMs)) {
    if (isOver) break;
    open.add(++sent);
    socket.send(String(sent), PORT, address, () => {});
  }
  const end = performance.now() + GRACE_MS;
  while (open.size > 0 && performance.now() < end) await setTimeout(everyMs);
  await report({ sent });
  Deno.exit();
}

const [what, address = "", everyMs] = Deno.args;
if (what === "echo") await echo(address);
else await ask(address, Number(everyMs));
