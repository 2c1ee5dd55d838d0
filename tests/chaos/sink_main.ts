/** Takes whatever comes on a port of loopback, and throws it away. */
import { createServer } from "node:net";

createServer((socket) => {
  socket.on("error", () => {});
  socket.resume();
}).listen(Number(Deno.args[0]), "127.0.0.1");
