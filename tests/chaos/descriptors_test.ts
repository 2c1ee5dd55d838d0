import assert from "node:assert/strict";
import { done, openHost } from "../e2e/host.ts";
import { connectClient } from "../support/client.ts";
import { gather } from "./crowd.ts";
import { fullTest } from "../support/suite.ts";

/** What a process has where nobody has said anything else: systemd, Kubernetes, shells. */
const DESCRIPTORS = 1024;
const CROWD = 2_500;

fullTest(
  `with ${DESCRIPTORS} descriptors ${CROWD} connections keep nobody out, during and after`,
  async () => {
    await using host = await openHost({
      launcher: ["prlimit", `--nofile=${DESCRIPTORS}:${DESCRIPTORS}`],
    });
    const { namespace } = host;
    const callAnew = async (): Promise<void> => {
      await using client = await connectClient(namespace);
      assert.deepEqual(await client.injectRoute("10.42.2.0/24", "vxlan100"), done);
    };
    {
      await using crowd = await gather(namespace, "unfinished", CROWD);
      await callAnew();
      const { open } = await crowd.report();
      assert.ok(open < DESCRIPTORS, `${open} are open`);
    }
    await callAnew();
  },
);
