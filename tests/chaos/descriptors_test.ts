import assert from "node:assert/strict";
import { done, openHost } from "../e2e/host.ts";
import { connectClient } from "../support/client.ts";
import { gather } from "./crowd.ts";
import { fullTest } from "../support/suite.ts";

/** The default limit of a process: systemd, Kubernetes, shells. */
const DESCRIPTORS = 1024;
const CROWD = 2_500;

fullTest(
  `a sidecar with ${DESCRIPTORS} descriptors serves other clients during and after ${CROWD} connections`,
  async () => {
    await using host = await openHost({
      launcher: ["prlimit", `--nofile=${DESCRIPTORS}:${DESCRIPTORS}`],
    });
    const { namespace } = host;
    const callOnNewConnection = async (): Promise<void> => {
      await using client = await connectClient(namespace);
      assert.deepEqual(await client.injectRoute("10.42.2.0/24", "vxlan100"), done);
    };
    {
      await using crowd = await gather(namespace, "unfinished", CROWD);
      await callOnNewConnection();
      const { open } = await crowd.report();
      assert.ok(open < DESCRIPTORS, `${open} are open`);
    }
    await callOnNewConnection();
  },
);
