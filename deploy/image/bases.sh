#!/bin/sh
# Makes both base images of the Containerfile where no container registry can be reached:
# from the Debian mirror of this machine and from the npm package of Deno. Writes the
# build arguments that name them to standard output:
#
#   buildah build --format docker $(deploy/image/bases.sh) --tag quilt-sidecar:0.2.0 .
#
# Needs root, buildah, debootstrap and npm.
set -eu

here=$(dirname "$0")
deno_version=$(sed -n 's/.*TESTED_DENO_VERSION = "\(.*\)".*/\1/p' "$here/../../src/shared/versions.ts")
deno=localhost/deno:bin-$deno_version
bootstrapped=localhost/debian:bookworm-minbase
debian=localhost/debian:bookworm-slim

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

exists() {
  buildah inspect --type image "$1" >/dev/null 2>&1
}

# commit CONTAINER NAME: in the place of the image that has the name now, if any.
commit() {
  buildah rmi "$2" >/dev/null 2>&1 || true
  buildah commit --quiet --rm "$1" "$2" >/dev/null
}

if ! exists "$deno"; then
  npm install --silent --no-save --prefix "$work/npm" "deno@$deno_version" >&2
  container=$(buildah from scratch)
  buildah copy --quiet "$container" "$work"/npm/node_modules/@deno/linux-*-glibc/deno /deno >/dev/null
  commit "$container" "$deno"
fi

if ! exists "$bootstrapped"; then
  mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Codename: bookworm' |
    head -n 1)
  debootstrap --variant=minbase bookworm "$work/debian" "$mirror" >&2
  container=$(buildah from scratch)
  buildah copy --quiet "$container" "$work/debian" / >/dev/null
  commit "$container" "$bootstrapped"
fi

# How this machine reaches the npm registry; nothing of it comes into the final image.
container=$(buildah from "$bootstrapped")
buildah config --env "NPM_CONFIG_REGISTRY=$(npm config get registry)" "$container"
if [ -n "${SSL_CERT_FILE:-}" ]; then
  buildah copy --quiet "$container" "$SSL_CERT_FILE" /etc/ssl/machine.crt >/dev/null
  buildah config --env DENO_CERT=/etc/ssl/machine.crt "$container"
fi
commit "$container" "$debian"

echo "--build-arg DENO_IMAGE=$deno --build-arg DEBIAN_IMAGE=$debian"
