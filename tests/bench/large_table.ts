import { addVxlan, makeNamespace, type Namespace } from "../support/namespace.ts";
import { withNoop } from "./calls.ts";
import { PEERS } from "./peers.ts";
import { describeMs, type Finding } from "./report.ts";
import { median } from "./statistics.ts";

const FOREIGN = 100_000;
const ROUNDS = 12;

/** InjectRoute beside the full BGP table of another process, and the same call with none. */
export async function measureLargeTable(): Promise<readonly Finding[]> {
  await using small = await makeNamespace();
  await using large = await makeNamespace();
  for (const namespace of [small, large]) await addVxlan(namespace);
  await addForeignRoutes(large);
  const times: Record<"small" | "large", number[]> = { small: [], large: [] };
  await withNoop(small, (inSmall) =>
    withNoop(large, async (inLarge) => {
      for (let round = 0; round < ROUNDS; round += 1) {
        for (
          const [table, client] of [["small", inSmall], ["large", inLarge]] as const
        ) {
          times[table].push(...(await client.play("InjectRoute", PEERS)).microseconds);
          await client.play("RemoveRoute", PEERS);
        }
      }
    }));
  return [{
    what: `new route, ${FOREIGN} foreign ones beside it, to none`,
    value: median(times.large) / median(times.small),
    unit: "×",
    limit: { kind: "at most", value: 1.2 },
    raw: `${describeMs(median(times.large))} to ${describeMs(median(times.small))}`,
  }];
}

/** Prefixes of 20.0.0.0/8 by protocol 186, which is BGP's. */
async function addForeignRoutes(namespace: Namespace): Promise<void> {
  const lines = Array.from({ length: FOREIGN }, (_, index) => {
    const prefix = `20.${index >> 14}.${(index >> 6) & 255}.${(index & 63) * 4}/30`;
    return `route add ${prefix} dev vxlan100 proto 186\n`;
  });
  const { code, stderr } = await namespace.run(["ip", "-batch", "-"], {
    stdin: lines.join(""),
  });
  if (code !== 0) throw new Error(`Cannot add the foreign routes: ${stderr}`);
}
