import { parseJsonObject, stringAt } from "../../deploy/json.ts";

/** Where Deno writes its permission checks; removed when disposed. */
export interface PermissionTrail extends AsyncDisposable {
  /** The variable that makes Deno write it. */
  readonly env: Readonly<Record<string, string>>;
  /** The checks until now, as `net 127.0.0.1:50051`, each once. */
  checks(): Promise<ReadonlySet<string>>;
}

/** Makes an empty one. */
export async function makeTrail(): Promise<PermissionTrail> {
  const path = await Deno.makeTempFile();
  return {
    env: { DENO_AUDIT_PERMISSIONS: path },
    checks: () => checksIn(path),
    [Symbol.asyncDispose]: () => Deno.remove(path),
  };
}

async function checksIn(path: string): Promise<ReadonlySet<string>> {
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
