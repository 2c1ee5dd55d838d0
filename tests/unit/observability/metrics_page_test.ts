import assert from "node:assert/strict";
import { createMeters } from "../../../src/observability/meters.ts";
import {
  MetricsPage,
  type MetricsPageOptions,
} from "../../../src/observability/metrics_page.ts";
import type { TextPage } from "../../../src/shared/text_page.ts";
import { until } from "../../support/wait.ts";

const OPENMETRICS = "application/openmetrics-text";

/** A page over a counter, which a test increases and whose collections it counts. */
function openPage(options: Partial<MetricsPageOptions> = {}) {
  const meters = createMeters("0.0.0");
  const counter = meters.all[0]?.createCounter("a.hits");
  const collectedAt: number[] = [];
  const faults: string[] = [];
  const page = new MetricsPage({
    collect: () => {
      collectedAt.push(performance.now());
      return meters.collect();
    },
    isBusy: () => false,
    onFault: (sentence) => void faults.push(sentence),
    ...options,
  });
  return { collectedAt, faults, hit: () => counter?.add(1), meters, page };
}

function textOf({ body }: TextPage): string {
  return new TextDecoder().decode(body);
}

function hitsIn(page: TextPage): number {
  return Number(/^a_hits_total (\d+)$/m.exec(textOf(page))?.[1]);
}

Deno.test("MetricsPage gives each the format that its Accept header prefers", async () => {
  const { hit, page } = openPage();
  hit();
  const [plain, open] = await Promise.all([
    page.render(undefined),
    page.render(OPENMETRICS),
  ]);
  assert.equal(plain.status, 200);
  assert.equal(plain.contentType, "text/plain; version=0.0.4; charset=utf-8");
  assert.match(textOf(plain), /^# TYPE a_hits_total counter$/m);
  assert.equal(
    open.contentType,
    "application/openmetrics-text; version=1.0.0; charset=utf-8",
  );
  assert.match(textOf(open), /^# TYPE a_hits counter$[^]*^# EOF\n$/m);
});

Deno.test("MetricsPage collects once for all who ask before it does, and they share the bytes", async () => {
  const { collectedAt, hit, page } = openPage();
  hit();
  const asked = Array.from({ length: 50 }, () => page.render(undefined));
  const [first, ...others] = await Promise.all(asked);
  assert.ok(first !== undefined);
  for (const other of others) assert.equal(other.body, first.body);
  assert.equal(collectedAt.length, 1);
});

Deno.test("MetricsPage shows everything that was counted before it was asked for", async () => {
  const { collectedAt, hit, page } = openPage();
  for (let count = 1; count <= 5; count += 1) {
    hit();
    assert.equal(hitsIn(await page.render(undefined)), count);
  }
  assert.equal(collectedAt.length, 5);
});

Deno.test("MetricsPage collects at most once in 100 ms, however many ask", async () => {
  const { collectedAt, hit, page } = openPage();
  hit();
  const from = performance.now();
  const ask = async () => {
    while (performance.now() < from + 350) await page.render(undefined);
  };
  await Promise.all([ask(), ask(), ask()]);
  const pauses = collectedAt.slice(1).map((at, before) =>
    at - (collectedAt[before] ?? 0)
  );
  assert.ok(pauses.length >= 1);
  for (const pause of pauses) assert.ok(pause > 98, `${pause} ms`);
});

Deno.test("MetricsPage collects in a later turn than it was asked for", async () => {
  const { collectedAt, page } = openPage();
  const rendering = page.render(undefined);
  await Promise.resolve();
  assert.equal(collectedAt.length, 0);
  await rendering;
});

Deno.test("MetricsPage waits for the end of calls that are in flight", async () => {
  let isBusy = true;
  let polls = 0;
  const { collectedAt, page } = openPage({
    isBusy: () => {
      polls += 1;
      return isBusy;
    },
  });
  const rendering = page.render(undefined);
  await until(() => polls > 2, { what: "three questions" });
  assert.equal(collectedAt.length, 0);
  isBusy = false;
  await rendering;
  assert.equal(collectedAt.length, 1);
});

Deno.test("MetricsPage waits no longer than 100 ms for calls", async () => {
  const { hit, page } = openPage({ isBusy: () => true });
  hit();
  const from = performance.now();
  assert.equal(hitsIn(await page.render(undefined)), 1);
  assert.ok(performance.now() - from > 99);
});

Deno.test("MetricsPage answers 503 with a sentence if metrics cannot be collected, and goes on", async () => {
  const { faults, hit, meters, page } = openPage({
    collect: () =>
      faults.length === 0 ? Promise.reject(new Error("gone\nnow")) : meters.collect(),
  });
  const failed = await page.render(OPENMETRICS);
  const sentence = String.raw`Cannot show the metrics: "gone\nnow"`;
  assert.equal(failed.status, 503);
  assert.equal(failed.contentType, "text/plain; charset=utf-8");
  assert.equal(textOf(failed), `${sentence}\n`);
  assert.deepEqual(faults, [sentence]);
  hit();
  assert.equal(hitsIn(await page.render(undefined)), 1);
});

Deno.test("MetricsPage reports a gauge that cannot be read once, and shows the others", async () => {
  const { faults, hit, meters, page } = openPage();
  meters.all[0]?.createObservableGauge("a.depth").addCallback(() => {
    throw new Error("no depth");
  });
  hit();
  for (let time = 0; time < 2; time += 1) {
    assert.equal(hitsIn(await page.render(undefined)), 1);
  }
  assert.deepEqual(faults, ['Cannot read a metric: "no depth"']);
});
