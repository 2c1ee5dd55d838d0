/**
 * What `GET /metrics` costs the sidecar.
 *
 * @alone
 */
import assert from "node:assert/strict";
import { scrapeRepeatedly } from "../e2e/scrape.ts";
import { openHost } from "../e2e/host.ts";
import { processorSeconds } from "../e2e/processes.ts";
import { startQuilt } from "../support/quilt.ts";
import { slowness } from "../support/slowness.ts";
import { fullTest } from "../support/suite.ts";

const ROUTES = 10_000;
const SCRAPES = 20;
/** The quietest counts: what the sidecar does by itself falls into one or two. */
const WINDOWS = 5;

fullTest("GET /metrics takes the sidecar less than 5 ms at 10,000 routes", async () => {
  await using host = await openHost({
    options: ["--cluster-cidr", "10.0.0.0/8", "--resync-interval", "3600"],
  });
  const { namespace, sidecar } = host;
  await using quilt = startQuilt(namespace);
  const routes = Array.from({ length: ROUTES }, (_, at) => ({
    destination: `10.${100 + (at >> 8)}.${at & 255}.0/24`,
    device: "vxlan100",
  }));
  await quilt.call("sync", { routes, dryRun: false });
  const slow = await slowness();
  let best = Infinity;
  for (let window = 0; window < WINDOWS; window += 1) {
    const before = processorSeconds(sidecar.pid);
    const pages = await scrapeRepeatedly(namespace, SCRAPES);
    const seconds = processorSeconds(sidecar.pid) - before;
    assert.equal(pages.length, SCRAPES);
    for (const page of pages) {
      assert.match(page, /^quilt_routes\{quilt_state="installed"\} 10000$/m);
    }
    best = Math.min(best, (seconds / SCRAPES) * 1_000);
  }
  assert.ok(best < 5 * slow, `${best} ms; ${slow} times slower than a quiet machine`);
});
