/**
 * Does to a gRPC server what no client does: raw bytes over TCP, in a process of its own.
 *
 * Words: how many exchanges, and the seed of the random ones.
 * Out:   one JSON line: `kinds`, how many exchanges there were of each; `unanswered`, how
 *        many of them the server neither answered nor ended; `stalled`, how many
 *        connections it could not write to in the end, as the server reads nothing.
 */
import { connect, type Socket } from "node:net";
import { randomOf } from "../support/random.ts";
import { type Attack, KINDS } from "./attacks.ts";

const PORT = 50051;
const WORKERS = 16;
/** What the server answers comes within so many milliseconds of its first byte. */
const REST_MS = 150;
/** And that byte within so many of the attack, on a busy machine as well. */
const PATIENCE_MS = 5_000;

/**
 * Resolves when the server has ended it, or nothing more comes: to whether the server has
 * answered or ended it.
 */
function carryOut({ bytes }: Attack): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(PORT, "127.0.0.1");
  let answered = false;
  let timer = setTimeout(() => socket.destroy(), PATIENCE_MS);
  socket.on("error", () => {});
  socket.once("end", () => answered = true);
  socket.once("data", () => {
    answered = true;
    clearTimeout(timer);
    timer = setTimeout(() => socket.destroy(), REST_MS);
  });
  socket.on("close", (failed) => {
    clearTimeout(timer);
    // A reset is an end as well.
    resolve(answered || failed);
  });
  socket.write(new Uint8Array(bytes));
  return promise;
}

/** Opens a connection that is never read. */
function stall({ bytes }: Attack): Socket {
  const socket = connect(PORT, "127.0.0.1");
  socket.on("error", () => {});
  socket.pause();
  socket.write(new Uint8Array(bytes));
  return socket;
}

/** Connections to the server that hold bytes which their reader has no room for. */
function countStalled(): number {
  const local = `:${PORT.toString(16).toUpperCase()}`;
  const lines = Deno.readTextFileSync("/proc/net/tcp").trim().split("\n").slice(1);
  return lines.filter((line) => {
    const [, own = "", , state, queues = ""] = line.trim().split(/\s+/);
    return own.endsWith(local) && state === "01" && !queues.startsWith("00000000:");
  }).length;
}

async function main(exchanges: number, seed: number): Promise<void> {
  const random = randomOf(seed);
  const held: Socket[] = [];
  const kinds: Record<string, number> = {};
  let [left, unanswered] = [exchanges, 0];
  const work = async (): Promise<void> => {
    while (left > 0) {
      // Each kind has as many exchanges, not connections.
      const [kind, make] = Object.entries(KINDS).reduce((least, next) =>
        (kinds[next[0]] ?? 0) < (kinds[least[0]] ?? 0) ? next : least
      );
      const attack = make(random);
      kinds[kind] = (kinds[kind] ?? 0) + attack.exchanges;
      left -= attack.exchanges;
      if (attack.unread) held.push(stall(attack));
      else if (!await carryOut(attack)) unanswered += attack.exchanges;
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, work));
  const counts = { kinds, unanswered, stalled: countStalled() };
  for (const socket of held) socket.destroy();
  await new Blob([`${JSON.stringify(counts)}\n`]).stream().pipeTo(Deno.stdout.writable);
}

const [exchanges, seed] = Deno.args.map(Number);
if (!exchanges || seed === undefined) {
  throw new Error("Say how many exchanges, and a seed");
}
await main(exchanges, seed);
Deno.exit();
