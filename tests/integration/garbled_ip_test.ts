import assert from "node:assert/strict";
import type { InjectOutcome, RemoveOutcome } from "../../src/reconcile/ports.ts";
import { print } from "../support/isolation.ts";
import { type Dice, makeDice, makeGround } from "../support/fixtures.ts";
import { type Garbling, GARBLINGS, installOddIp } from "./odd_ip.ts";
import { until } from "../support/wait.ts";
import { openNodeUnderTest } from "./node_harness.ts";
import { openRoutes } from "./routes_harness.ts";
import { bounded } from "../support/suite.ts";

/** How many lines are garbled, one in each round. */
const ROUNDS = bounded(1_008, 56);

/** Milliseconds without output; short, so that lost JSON does not cost minutes. */
const DEADLINE_MS = 250;

/** How often `ip` itself may take longer than that, where others keep the machine busy. */
const MAX_LATE = Math.ceil(ROUNDS / 100);

/** What another program, another version or another command may write. */
const TEXTS = [
  "",
  "null",
  "{}",
  "[]",
  "[{}]",
  "[[]]",
  "7",
  "[null]",
  '[{"dst":"10.42.9.0/24","dev":"lo","protocol":"142","flags":[]}]',
  '[{"dst":"default","dev":"other","flags":[]}]',
  '[{"ifindex":99,"ifname":"vxlan100","flags":["UP"],"mtu":1450}]',
  '[{"ifindex":1e308,"ifname":"vxlan100","flags":["UP"],"mtu":1450}]',
  '[{"ifindex":1,"ifname":"lo","flags":["UP"],"mtu":65536}]',
  "RTNETLINK answers: File exists",
  "RTNETLINK answers: Operation not permitted",
  'Cannot find device "vxlan100"',
  "Command failed -:1",
  "Command failed -:2",
  "Command failed -:99999999999999999999",
  "Command failed",
  "Dump was interrupted and may be inconsistent.",
  "libquilt: warning: File exists",
  "ERROR: ld.so: object 'x.so' from /etc/ld.so.preload cannot be preloaded: ignored.",
  'Object "end-of-batch-3" is unknown, try "ip help".',
  "\u0000\u0001\u001b[2J",
] as const;

function garbling(dice: Dice, round: number): Garbling {
  return {
    how: GARBLINGS[round % GARBLINGS.length] ?? "drop",
    stream: dice.pick(["stdout", "stdout", "stderr"]),
    skip: dice.roll(3),
    seed: dice.roll(2 ** 31),
    text: dice.pick(TEXTS),
  };
}

/** The devices of the main table's routes to 10.42.N.0/24, without starting a process. */
function devicesTo(octet: number): readonly string[] {
  const destination = `00${octet.toString(16).padStart(2, "0")}2A0A`.toUpperCase();
  return Deno.readTextFileSync("/proc/net/route").split("\n")
    .map((line) => line.split("\t"))
    .filter(([, to]) => to === destination)
    .map(([device = ""]) => device);
}

/** Fails if the call reports a success that the kernel does not have. */
function compare(octet: number, { kind }: InjectOutcome | RemoveOutcome): void {
  const devices = devicesTo(octet);
  if (kind === "added" || kind === "unchanged") assert.deepEqual(devices, ["vxlan100"]);
  if (kind === "removed" || kind === "absent") assert.deepEqual(devices, []);
}

/** Fails when it is disposed if any promise was rejected without a handler. */
function forbidRejections(): Disposable {
  const rejections: unknown[] = [];
  const onRejection = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    rejections.push(event.reason);
  };
  addEventListener("unhandledrejection", onRejection);
  return {
    [Symbol.dispose]: () => {
      removeEventListener("unhandledrejection", onRejection);
      assert.deepEqual(rejections, []);
    },
  };
}

