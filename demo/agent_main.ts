/**
 * A node's mesh agent, as far as its sidecar sees one, and what shows the sidecar's status.
 * One line in, one JSON line out: `{"text":"…"}`, or `{"fault":"…"}`.
 *
 * `configure SUBNET`     ConfigureNodeSubnet
 * `inject SUBNET HOST`   an FDB entry for the peer's host, and InjectRoute
 * `remove SUBNET HOST`   RemoveRoute, and the FDB entry goes
 * `allocate OWNER`       AllocateAddress; the text is the address
 * `status COLUMNS ROWS`  the text is what `quilt-sidecar status --map` shows
 * `counts`               the text is `ROUTES ADDRESSES`: how many installed, how many given
 *
 * Words: `colour` and `unicode`, if the terminal has them.
 */
import type { ConfigureNodeSubnetResponse } from "../src/api/gen/quilt/ConfigureNodeSubnetResponse.ts";
import type { AllocateAddressResponse } from "../src/api/gen/quilt/sidecar/v1/AllocateAddressResponse.ts";
import { ADDRESS_SERVICE, QUILT_RUNTIME } from "../src/api/proto_registry.ts";
import { DEADLINE_MS } from "../src/cli/client_command.ts";
import { explainFault } from "../src/cli/explain_fault.ts";
import { connectSidecar, type SidecarConnection } from "../src/cli/grpc_client.ts";
import { stateOf } from "../src/cli/route_table.ts";
import { fetchStatus } from "../src/cli/status.ts";
import { formatStatus } from "../src/cli/status_report.ts";
import { readTarget, type Target } from "../src/cli/target.ts";
import type { Terminal } from "../src/cli/terminal.ts";
import { err, ok, type Result } from "../src/shared/result.ts";
import { linesOf } from "./processes.ts";

async function forward(change: "append" | "del", host: string): Promise<void> {
  const entry = ["fdb", change, "00:00:00:00:00:00", "dev", "vxlan100", "dst", host];
  await new Deno.Command("bridge", { args: entry, stderr: "null" }).output();
}

async function call(
  sidecar: SidecarConnection,
  rpc: string,
  request: object,
): Promise<Result<string, string>> {
  const answer = await sidecar.call<ConfigureNodeSubnetResponse>(
    QUILT_RUNTIME,
    rpc,
    request,
  );
  if (!answer.ok) return err(answer.fault.details);
  return answer.value.success ? ok("") : err(answer.value.error);
}

async function allocate(
  sidecar: SidecarConnection,
  owner: string,
): Promise<Result<string, string>> {
  const answer = await sidecar.call<AllocateAddressResponse>(
    ADDRESS_SERVICE,
    "AllocateAddress",
    { owner },
  );
  return answer.ok
    ? ok(answer.value.address?.address ?? "")
    : err(answer.fault.details);
}

/** As in `status --watch`, a sidecar that does not answer is part of the picture. */
async function show(
  sidecar: SidecarConnection,
  target: Target,
  size: Pick<Terminal, "columns" | "rows">,
): Promise<string> {
  const status = await fetchStatus(sidecar);
  if (!status.ok) return await explainFault(target, status.fault, DEADLINE_MS);
  return formatStatus(status.value, {
    isSought: () => true,
    isVerbose: false,
    mustFit: true,
    hasMap: true,
    terminal: {
      ...size,
      hasControl: true,
      hasColour: Deno.args.includes("colour"),
      hasUnicode: Deno.args.includes("unicode"),
    },
    nowMs: Date.now(),
  });
}

async function count(sidecar: SidecarConnection): Promise<Result<string, string>> {
  const status = await fetchStatus(sidecar);
  if (!status.ok) return err(status.fault.details);
  const { allocated, routes } = status.value;
  const installed = routes.filter((route) => stateOf(route) !== "pending");
  return ok(`${installed.length} ${allocated}`);
}

async function answer(line: string): Promise<Result<string, string>> {
  const target = await readTarget("demo", new Map());
  if (!target.ok) return target;
  // A new connection each time: an old one waits before it seeks a sidecar that was killed.
  using sidecar = connectSidecar(target.value, DEADLINE_MS);
  const [what, first = "", second = ""] = line.split(" ");
  switch (what) {
    case "configure":
      return await call(sidecar, "ConfigureNodeSubnet", { subnet: first });
    case "inject": {
      await forward("append", second);
      const request = { destination: first, via_interface: "vxlan100" };
      return await call(sidecar, "InjectRoute", request);
    }
    case "remove": {
      const removed = await call(sidecar, "RemoveRoute", { destination: first });
      await forward("del", second);
      return removed;
    }
    case "allocate":
      return await allocate(sidecar, first);
    case "status": {
      const size = { columns: Number(first), rows: Number(second) };
      return ok(await show(sidecar, target.value, size));
    }
    case "counts":
      return await count(sidecar);
    default:
      return err(`The agent knows no ${what}`);
  }
}

for await (const line of linesOf(Deno.stdin.readable)) {
  const result = await answer(line);
  const shown = result.ok ? { text: result.value } : { fault: result.fault };
  Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(shown)}\n`));
}
