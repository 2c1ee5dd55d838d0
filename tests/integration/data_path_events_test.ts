import assert from "node:assert/strict";
import type { DataPathEvent } from "../../src/dataplane/data_path.ts";
import { batch, ip } from "../support/fixtures.ts";
import { until } from "../support/wait.ts";
import {
  type DataPathGround,
  fdb,
  makeDataPath,
  run,
  setConf,
} from "./data_path_ground.ts";

/** The events of a watch that sees what happens from now on. */
interface Watched extends Disposable {
  /** The events of a change, without those of anything before. */
  during(change: () => Promise<unknown>): Promise<readonly DataPathEvent[]>;
}

/** Marks a moment by an event: a neighbour with this address comes and goes. */
async function mark(address: string): Promise<void> {
  await ip(`neigh add ${address} lladdr 02:00:00:00:00:01 dev underlay`);
  await ip(`neigh delete ${address} dev underlay`);
}

async function watch({ dataplane }: DataPathGround): Promise<Watched> {
  const events: DataPathEvent[] = [];
  const watching = dataplane.watchDataPath((event) => void events.push(event));
  const isMarked = (address: string): boolean =>
    events.some((event) =>
      event.kind === "neighbour" && event.neighbour.address === address && event.deleted
    );
  await until(async () => {
    await mark("10.42.250.1");
    return isMarked("10.42.250.1");
  }, { what: "the watch to begin" });
  let marks = 1;
  const waitForMark = async (): Promise<void> => {
    marks += 1;
    const address = `10.42.250.${marks}`;
    await mark(address);
    await until(() => isMarked(address), { what: `the mark ${address}` });
  };
  return {
    during: async (change) => {
      await waitForMark();
      const from = events.length;
      await change();
      await waitForMark();
      return events.slice(from).filter((event) =>
        event.kind === "changed" || !event.neighbour.address.startsWith("10.42.250.")
      );
    },
    [Symbol.dispose]: () => watching.close(),
  };
}

const IP_CHANGES = [
  ["an address that is added", "address add 10.42.9.1/24 dev quilt0"],
  ["an address that is deleted", "address delete 10.42.9.1/24 dev quilt0"],
  ["a rule that is added", "rule add priority 100 from 10.9.0.0/16 table 142"],
  ["a rule that is deleted", "rule delete priority 100"],
  ["a device that is set down", "link set vxlan100 down"],
  ["a device that is set up", "link set vxlan100 up"],
  ["a device's MTU", "link set vxlan100 mtu 1400"],
  ["a device that becomes a port", "link set vxlan100 master quilt0"],
  ["a device that is a port no more", "link set vxlan100 nomaster"],
] as const;

Deno.test("watchDataPath reports a change of an address, a rule, a device, a setting, and an entry of the forwarding database", async () => {
  await using ground = await makeDataPath();
  using watched = await watch(ground);
  const isQuiet = async (): Promise<boolean> =>
    (await watched.during(() => Promise.resolve())).length === 0;
  // A device that is new has events of its own for about a second.
  await until(isQuiet, { what: "a moment without events" });
  const reports = async (what: string, change: () => Promise<unknown>) => {
    const events = await watched.during(change);
    assert.ok(events.some(({ kind }) => kind === "changed"), what);
  };
  for (const [what, line] of IP_CHANGES) await reports(what, () => ip(line));
  for (
    const [name, value] of [["proxy_arp", 1], ["rp_filter", 1], [
      "forwarding",
      1,
    ]] as const
  ) {
    await reports(name, () => setConf("vxlan100", name, value));
  }
  await reports("forwarding of all", () => setConf("all", "forwarding", 1));
  await reports("forwarding of all", () => setConf("all", "forwarding", 0));
  await reports("a peer", () => run(fdb("append", "198.51.100.3")));
  await reports("a peer that is gone", () => run(fdb("del", "198.51.100.3")));
  const mac = "02:00:00:00:00:05";
  await reports("a MAC", () => run(fdb("add", "198.51.100.2", mac)));
  await reports("a MAC that is gone", () => run(fdb("del", "198.51.100.2", mac)));
});

/** Each of these would be an event in every round, if it were one. */
async function changeWhatIsNoEvent(): Promise<void> {
  await batch([
    "address add fd00::1/64 dev quilt0 nodad",
    "address delete fd00::1/64 dev quilt0",
    "neigh add fd00::9 lladdr 02:00:00:00:00:09 dev quilt0",
    "neigh delete fd00::9 dev quilt0",
    "neigh add 239.1.1.1 lladdr 01:00:5e:01:01:01 dev quilt0 nud noarp",
    "neigh delete 239.1.1.1 dev quilt0",
  ]);
  await ip("-6 rule add priority 100 from fd00::/16 table 142");
  await ip("-6 rule delete priority 100");
  const setting = "/proc/sys/net/ipv6/conf/quilt0/forwarding";
  for (const value of ["1", "0"]) await Deno.writeTextFile(setting, value);
}

Deno.test("watchDataPath reports neither IPv6 nor multicast", async () => {
  await using ground = await makeDataPath();
  using watched = await watch(ground);
  let events: readonly DataPathEvent[] = [];
  // As above, the first rounds have events of the new devices.
  await until(async () => {
    events = await watched.during(changeWhatIsNoEvent);
    return events.length === 0;
  }, { what: () => `a round without ${JSON.stringify(events)}` });
});

Deno.test("watchDataPath reports a neighbour with its state, and that it was deleted", async () => {
  await using ground = await makeDataPath();
  using watched = await watch(ground);
  const entry = { device: "vxlan100", address: "10.42.2.9", mac: "02:00:00:00:00:09" };
  // The new devices, and the underlay's own neighbour, have events as well.
  const eventsOfEntry = async (line: string) =>
    (await watched.during(() => ip(line))).filter((event) =>
      event.kind === "neighbour" && event.neighbour.address === entry.address
    );
  const addition = await eventsOfEntry(
    "neigh add 10.42.2.9 lladdr 02:00:00:00:00:09 dev vxlan100 nud reachable",
  );
  assert.deepEqual(addition, [{
    kind: "neighbour",
    neighbour: { ...entry, state: "reachable" },
    deleted: false,
  }]);
  const deletion = await eventsOfEntry("neigh delete 10.42.2.9 dev vxlan100");
  // The kernel announces that it has failed first.
  const neighbour = { ...entry, mac: "", state: "failed" };
  assert.deepEqual(deletion, [
    { kind: "neighbour", neighbour, deleted: false },
    { kind: "neighbour", neighbour, deleted: true },
  ]);
});
