/**
 * An OTLP collector in a process of its own: OTLP over HTTP with JSON bodies, on
 * 127.0.0.1. `otlp_collector.ts` starts it.
 *
 * Words: the port, and how it answers: `take`, `refuse` (500), `slow` (after a second),
 *        `hang` (never), `discard` (at once, and it reads nothing).
 * Out:   `{"ready":true}` once it listens, then for each request that came whole
 *        `{"path":"/v1/traces","body":{…}}`
 */
import { collectorBehaviour } from "./otlp_collector.ts";

async function main([port, word]: readonly string[]): Promise<void> {
  const behaviour = collectorBehaviour(word);
  const out = Deno.stdout.writable.getWriter();
  const report = (line: unknown): Promise<void> =>
    out.write(new TextEncoder().encode(`${JSON.stringify(line)}\n`));
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: Number(port),
    onListen: () => void report({ ready: true }),
  }, async (request) => {
    if (behaviour === "discard") return Response.json({});
    const body: unknown = await request.json();
    await report({ path: new URL(request.url).pathname, body });
    switch (behaviour) {
      case "take":
        return Response.json({});
      case "refuse":
        return new Response("no", { status: 500 });
      case "slow":
        await new Promise((resolve) => setTimeout(resolve, 1_000));
        return Response.json({});
      case "hang":
        return await new Promise<Response>(() => {});
      default:
        return behaviour satisfies never;
    }
  });
  await server.finished;
}

await main(Deno.args);
