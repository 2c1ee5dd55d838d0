#!/bin/sh
# Run in the image's build only: assemble.sh FOLDER PROGRAM...
# Lays out a root file system of these programs and the libraries they load, with the
# licence of each Debian package they come from, and its record, which scanners read.
set -eu

to=$1
shift

# As Debian has it: the loader is sought in /lib64, libraries in /lib and /usr/lib.
mkdir -p "$to/usr/bin" "$to/usr/lib" "$to/usr/lib64" "$to/var/lib/dpkg/status.d"
for name in bin lib lib64; do ln -s "usr/$name" "$to/$name"; done
# Where a runtime mounts what it brings along; a read-only root can make none later.
mkdir -p "$to/dev" "$to/etc" "$to/proc" "$to/sys" "$to/run" "$to/tmp"

add() {
  file=$(readlink -f "$1")
  mkdir -p "$to/$(dirname "$2")"
  cp "$file" "$to/$2"
  # dpkg knows a file by the name it was packed under, with or without /usr.
  package=$(dpkg-query --search "$file" "${file#/usr}" 2>/dev/null | head -n 1 | cut -d: -f1)
  [ -n "$package" ] || return 0
  mkdir -p "$to/usr/share/doc/$package"
  cp "/usr/share/doc/$package/copyright" "$to/usr/share/doc/$package/"
  dpkg-query --status "$package" >"$to/var/lib/dpkg/status.d/$package"
}

for program in "$@"; do
  add "$program" "usr/bin/$(basename "$program")"
  # "libelf.so.1 => /lib/…/libelf.so.1 (0x…)" and, for the loader, its path alone.
  ldd "$program" | grep -o '/[^ ]*' | while read -r library; do
    add "$library" "/usr/${library#/}"
  done
done
