import assert from "node:assert/strict";
import { until } from "../support/wait.ts";
import { done, openHost } from "../e2e/host.ts";
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
