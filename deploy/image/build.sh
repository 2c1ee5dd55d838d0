#!/usr/bin/env bash
# Builds the image of the Containerfile under a name:
#
#   deploy/image/build.sh quilt-sidecar:test [OPTION OF buildah build]...
#
# Both base images are pulled, or made on the spot if they cannot be. Needs root, buildah
# and, where no container registry can be reached, what deploy/image/bases.sh needs.
set -euo pipefail
cd "$(dirname "$0")/../.."

tag=$1
shift

# One at a time on this machine: bases.sh replaces an image that another build may use.
mkdir -p /run/lock
exec 9>/run/lock/quilt-sidecar-image
flock 9

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

# Containers of the first stage: buildah 1.28 leaves one of each build.
first_stages() {
  buildah containers --format '{{.ContainerName}}' | grep '^deno-working-container' | sort
}

before=$(first_stages || true)
buildah build --quiet --no-cache --format docker "${bases[@]}" "$@" --tag "$tag" . >&2
comm -13 <(echo "$before") <(first_stages || true) | xargs --no-run-if-empty buildah rm >/dev/null
