import { resolve } from "node:path";
import { SIDECAR_VERSION } from "../../src/shared/versions.ts";
import { run } from "./commands.ts";

const deploy = resolve(import.meta.dirname ?? ".", "..");

/** Where the image keeps its licences and its bill of materials. */
export const IMAGE_DOCUMENTS = "usr/share/doc/quilt-sidecar";

/**
 * Puts what a host needs into a folder that is not there yet: the files of the image, the
 * units, and install.sh.
 *
 * @param image the folder of the image's files
 */
export async function layOutHost(image: string, folder: string): Promise<void> {
  await Deno.mkdir(folder);
  await run(["cp", "--archive", image, `${folder}/image`]);
  const files = [
    `${deploy}/release/install.sh`,
    `${deploy}/systemd`,
    `${deploy}/iproute2/rt_protos.d`,
    `${deploy}/../LICENSE`,
    `${image}/${IMAGE_DOCUMENTS}/THIRD_PARTY`,
  ];
  await run(["cp", "--recursive", ...files, `${folder}/`]);
  await Deno.writeTextFile(`${folder}/VERSION`, `${SIDECAR_VERSION}\n`);
}
