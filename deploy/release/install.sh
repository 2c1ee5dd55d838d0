#!/bin/sh
# Installs the Quilt sidecar on a host with systemd, upgrades it, or uninstalls it:
#
#   ./install.sh [--root DIR]
#   ./install.sh uninstall [--routes] [--root DIR]
#
# --root DIR  works on the system below DIR, which does not run: a chroot or an image
# --routes    also removes the sidecar's routes and table 142 from the kernel
#
# What it installs:
#
#   /opt/quilt-sidecar-VERSION.XXXXXX           the files of the image, and this script
#   /opt/quilt-sidecar                          a link to that folder
#   /etc/systemd/system/quilt-sidecar.service   which names that folder as its root: systemd
#                                               follows no link there
#   /etc/systemd/system/quilt-sidecar.socket
#   /etc/sysusers.d/quilt-sidecar.conf          the user quilt-sidecar
#   /etc/iproute2/rt_protos.d/quilt.conf        the name of protocol 142 for ip
#   /usr/local/bin/quilt-sidecar                a link to the command
#
# An upgrade changes these files and nothing else: drop-ins and whether the units are
# enabled stay. It copies everything first, and then changes each name by one rename. If
# a step fails, or the new sidecar does not serve, the old files come back.
set -eu

service=quilt-sidecar.service
socket=quilt-sidecar.socket
least_systemd=249

# Folders that files are installed in; a folder comes before those within it.
folders="/opt /etc /etc/iproute2 /etc/iproute2/rt_protos.d /etc/systemd /etc/systemd/system
  /etc/sysusers.d /usr /usr/local /usr/local/bin"

here=$(cd "$(dirname "$0")" && pwd)
root=
# How far an installation is: empty, staging, swapped. Until it is empty again, any end
# takes back what was done.
progress=
is_upgrade=
was_active=
staged=
backup=
# The folder of the files that were installed before, if any.
old=

say() { printf '%s\n' "$1"; }

fail() {
  printf '%s\n' "$1" >&2
  exit 1
}

at_end() {
  code=$?
  trap - EXIT
  set +e
  if [ -n "$progress" ]; then
    code=1
    take_back
  fi
  [ -z "$staged" ] || rm -rf "$staged"
  [ -z "$backup" ] || rm -rf "$backup"
  exit "$code"
}

# Files that are installed: the source, and the path below the root.
files() {
  echo "systemd/$service /etc/systemd/system/$service"
  echo "systemd/$socket /etc/systemd/system/$socket"
  echo "systemd/sysusers.conf /etc/sysusers.d/quilt-sidecar.conf"
  echo "rt_protos.d/quilt.conf /etc/iproute2/rt_protos.d/quilt.conf"
}

# The command systemctl, for a system that runs or for one that does not.
enablement() {
  if [ -n "$root" ]; then systemctl --quiet --root "$root" "$@"; else systemctl --quiet "$@"; fi
}

runs() { [ -z "$root" ]; }

is_active() { runs && systemctl --quiet is-active "$1"; }

