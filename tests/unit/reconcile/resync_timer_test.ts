import assert from "node:assert/strict";
import { ResyncTimer } from "../../../src/reconcile/resync_timer.ts";
import { until } from "../../support/wait.ts";

const NEVER_MS = 3_600_000;

Deno.test("a look that is asked for again and again is not put off", async () => {
  let looks = 0;
  const timer = new ResyncTimer(() => {
    looks += 1;
    return Promise.resolve();
  }, NEVER_MS);
  await until(() => {
    timer.within(50);
    return looks >= 3;
  }, { what: "three looks", everyMs: 5 });
  await timer.close();
});

Deno.test("a look that is asked for while one is under way comes after it, and no two at a time", async () => {
  const begun: PromiseWithResolvers<void>[] = [];
  const timer = new ResyncTimer(() => {
    const look = Promise.withResolvers<void>();
    begun.push(look);
    return look.promise;
  }, NEVER_MS);
  timer.within(0);
  await until(() => begun.length === 1, { what: "the first look" });
  timer.within(0);
  // A timer of the same length that was started later ends later.
  const { promise, resolve } = Promise.withResolvers<void>();
  setTimeout(resolve, 1);
  await promise;
  assert.equal(begun.length, 1);
  begun[0]?.resolve();
  await until(() => begun.length === 2, { what: "the second look" });
  begun[1]?.resolve();
  await timer.close();
});

Deno.test("looks come again and again although nobody asks", async () => {
  let looks = 0;
  const timer = new ResyncTimer(() => {
    looks += 1;
    return Promise.resolve();
  }, 5);
  timer.within(0);
  await until(() => looks >= 3, { what: "three looks" });
  await timer.close();
});
