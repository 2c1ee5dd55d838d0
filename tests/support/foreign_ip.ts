/** Programs called `ip` that are not that of iproute2. */

/** What BusyBox's says to options that it does not know. */
export const BUSYBOX = `#!/bin/sh
echo "BusyBox v1.37.0 multi-call binary." >&2
echo "Usage: ip [OPTIONS] address|route|link|neigh|rule [ARGS]" >&2
exit 1
`;

/** A folder with such a program, to be put into PATH; removed when disposed. */
export interface ForeignIp extends Disposable {
  readonly directory: string;
  /** The program itself. */
  readonly path: string;
}

/** @param text the whole file */
export function makeIp(text: string, mode = 0o755): ForeignIp {
  const directory = Deno.makeTempDirSync({ prefix: "foreign-ip-" });
  Deno.chmodSync(directory, 0o755);
  const path = `${directory}/ip`;
  replaceProgram(path, text, mode);
  return {
    directory,
    path,
    [Symbol.dispose]: () => Deno.removeSync(directory, { recursive: true }),
  };
}

/** Replaces it atomically: a process that starts meanwhile gets the old or the new one. */
export function replaceProgram(path: string, text: string, mode = 0o755): void {
  Deno.writeTextFileSync(`${path}.new`, text);
  Deno.chmodSync(`${path}.new`, mode);
  Deno.renameSync(`${path}.new`, path);
}