Deno.test(`Dataplane answers every call and gets the next one right, when output of ip is garbled (${ROUNDS} rounds)`, async () => {
  await using _ground = await makeGround("vxlan100", "other");
  using odd = installOddIp();
  await using node = openRoutes({ deadlineMs: DEADLINE_MS });
  const dice = makeDice();
  using _forbidden = forbidRejections();
  const call = (octet: number): Promise<InjectOutcome | RemoveOutcome> => {
    const to = `10.42.${octet}.0/24`;
    return dice.roll(3) === 0 ? node.remove(to) : node.inject(to);
  };
  const began = performance.now();
  let lost = 0;
  let late = 0;
  const callInTime = async (octet: number): Promise<InjectOutcome | RemoveOutcome> => {
    const outcome = await call(octet);
    const isLate = outcome.kind === "refused" &&
      outcome.sentence.includes(`did not answer within ${DEADLINE_MS} ms`);
    if (!isLate || late === MAX_LATE) return outcome;
    late += 1;
    return await callInTime(octet);
  };
  for (let round = 0; round < ROUNDS; round += 1) {
    const plan = garbling(dice, round);
    const described = `round ${round} of the seed ${dice.seed}: ${
      JSON.stringify(plan)
    }`;
    try {
      odd.garble(plan);
      // Until it has happened: an unchanged route has fewer lines than an added one.
      for (let calls = 0; !odd.isGarbled(); calls += 1) {
        assert.ok(calls < 100, "nothing was garbled");
        const octet = 2 + dice.roll(8);
        const outcome = await call(octet);
        if (outcome.kind === "refused") lost += 1;
        else compare(octet, outcome);
      }
      const octet = 20 + dice.roll(8);
      const next = await callInTime(octet);
      assert.ok(
        ["added", "unchanged", "removed", "absent"].includes(next.kind),
        JSON.stringify(next),
      );
      compare(octet, next);
    } catch (error) {
      throw new Error(described, { cause: error });
    }
  }
  const seconds = Math.round((performance.now() - began) / 1000);
  await print(
    `${ROUNDS} garblings in ${seconds} s, ${lost} calls refused, ${late} late, ` +
      `seed ${dice.seed}`,
  );
});

Deno.test("Node recovers as soon as the output of ip, also of resyncs, is no longer garbled", async () => {
  await using _ground = await makeGround("vxlan100", "other");
  using odd = installOddIp();
  using _forbidden = forbidRejections();
  let fault: string | undefined;
  await using node = await openNodeUnderTest({
    resyncMs: 50,
    onKernel: (newFault) => void (fault = newFault),
  });
  const dice = makeDice();
  // A resync whose end was garbled away is given up after 20 s.
  const deadlineMs = 30_000;
  const endMs = performance.now() + bounded(12_000, 2_500);
  let garbled = 0;
  while (performance.now() < endMs) {
    if (odd.isGarbled()) {
      odd.garble(garbling(dice, garbled));
      garbled += 1;
    }
    const to = `10.42.${2 + dice.roll(8)}.0/24`;
    await (dice.roll(3) === 0 ? node.remove(to) : node.inject(to));
    await new Promise((resolve) => setTimeout(resolve, dice.roll(30)));
  }
  await until(() => odd.isGarbled(), { what: "the last one", deadlineMs });
  for (let octet = 2; octet < 10; octet += 1) {
    assert.match(await node.inject(`10.42.${octet}.0/24`), /^(?:added|unchanged)$/);
  }
  const seen = () => Array.from({ length: 8 }, (_, at) => devicesTo(at + 2).join());
  await until(() => seen().every((devices) => devices === "vxlan100"), {
    what: () => `the routes, seed ${dice.seed}: ${seen()}`,
    deadlineMs,
  });
  await until(() => fault === undefined, {
    what: () => `health, seed ${dice.seed}: ${fault}`,
    deadlineMs,
  });
  assert.ok(garbled > bounded(20, 0), `${garbled} garblings`);
});
