/** The image that tests/packaging/image/build.sh has built, for the tests that run it. */
import {
  isJsonObject,
  objectAt,
  parseJsonObject,
  stringAt,
} from "../../deploy/json.ts";

/** The variable with the path of the image. */
export const IMAGE = "QUILT_IMAGE";

/** Stands there in place of an image that could not be built. */
export const NO_IMAGE = "none";

/** A built image: its files, and its configuration for a container runtime. */
export interface Image {
  /** The folder that holds its root file system. */
  readonly rootfs: string;
  readonly entrypoint: readonly string[];
  /** The words of HEALTHCHECK. */
  readonly healthcheck: readonly string[];
  /** `NAME=VALUE` each. */
  readonly env: readonly string[];
  readonly workingDir: string;
  /** User and group as numbers, e.g. `65532:65532`. */
  readonly user: string;
}

/**
 * Registers the tests of an image, or one in their place: where it was to be built and
 * could not be, that one fails; elsewhere it is left out and says why.
 *
 * @param what What the tests are about, for that one's name.
 */
export function withImage(what: string, register: (image: Image) => void): void {
  const folder = Deno.env.get(IMAGE);
  if (folder === NO_IMAGE) {
    return Deno.test(`${what}: needs the image`, () => {
      throw new Error(
        "The image could not be built; the run says why at its beginning",
      );
    });
  }
  if (folder !== undefined) return register(readImage(folder));
  Deno.test({
    name: `${what}: left out, deno task test:all has it, as root and with buildah`,
    ignore: true,
    fn: () => {},
  });
}

function readImage(folder: string): Image {
  const record = parseJsonObject(Deno.readTextFileSync(`${folder}/image.json`));
  const config = objectAt(objectAt(record, "Docker"), "config");
  const [kind, ...healthcheck] = stringsAt(objectAt(config, "Healthcheck"), "Test");
  if (kind !== "CMD") throw new Error("HEALTHCHECK must not need a shell");
  return {
    rootfs: `${folder}/rootfs`,
    entrypoint: stringsAt(config, "Entrypoint"),
    healthcheck,
    env: stringsAt(config, "Env"),
    workingDir: stringAt(config, "WorkingDir"),
    user: stringAt(config, "User"),
  };
}

/**
 * The strings that stand under a name.
 *
 * @throws {TypeError} when there is no array of strings.
 */
export function stringsAt(object: unknown, name: string): readonly string[] {
  const value = isJsonObject(object) ? object[name] : undefined;
  if (!Array.isArray(value) || !value.every((item) => typeof item === "string")) {
    throw new TypeError(`Cannot read ${name} as strings in ${JSON.stringify(object)}`);
  }
  return value;
}
