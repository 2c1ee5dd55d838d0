/** docs/concepts.md and docs/faq.md against the code: figures that neither page can derive. */
import assert from "node:assert/strict";
import { objectAt, stringAt } from "../../deploy/json.ts";
import { OLDEST_IPROUTE2 } from "../../src/dataplane/iproute2/version.ts";
import { readServeOptions } from "../../src/cli/serve_options.ts";
import { REPAIR_BACKOFF } from "../../src/reconcile/limits.ts";
import { BLACKHOLE_TYPES } from "../../src/routing/kernel_route.ts";
import { TESTED_DENO_VERSION } from "../../src/shared/versions.ts";
import { containerOf, readPod } from "../support/manifest.ts";
import { codeOf, type Page, readPage } from "../support/pages.ts";

const concepts = readPage("docs/concepts.md");
const faq = readPage("docs/faq.md");

/** Fails if a page does not say this; line breaks do not count. */
function assertSays({ path, text }: Page, sentence: string): void {
  assert.ok(text.replaceAll(/\s+/g, " ").includes(sentence), `${path}: ${sentence}`);
}

Deno.test("docs/concepts.md has the defaults of serve, and the pace of repairs", () => {
  const options = readServeOptions(new Map());
  assert.ok(options.ok, JSON.stringify(options));
  const { policy, resyncMs } = options.value;
  assertSays(concepts, `every ${resyncMs / 1000} s (\`--resync-interval\`)`);
  assertSays(
    concepts,
    `a /${policy.nodePrefix} of the cluster CIDR ${policy.clusterCidr}`,
  );
  assert.equal(1000 / REPAIR_BACKOFF.mostMs, 2);
  assertSays(concepts, "repairs each route at most twice a second");
});

Deno.test("docs/concepts.md explains each type of entry in table 142", () => {
  const types = concepts.rowsAbout("Entry").map(([type]) => codeOf(type));
  assert.deepEqual(types.toSorted(), Object.keys(BLACKHOLE_TYPES).toSorted());
});

Deno.test("docs/faq.md has the versions and the memory of the code and the manifests", async () => {
  assertSays(faq, `iproute2 ${OLDEST_IPROUTE2},`);
  assertSays(faq, `[pinned](adr/0004-one-deno-version.md) to ${TESTED_DENO_VERSION}.`);
  const pod = await readPod("deploy/kubernetes/base/daemonset.yaml");
  const resources = objectAt(containerOf(pod, "sidecar"), "resources");
  const mebibytes = (kind: string) =>
    stringAt(objectAt(resources, kind), "memory").replace(/Mi$/, " MiB");
  assertSays(
    faq,
    `request ${mebibytes("requests")} and limit it to ${mebibytes("limits")}`,
  );
});