check_host() {
  [ "$(id -u)" -eq 0 ] || fail "Only root can install a unit: start this with sudo"
  [ -z "$root" ] || [ -d "$root" ] || fail "$root is not a folder"
  command -v systemctl >/dev/null || fail "This needs systemd: there is no systemctl"
  if runs; then
    [ -d /run/systemd/system ] || fail "systemd does not run this host; for a chroot, use --root DIR"
    version=$(systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
    [ "${version:-0}" -ge "$least_systemd" ] ||
      fail "The unit needs systemd $least_systemd or newer: this is ${version:-unknown}"
  fi
}

check_install() {
  [ "$(uname -m)" = x86_64 ] || fail "These files are for x86_64: this machine is $(uname -m)"
  [ -x "$here/image/usr/bin/deno" ] || fail "$here has no image/: unpack the whole archive"
  command -v systemd-sysusers >/dev/null || fail "This needs systemd-sysusers, to make the user"
  place=$root/opt
  [ -d "$place" ] || place=${root:-/}
  needed=$(($(du -sk "$here/image" | cut -f 1) + 10240))
  free=$(df -Pk "$place" | awk 'NR == 2 { print $4 }')
  [ "$free" -ge "$needed" ] ||
    fail "$place has $free KB free, and $needed KB are needed: free some space"
  if runs && ! is_active $socket && port_is_used; then
    fail "Port 50051 is in use: stop the process that ss -ltnp 'sport = :50051' shows"
  fi
}

# A listener (state 0A) on port 50051 (C383), on 127.0.0.1 or on every address.
port_is_used() {
  cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
    grep -Eq '^ *[0-9]+: (0100007F|0{8}|0{32}):C383 [0-9A-F]+:0000 0A'
}

# Copies all files beside their places; no file that is in use changes.
stage() {
  backup=$(mktemp -d)
  : >"$backup/created"
  [ ! -e "$root/opt/quilt-sidecar/created" ] || cp "$root/opt/quilt-sidecar/created" "$backup/"
  for folder in $folders; do
    [ -d "$root$folder" ] || echo "$folder" >>"$backup/created"
    mkdir -p "$root$folder"
  done
  staged=$(mktemp -d "$root/opt/quilt-sidecar-$version.XXXXXX")
  cp "$backup/created" "$staged/"
  cp -RPp "$here/image/." "$staged/"
  cp "$here/install.sh" "$here/VERSION" "$staged/"
  cp -R "$here/systemd/variants" "$staged/usr/share/doc/quilt-sidecar/"
  # The user that unpacked the archive may be its owner.
  chown -hR 0:0 "$staged"
  chmod 755 "$staged"
  if command -v restorecon >/dev/null; then restorecon -R "$staged"; fi
  files | while read -r from to; do
    sed "s|^RootDirectory=.*|RootDirectory=/opt/$(basename "$staged")|" \
      "$here/$from" >"$root$to.new"
    chmod 644 "$root$to.new"
    [ ! -e "$root$to" ] || cp -p "$root$to" "$backup/$(basename "$to")"
  done
}

# Moves the link or folder that has the first name to the second one, in one step.
move() { mv -fT "$1" "$2"; }

# Gives the staged files the names of the old ones.
swap() {
  if [ -L "$root/opt/quilt-sidecar" ]; then
    old=$root/opt/$(readlink "$root/opt/quilt-sidecar")
  elif [ -d "$root/opt/quilt-sidecar" ]; then
    # Unpacked there by hand, as for 0.1.0.
    old=$(mktemp -d "$root/opt/quilt-sidecar-old.XXXXXX")
    move "$root/opt/quilt-sidecar" "$old"
  fi
  link_to "$staged"
  files | while read -r _ to; do move "$root$to.new" "$root$to"; done
  ln -sfn /opt/quilt-sidecar/app/bin/quilt-sidecar "$root/usr/local/bin/quilt-sidecar"
}

link_to() {
  ln -sfn "$(basename "$1")" "$root/opt/quilt-sidecar.new"
  move "$root/opt/quilt-sidecar.new" "$root/opt/quilt-sidecar"
}

# Takes back an installation that has begun.
take_back() {
  if [ -z "$is_upgrade" ]; then
    remove_all
    put_back_by_hand
    say "Nothing is installed" >&2
    return 0
  fi
  files | while read -r _ to; do rm -f "$root$to.new"; done
  if [ "$progress" = swapped ]; then
    restore
    restart
  fi
  say "The version that was installed before is in force" >&2
}

# Gives the folder that was unpacked by hand its name again, if there was one.
put_back_by_hand() {
  case $old in
    "$root"/opt/quilt-sidecar-old.*)
      rm -f "$root/opt/quilt-sidecar"
      move "$old" "$root/opt/quilt-sidecar"
      ;;
    *) return 1 ;;
  esac
}

# Gives the old files their names again.
restore() {
  put_back_by_hand || [ -z "$old" ] || link_to "$old"
  files | while read -r _ to; do
    saved=$backup/$(basename "$to")
    if [ -e "$saved" ]; then cp -p "$saved" "$root$to"; else rm -f "$root$to"; fi
  done
}

restart() {
  runs || return 0
  systemctl daemon-reload
  [ -z "$was_active" ] || systemctl restart $service
}

# Waits until the sidecar answers. With a drop-in it may do so elsewhere, or over TLS: then
# a process that has lived for five seconds is enough.
serves() {
  tries=0
  lived=0
  last=
  while [ "$tries" -lt 30 ]; do
    # What the command compiles is not for an operator's cache.
    if XDG_CACHE_HOME=$backup /opt/quilt-sidecar/app/bin/quilt-sidecar health >/dev/null 2>&1; then
      return 0
    fi
    pid=$(systemctl show --value --property MainPID $service)
    if [ "$pid" != 0 ] && [ "$pid" = "$last" ]; then lived=$((lived + 1)); else lived=0; fi
    if [ "$lived" -ge 5 ] && has_drop_ins; then return 0; fi
    # systemd starts it anew every two seconds if it ends by itself.
    [ "$(systemctl show --value --property NRestarts $service)" -lt 3 ] || return 1
    last=$pid
    tries=$((tries + 1))
    sleep 1
  done
  return 1
}

