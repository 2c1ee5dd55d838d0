/** The file of `sync`: a list of destination and device, in YAML 1.2, of which JSON is a part. */
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type YAMLMap,
  type YAMLParseError,
  type YAMLSeq,
} from "yaml";
import { parseCidr } from "../ipam/cidr.ts";
import { parseInterfaceName } from "../routing/interface_name.ts";
import { quote } from "../shared/quote.ts";
import { err, ok, type Result } from "../shared/result.ts";

/** A route that a file asks for. */
export interface FileRoute {
  readonly destination: string;
  readonly device: string;
}

/** What an entry says. */
const FIELDS = ["destination", "device"] as const;

const USE_FIELDS = "use destination and device";

/**
 * Reads the file, or tells the line of its first fault. Never throws.
 *
 * The list stands alone or under `routes`. What a cluster allows the sidecar checks: here
 * is checked what is a matter of form. Aliases of YAML are refused, so that a short file
 * cannot stand for a long list.
 *
 * @param name how the fault calls the file
 */
export function parseSyncFile(
  name: string,
  text: string,
): Result<readonly FileRoute[], string> {
  const lines = new LineCounter();
  const at = (node: unknown): string => {
    const offset = isNode(node) ? node.range?.[0] ?? 0 : 0;
    return `${name} line ${lines.linePos(offset).line}`;
  };
  // A mark of the byte order, which editors on Windows put in front.
  const plain = text.replace(/^\ufeff/, "");
  const document = parseDocument(plain, {
    lineCounter: lines,
    prettyErrors: false,
    // Quadratic in the number of fields; the check of the fields finds it as well.
    uniqueKeys: false,
  });
  const [fault] = document.errors;
  if (fault !== undefined) {
    const { line } = lines.linePos(fault.pos[0]);
    const shown = plain.split("\n", line)[line - 1] ?? "";
    return err(`${name} line ${line} ${describeSyntaxFault(fault, shown)}`);
  }
  const list = findList(document.contents, at);
  return list.ok ? readList(list.value, at) : list;
}

/** Names the place of a node. */
type Place = (node: unknown) => string;

function describeSyntaxFault({ code, message }: YAMLParseError, line: string): string {
  if (/^ *\t/.test(line)) return "begins with a tab; use spaces";
  switch (code) {
    case "MULTIPLE_DOCS":
      return "begins a second document; leave one list";
    case "RESOURCE_EXHAUSTION":
      return "is nested too deeply; write a list of routes";
    default:
      return `is neither YAML nor JSON: ${message.replaceAll(/\s+/g, " ")}`;
  }
}

function findList(root: unknown, at: Place): Result<YAMLSeq, string> {
  if (!isMap(root)) return isSeq(root) ? ok(root) : err(describeNoList(at(root)));
  const fields = readFields(root, ["routes"], "use routes", at);
  if (!fields.ok) return fields;
  const [routes] = fields.value;
  return isSeq(routes) ? ok(routes) : err(describeNoList(at(routes ?? root)));
}

function describeNoList(place: string): string {
  return `${place} is not a list of routes; write one entry a line, such as ` +
    "- {destination: 10.42.2.0/24, device: vxlan100}, and [] for no routes";
}

function readList(
  { items }: YAMLSeq,
  at: Place,
): Result<readonly FileRoute[], string> {
  const routes: FileRoute[] = [];
  const places = new Map<string, string>();
  for (const item of items) {
    const route = readEntry(item, at);
    if (!route.ok) return route;
    const { destination } = route.value;
    const before = places.get(destination);
    if (before !== undefined) {
      return err(`${at(item)} has ${destination} again, after ${before}`);
    }
    places.set(destination, at(item));
    routes.push(route.value);
  }
  return ok(routes);
}

function readEntry(item: unknown, at: Place): Result<FileRoute, string> {
  if (isAlias(item)) return err(describeAlias(at(item)));
  if (!isMap(item)) {
    return err(`${at(item)} is not a route; it needs destination and device`);
  }
  const fields = readFields(item, FIELDS, USE_FIELDS, at);
  if (!fields.ok) return fields;
  const texts: string[] = [];
  for (const [index, field] of FIELDS.entries()) {
    const value = fields.value[index];
    if (value === undefined || isScalar(value) && value.value === null) {
      return err(`${at(item)} has no ${field}`);
    }
    if (isAlias(value)) return err(describeAlias(at(value)));
    if (!isScalar(value) || typeof value.value !== "string") {
      return err(`${at(value)} has a ${field} that is not a string; put it in quotes`);
    }
    const fault = faultOf(field, value.value);
    if (fault !== undefined) return err(`${at(value)}: ${fault}`);
    texts.push(value.value);
  }
  const [destination = "", device = ""] = texts;
  return ok({ destination, device });
}

function faultOf(field: typeof FIELDS[number], text: string): string | undefined {
  switch (field) {
    case "destination": {
      const cidr = parseCidr(text);
      if (cidr.ok) return undefined;
      return cidr.fault.kind === "host-bits"
        ? `${text} has host bits set; did you mean ${cidr.fault.network}?`
        : `${quote(text)} is not an IPv4 prefix; use one such as 10.42.2.0/24`;
    }
    case "device":
      return parseInterfaceName(text).ok
        ? undefined
        : `${quote(text)} is not the name of a device; use one such as vxlan100`;
    default:
      return field satisfies never;
  }
}

function describeAlias(place: string): string {
  return `${place} is a YAML alias; write the value instead`;
}

/** The values of these fields, in their order; undefined for one without any. */
function readFields(
  { items }: YAMLMap,
  names: readonly string[],
  remedy: string,
  at: Place,
): Result<readonly unknown[], string> {
  const values = new Map<string, unknown>();
  for (const { key, value } of items) {
    const name = isScalar(key) ? String(key.value) : "";
    if (!names.includes(name)) {
      return err(`${at(key)} has an unknown field ${quote(name)}; ${remedy}`);
    }
    if (values.has(name)) return err(`${at(key)} has ${name} twice`);
    values.set(name, value ?? undefined);
  }
  return ok(names.map((name) => values.get(name)));
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "range" in value;
}
