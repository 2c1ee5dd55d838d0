#!/bin/sh
# Boots the systemd of this machine as process 1 of a host of its own:
#
#   boot.sh GROUP FOLDER SOURCE PLACE
#
# The host has this machine's programs, a network namespace that the caller has entered,
# the folder SOURCE at PLACE, and no units but the journal's and those of FOLDER/units.
# GROUP is the name of a control group to live in.
set -eu
group=$1 folder=$2 source=$3 place=$4

if [ "${5:-}" != inside ]; then
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
  mkdir "/sys/fs/cgroup/$group"
  echo $$ >"/sys/fs/cgroup/$group/cgroup.procs"
  exec unshare --mount --propagation private --pid --fork --kill-child \
    --uts --ipc --cgroup "$0" "$@" inside
fi

root=$folder/root
mount -t tmpfs tmpfs "$folder"/changes
mkdir "$folder"/changes/upper "$folder"/changes/work
mount -t overlay overlay "$root" \
  -o "lowerdir=/,upperdir=$folder/changes/upper,workdir=$folder/changes/work"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
# The unified hierarchy: only there systemd can filter addresses.
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
for name in run tmp dev; do mount -t tmpfs tmpfs "$root/$name"; done
# The clone may lie below one of these.
repository=${0%/tests/packaging/host/boot.sh}
mkdir -p "$root$repository"
mount --bind "$repository" "$root$repository"
mkdir "$root/dev/shm" "$root/dev/pts"
mount -t devpts devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
for name in null zero full random urandom tty; do
  touch "$root/dev/$name"
  mount --bind "/dev/$name" "$root/dev/$name"
done
mkdir -p "$root$place"
mount --bind "$source" "$root$place"

# Nothing of this machine's own services.
rm -rf "$root"/etc/systemd/system "$root"/lib/systemd/system/*.wants \
  "$root"/lib/systemd/system-generators/*
mkdir -p "$root/etc/systemd/system/basic.target.wants"
ln -s /lib/systemd/system/systemd-journald.service "$root/etc/systemd/system/basic.target.wants/"
cp -r "$folder"/units/. "$root/etc/systemd/system/"

# What the host has changed of this machine's files, for the tests to list.
mkdir "$root/run/changes"
mount --bind "$folder/changes/upper" "$root/run/changes"

cd "$root"
mkdir -p mnt/machine
pivot_root . mnt/machine
umount --lazy mnt/machine
cd /
# A host on which nothing is installed yet has none.
[ ! -e /etc/systemd/system/sysusers.conf ] ||
  systemd-sysusers /etc/systemd/system/sysusers.conf 2>/dev/null
export container=quilt-test
exec /lib/systemd/systemd --system --unit=basic.target --log-target=null --show-status=no
