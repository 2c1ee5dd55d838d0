#!/usr/bin/env bash
# Builds the image of the Containerfile and unpacks it; `deno task test:all` does so, too,
# unless it is told of an image:
#
#   QUILT_IMAGE=$(tests/packaging/image/build.sh) npx -y deno@2.9.3 task test:all
#
# Prints a new folder with its root file system (rootfs) and its record (image.json).
# Needs root, buildah and, where no container registry can be reached, what
# deploy/image/bases.sh needs.
set -euo pipefail
cd "$(dirname "$0")/../../.."

# Without a service, and without namespaces that this machine may not give.
export BUILDAH_ISOLATION=chroot

bases=()
for name in DENO_IMAGE DEBIAN_IMAGE; do
  image=$(sed -n "s/^ARG $name=//p" Containerfile)
  if ! timeout 60 buildah pull --quiet "$image" >&2; then
    echo "Not to be had here: $image; both bases are made on the spot" >&2
    read -ra bases < <(deploy/image/bases.sh)
    break
  fi
done

tag=localhost/quilt-sidecar:test
buildah build --quiet --format docker "${bases[@]}" --tag "$tag" . >&2

folder=$(mktemp -d)
container=$(buildah from "$tag")
trap 'buildah rm "$container" >/dev/null && buildah rmi "$tag" >/dev/null' EXIT
# The folder of mktemp is root's alone, and an image is for every user.
chmod 755 "$folder"
cp -a "$(buildah mount "$container")" "$folder/rootfs"
chmod 755 "$folder/rootfs"
buildah inspect --type image "$tag" >"$folder/image.json"
echo "$folder"
