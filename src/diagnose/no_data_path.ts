import type { DataPathService } from "./ports.ts";

/** The diagnosis of a dry run: nothing is looked at, so nothing is found. */
export const NO_DATA_PATH: DataPathService = {
  latest: () => Promise.resolve(nothing()),
  watch: (listener) => {
    listener(nothing());
    return () => {};
  },
  probe: () => Promise.resolve({ kind: "probed", results: [] }),
};

function nothing() {
  return { findings: [], atMs: Date.now(), fault: undefined };
}
