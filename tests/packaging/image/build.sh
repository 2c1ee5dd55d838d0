#!/usr/bin/env bash
# Builds the image of the Containerfile and unpacks it; `deno task test:all` does so, too,
# unless it is given an image:
#
#   QUILT_IMAGE=$(tests/packaging/image/build.sh) npx -y deno@2.9.3 task test:all
#
# Prints a new folder with its root file system (rootfs) and its record (image.json).
# Needs what deploy/image/build.sh needs.
set -euo pipefail
cd "$(dirname "$0")/../../.."

# As in deploy/image/build.sh.
export BUILDAH_ISOLATION=chroot

tag=localhost/quilt-sidecar:test
deploy/image/build.sh "$tag"

folder=$(mktemp -d)
container=$(buildah from "$tag")
trap 'buildah rm "$container" >/dev/null && buildah rmi "$tag" >/dev/null' EXIT
# The folder of mktemp is root's alone, and an image is for every user.
chmod 755 "$folder"
cp -a "$(buildah mount "$container")" "$folder/rootfs"
chmod 755 "$folder/rootfs"
buildah inspect --type image "$tag" >"$folder/image.json"
echo "$folder"
