import assert from "node:assert/strict";
import { connectClient } from "../support/client.ts";
import { until } from "../support/wait.ts";
import { auditRecordsSoFar, done, openHost } from "../e2e/host.ts";
import { type CrowdKind, gather } from "./crowd.ts";
import { fullTest } from "../support/suite.ts";

const MOST_CONNECTIONS = 512;
const CROWD = 1_000;

for (const kind of ["unfinished", "unread"] satisfies readonly CrowdKind[]) {
  fullTest(
    `the connection limit keeps at most ${MOST_CONNECTIONS} of ${CROWD} connections with a call that is "${kind}", and the agent's idle one among them`,
    async () => {
      await using host = await openHost();
      const { client, namespace, sidecar } = host;
      for (const destination of ["10.42.2.0/24", "10.42.3.0/24"]) {
        assert.deepEqual(await client.injectRoute(destination, "vxlan100"), done);
      }
      await using crowd = await gather(namespace, kind, CROWD);
      await using another = await connectClient(namespace);
      assert.deepEqual(await another.injectRoute("10.42.4.0/24", "vxlan100"), done);
      await until(async () => (await crowd.report()).open <= MOST_CONNECTIONS, {
        what: "fewer connections",
      });
      assert.deepEqual(await client.injectRoute("10.42.5.0/24", "vxlan100"), done);
      const peerOf = (destination: string) =>
        until(
          () =>
            auditRecordsSoFar(sidecar).find(({ words }) =>
              words === `route add ${destination} dev vxlan100 proto 142`
            )?.["peer"],
          { what: `the record of ${destination}` },
        );
      assert.equal(await peerOf("10.42.5.0/24"), await peerOf("10.42.2.0/24"));
    },
  );
}
