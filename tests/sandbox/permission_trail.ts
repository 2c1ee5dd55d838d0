import { parseJsonObject, stringAt } from "../support/json.ts";

/** The permission checks that Deno wrote down, as `net 127.0.0.1:50051`, each once. */
export async function checksIn(path: string): Promise<ReadonlySet<string>> {
  const lines = (await Deno.readTextFile(path)).split("\n").filter((line) =>
    line !== ""
  );
  return new Set(lines.map((line) => {
    const check = parseJsonObject(line);
    const value = check["value"];
    return `${stringAt(check, "permission")} ${
      typeof value === "string" ? value : "*"
    }`;
  }));
}
