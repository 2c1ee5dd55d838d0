import assert from "node:assert/strict";
import { runToEnd } from "../support/namespace.ts";
import { LIBRARY } from "./takeover.ts";

/** Makes a library for ip that writes a line when it is loaded; returns its folder. */
export async function makeLibrary(): Promise<string> {
  const folder = await Deno.makeTempDir();
  const source = `#include <unistd.h>
__attribute__((constructor)) static void loaded(void) {
  write(2, "${LIBRARY.text}\\n", ${LIBRARY.text.length + 1});
}
`;
  await Deno.writeTextFile(`${folder}/library.c`, source);
  const cc = ["cc", "-shared", "-fPIC", "-o", `${folder}/link_stranger.so`];
  const { code, stderr } = await runToEnd([...cc, `${folder}/library.c`]);
  assert.equal(code, 0, stderr);
  return folder;
}
