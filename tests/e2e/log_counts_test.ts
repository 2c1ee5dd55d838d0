/**
 * @long
 */
import assert from "node:assert/strict";
import { REPORT_MS } from "../../src/api/call_log.ts";
import { fullTest } from "../support/suite.ts";
import { openHost, refused } from "./host.ts";

fullTest(
  "the count of a refusal that repeats is written within a minute, without another call",
  async () => {
    await using host = await openHost({ vxlan: undefined });
    const { client, sidecar } = host;
    const missing = refused("Interface 'vxlan100' not found");
    for (let call = 0; call < 3; call += 1) {
      assert.deepEqual(await client.injectRoute("10.42.2.0/24", "vxlan100"), missing);
    }
    const line = await sidecar.logged(/ refused 3 times since /, REPORT_MS + 15_000);
    assert.match(
      line,
      /WARN: InjectRoute\(destination=10\.42\.2\.0\/24, via=vxlan100\) /,
    );
  },
);