has_drop_ins() {
  [ -d /etc/systemd/system/$service.d ] || [ -d /etc/systemd/system/$socket.d ]
}

do_install() {
  check_host
  check_install
  [ ! -e "$root/etc/systemd/system/$service" ] || is_upgrade=yes
  ! is_active $service || was_active=yes
  version=$(cat "$here/VERSION")
  progress=staging
  stage
  progress=swapped
  swap
  systemd-sysusers --root "${root:-/}" quilt-sidecar.conf
  [ -n "$is_upgrade" ] || enablement enable $service
  restart
  if runs; then
    [ -n "$is_upgrade" ] || systemctl start $socket $service
    if [ -z "$is_upgrade" ] || [ -n "$was_active" ]; then
      serves || fail "The sidecar of $version does not serve; see why: journalctl -u $service"
    fi
  fi
  progress=
  staged=
  case $old in "$root"/opt/quilt-sidecar-?*) rm -rf "$old" ;; esac
  if [ -n "$is_upgrade" ]; then say "Upgraded to $version"; else say "Installed $version"; fi
}

# Removes what was installed; drop-ins are the operator's, and stay.
remove_all() {
  if runs; then systemctl stop $socket $service 2>/dev/null; fi
  enablement disable $service $socket 2>/dev/null
  files | while read -r _ to; do rm -f "$root$to" "$root$to.new"; done
  rm -f "$root/usr/lib/sysusers.d/quilt-sidecar.conf"
  case $(readlink "$root/usr/local/bin/quilt-sidecar") in
    /opt/quilt-sidecar/*) rm -f "$root/usr/local/bin/quilt-sidecar" ;;
  esac
  if runs; then
    systemctl daemon-reload
    systemctl reset-failed $service $socket 2>/dev/null
  fi
  if grep -qs '^quilt-sidecar:' "$root/etc/passwd"; then
    userdel --prefix "${root:-/}" quilt-sidecar
  fi
  folder=${staged:-$root/opt/$(readlink "$root/opt/quilt-sidecar")}
  # The last one that was made goes first.
  created=$(sed -n '1!G;h;$p' "${backup:-$folder}/created" 2>/dev/null)
  case $folder in "$root"/opt/quilt-sidecar-?*) rm -rf "$folder" ;; esac
  rm -f "$root/opt/quilt-sidecar.new"
  # A folder was unpacked by hand: only who uninstalls wants it away.
  if [ -L "$root/opt/quilt-sidecar" ] || [ "$action" = uninstall ]; then
    rm -rf "$root/opt/quilt-sidecar"
  fi
  for each in $created; do rmdir "$root$each" 2>/dev/null; done
  # Where the command keeps what it has compiled.
  if runs; then rm -rf "${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/quilt-sidecar"; fi
}

do_uninstall() {
  check_host
  [ -e "$root/etc/systemd/system/$service" ] || fail "The sidecar is not installed here"
  if [ -n "$routes" ]; then
    runs || fail "A system that does not run has no routes: leave --routes out"
    ! is_active $service || was_active=yes
    systemctl stop $socket $service
    /opt/quilt-sidecar/app/bin/quilt-sidecar uninstall --routes --yes || {
      [ -z "$was_active" ] || systemctl start $socket $service
      fail "The routes could not be removed, see above: nothing is uninstalled"
    }
  fi
  set +e
  remove_all
  say "Uninstalled"
  [ -n "$routes" ] || ! runs ||
    say "The sidecar's routes and table 142 stay until a reboot: traffic still needs them"
  for each in $service $socket; do
    [ ! -d "$root/etc/systemd/system/$each.d" ] ||
      say "Your drop-ins stay: $root/etc/systemd/system/$each.d"
  done
}

main() {
  action=install
  routes=
  while [ $# -gt 0 ]; do
    case $1 in
      uninstall) action=uninstall ;;
      --routes) routes=yes ;;
      --root)
        [ $# -ge 2 ] || fail "--root needs a folder"
        root=${2%/}
        shift
        ;;
      *) fail "Unknown word $1; use: install.sh [uninstall [--routes]] [--root DIR]" ;;
    esac
    shift
  done
  [ -z "$routes" ] || [ "$action" = uninstall ] || fail "--routes goes with uninstall"
  trap at_end EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  case $action in
    install) do_install ;;
    uninstall) do_uninstall ;;
  esac
}

# In one piece, because the file may be removed while it runs.
main "$@"
exit
