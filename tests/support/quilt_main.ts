/**
 * A program that plays Quilt: it watches the node's network and asks for addresses, over
 * one or more connections. JSON lines in, JSON lines out; `quilt.ts` speaks with it.
 *
 * Arguments: the address, e.g. `127.0.0.1:50051`, and the number of connections.
 * In:    `{"id":1,"connection":3,"call":"allocate","owner":"web-1","address":""}`,
 *        `"release"` with `owner` or `address`, `"list"`, `"network"`, `"routes"`,
 *        `"findings"`, `"sync"` with `routes` and `dryRun`; or `"watch"`, which is answered by
 *        `{"watched":…}` for each network and `{"over":"…"}`, and `"watch-routes"`, by
 *        `{"routeEvent":…}` alike;
 *        `"reconnect"` is not answered
 * Out:   in any order `{"id":1,"answer":{"ok":true,"value":{…}}}`
 */
import { connectSidecar, type SidecarClient } from "./sidecar_client.ts";
import type { StatedRoute } from "../../src/routing/route_set.ts";
import {
  isJsonObject,
  type JsonObject,
  numberAt,
  parseJsonObject,
  stringAt,
} from "../../deploy/json.ts";
import { linesOf } from "./lines.ts";

const out = Deno.stdout.writable.getWriter();

function report(line: JsonObject): Promise<void> {
  return out.write(new TextEncoder().encode(`${JSON.stringify(line)}\n`));
}

function call(client: SidecarClient, line: JsonObject): Promise<unknown> {
  const name = stringAt(line, "call");
  switch (name) {
    case "allocate":
      return client.allocateAddress(stringAt(line, "owner"), stringAt(line, "address"));
    case "release":
      return client.releaseAddress(
        "owner" in line
          ? { owner: stringAt(line, "owner") }
          : "address" in line
          ? { address: stringAt(line, "address") }
          : {},
      );
    case "list":
      return client.listAddresses();
    case "network":
      return client.getNodeNetwork();
    case "routes":
      return client.listRoutes();
    case "findings":
      return client.listFindings();
    case "sync":
      return client.syncRoutes(routesOf(line), line["dryRun"] === true);
    default:
      throw new Error(`Cannot call ${name}`);
  }
}

function routesOf(line: JsonObject): readonly StatedRoute[] {
  const { routes } = line;
  if (!Array.isArray(routes)) throw new Error("Cannot sync without routes");
  return routes.filter(isJsonObject).map((route) => ({
    destination: stringAt(route, "destination"),
    device: stringAt(route, "device"),
  }));
}

async function watch(client: SidecarClient): Promise<void> {
  try {
    for await (const watched of client.watchNodeNetwork()) await report({ watched });
    await report({ over: "" });
  } catch (error) {
    await report({ over: String(error) });
  }
}

async function watchRoutes(client: SidecarClient): Promise<void> {
  try {
    for await (const routeEvent of client.watchRoutes()) await report({ routeEvent });
  } catch (error) {
    await report({ over: String(error) });
  }
}

async function main(address: string, connections: number): Promise<void> {
  const connect = (): readonly SidecarClient[] =>
    Array.from({ length: connections }, () => connectSidecar(address));
  let clients = connect();
  const inFlight = new Set<Promise<void>>();
  for await (const text of linesOf(Deno.stdin.readable)) {
    const line = parseJsonObject(text);
    const client = clients[numberAt(line, "connection") % connections];
    if (client === undefined) throw new Error(`No connection for ${text}`);
    if (line["call"] === "watch") {
      void watch(client);
      continue;
    }
    if (line["call"] === "reconnect") {
      for (const each of clients) each.close();
      clients = connect();
      continue;
    }
    if (line["call"] === "watch-routes") {
      void watchRoutes(client);
      continue;
    }
    const answered = call(client, line).then((answer) =>
      report({ id: numberAt(line, "id"), answer })
    );
    inFlight.add(answered);
    answered.then(() => inFlight.delete(answered));
  }
  await Promise.all(inFlight);
  for (const client of clients) client.close();
}

const [address, connections = "1"] = Deno.args;
if (address === undefined) throw new Error("Name the address, e.g. 127.0.0.1:50051");
await main(address, Number(connections));
Deno.exit(0);
