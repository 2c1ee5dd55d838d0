/**
 * What runs in a container: it answers UDP datagrams, or sends them and counts.
 *
 * `echo OWN`         writes a line as soon as it listens, and answers every datagram.
 * `ask OWN OTHER`    sends 50 a second, and writes a line ten times a second:
 *                    `{"sent":70,"answered":69,"lost":1}`.
 */
import { createSocket } from "node:dgram";

const PORT = 7007;

/** Milliseconds between two datagrams. */
const EVERY_MS = 20;

/** Milliseconds after which a datagram without an answer counts as lost. */
const LOST_MS = 500;

const [what, own, other] = Deno.args;
const socket = createSocket("udp4");
// A datagram without a route counts as lost, and is no error.
socket.on("error", () => {});
await new Promise<void>((resolve) => socket.bind(PORT, own, resolve));

function write(line: object): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(line)}\n`));
}

if (what === "echo") {
  socket.on("message", (message, { address, port }) => {
    socket.send(message, port, address, () => {});
  });
  write({ listens: own });
} else {
  /** When each datagram without an answer was sent. */
  const open = new Map<number, number>();
  let sent = 0;
  let answered = 0;
  socket.on("message", (message) => {
    if (open.delete(Number(message))) answered += 1;
  });
  setInterval(() => {
    sent += 1;
    open.set(sent, performance.now());
    socket.send(String(sent), PORT, other, () => {});
  }, EVERY_MS);
  setInterval(() => {
    const before = performance.now() - LOST_MS;
    const lost = open.values().filter((at) => at < before).toArray().length;
    write({ sent, answered, lost });
  }, 100);
}
