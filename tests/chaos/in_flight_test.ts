import assert from "node:assert/strict";
import { connectClient, GrpcStatusError, type QuiltClient } from "../support/client.ts";
import { done, fib, openHost } from "../e2e/host.ts";
import { hangInFlight, signalBatches } from "../e2e/processes.ts";
import { bounded } from "../support/suite.ts";

Deno.test("64 calls in flight are each answered, and every answer is true", async () => {
  await using host = await openHost();
  const { client, sidecar } = host;
  for (let round = 0; round < bounded(10, 2); round += 1) {
    const inject = round % 2 === 0;
    const calls = Array.from({ length: 64 }, async (_, at) => {
      const to = `10.42.${at + 2}.0/24`;
      const answer = inject
        ? await client.injectRoute(to, "vxlan100")
        : await client.removeRoute(to);
      assert.deepEqual(answer, done);
      assert.equal(fib(sidecar.pid).get(to), inject ? "vxlan100" : undefined, to);
    });
    await Promise.all(calls);
  }
});

/** What a call for the one destination leaves behind: the route's device, or nothing. */
type Wanted = "vxlan100" | undefined;

/** Puts 30 calls in flight; resolves to what they wanted, in the order of the answers. */
async function mixedCalls(
  client: QuiltClient,
  wanted: readonly Wanted[],
): Promise<readonly Wanted[]> {
  const answered: Wanted[] = [];
  await Promise.all(wanted.map(async (device) => {
    const answer = device === undefined
      ? await client.removeRoute("10.42.2.0/24")
      : await client.injectRoute("10.42.2.0/24", device);
    assert.deepEqual(answer, done);
    answered.push(device);
  }));
  return answered;
}

/** Reproducible, and yet of no pattern: a high bit of a linear congruence. */
function* randomWishes(): Generator<Wanted, never> {
  for (let random = 1;;) {
    random = (random * 1_103_515 + 12_345) % 2_147_483_648;
    yield random & 0x100000 ? "vxlan100" : undefined;
  }
}

Deno.test("concurrent calls for one destination end in the state of the last answer", async () => {
  await using host = await openHost();
  const { client, namespace, sidecar } = host;
  await using second = await connectClient(namespace);
  const wishes = randomWishes();
  for (let round = 0; round < bounded(30, 4); round += 1) {
    const next = () => wishes.next().value;
    const alone = await mixedCalls(client, Array.from({ length: 30 }, next));
    assert.equal(fib(sidecar.pid).get("10.42.2.0/24"), alone.at(-1), `round ${round}`);
    // Two connections have no common order, but one of them was the last.
    const [one, two] = await Promise.all([
      mixedCalls(client, Array.from({ length: 30 }, next)),
      mixedCalls(second, Array.from({ length: 30 }, next)),
    ]);
    const end = fib(sidecar.pid).get("10.42.2.0/24");
    assert.ok(end === one.at(-1) || end === two.at(-1), `round ${round}`);
  }
});

Deno.test("a call whose deadline passes while it waits fails and changes nothing", async () => {
  await using host = await openHost();
  const { client, sidecar } = host;
  const [first] = await hangInFlight(
    sidecar,
    () => [client.injectRoute("10.42.2.0/24", "vxlan100")] as const,
  );
  const late = client.injectRoute("10.42.3.0/24", "vxlan100", { deadlineMs: 200 });
  await assert.rejects(late, (error) => {
    assert.ok(error instanceof GrpcStatusError);
    assert.match(error.status, /^(DEADLINE_EXCEEDED|CANCELLED)$/);
    return true;
  });
  signalBatches(sidecar, "SIGCONT");
  assert.deepEqual(await first, done);
  // Any operation of the late call would be executed before this one.
  assert.deepEqual(await client.injectRoute("10.42.4.0/24", "vxlan100"), done);
  const routes = [...fib(sidecar.pid).keys()].toSorted();
  assert.deepEqual(routes, ["10.42.2.0/24", "10.42.4.0/24"]);
});

Deno.test("a deadline that has already passed is an error of that call alone", async () => {
  await using host = await openHost();
  const { client, sidecar } = host;
  for (let call = 0; call < 20; call += 1) {
    await assert.rejects(
      client.injectRoute("10.42.2.0/24", "vxlan100", { deadlineMs: 0 }),
      GrpcStatusError,
    );
  }
  assert.deepEqual(await client.injectRoute("10.42.4.0/24", "vxlan100"), done);
  assert.deepEqual([...fib(sidecar.pid).keys()], ["10.42.4.0/24"]);
});
