import assert from "node:assert/strict";
import { until } from "../support/wait.ts";
import { done, openHost } from "../e2e/host.ts";
import { scrape } from "../e2e/scrape.ts";
import { gather } from "./crowd.ts";
import { fullTest } from "../support/suite.ts";

fullTest(
  "the sidecar closes within 20 s the connection of a client that answers pings and reads no answer",
  async () => {
    await using host = await openHost();
    await using crowd = await gather(host.namespace, "unread", 10);
    assert.deepEqual(await host.client.injectRoute("10.42.2.0/24", "vxlan100"), done);
    await until(async () => (await crowd.report()).open === 0, {
      deadlineMs: 30_000,
      everyMs: 200,
      what: "the end of ten connections",
    });
  },
);

const UNREAD = 40;

fullTest(
  `the sidecar closes within 10 s the connections of ${UNREAD} clients that ask for the metrics and never close theirs`,
  async () => {
    await using host = await openHost();
    const { namespace } = host;
    const program = `
      const request = new TextEncoder().encode("GET /metrics HTTP/1.1\\r\\n\\r\\n");
      const held = [];
      while (held.length < ${UNREAD}) {
        const connection = await Deno.connect({ port: 50051 });
        await connection.write(request);
        held.push(connection);
      }
      await new Promise((resolve) => setTimeout(resolve, 60_000));`;
    const client = namespace.command([Deno.execPath(), "eval", program]).spawn();
    await until(async () => {
      const { text } = await scrape(namespace);
      const [, count] =
        /^quilt_connections_refused_total\{quilt_reason="untaken"\} (\d+)$/m
          .exec(text) ?? [];
      return Number(count) === UNREAD;
    }, { deadlineMs: 40_000, everyMs: 500, what: "the end of their connections" });
    client.kill("SIGKILL");
    await client.status;
  },
);
