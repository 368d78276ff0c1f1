#!/bin/sh
# What must run before Bun exists: Debian packages, then the locked npm packages (Bun is one of them).
# Safe to repeat: it changes nothing that is in place. Usage: tools/setup.sh [base|kube|light|vm|engines]...
set -eu
cd "$(dirname "$0")/.."
cache=${KUBENEST_CACHE:-$HOME/.cache/kubenest}

why_base='the gate itself: make, git, npm for the pinned packages, certificates to fetch them'
base='make git ca-certificates'
why_kube='a real control plane: etcd stores, openssl makes certificates, unzip unpacks Go if it is missing'
kube='etcd-server openssl unzip'
why_light='light nodes: a sandbox, the real GRUB that decides about each boot, tools for disk images'
light='bubblewrap grub-emu grub-common libsdl1.2debian libcaca0 e2fsprogs mtools dosfstools fdisk zstd'
why_vm='virtual nodes: QEMU with UEFI, a root file system without root rights, image tools'
vm='qemu-system-x86 qemu-utils ovmf grub-efi-amd64-bin mmdebstrap skopeo uidmap strace busybox-static'

why_engines='image sources: a registry and two container engines, which tests run privately'
engines='docker-registry'

# What the machine has is good enough, and Debian's must not displace it.
has() { [ -x "${KUBENEST_SYSTEM_ROOT:-}$1" ]; }
has /usr/bin/containerd || engines="$engines containerd"
has /usr/sbin/dockerd || has /usr/bin/dockerd || engines="$engines docker.io"

# npm of the machine is good enough, whoever installed it; its Node runs nothing else of ours.
command -v npm >/dev/null 2>&1 || base="$base npm"

[ $# -gt 0 ] || set -- base
packages=
for group in "$@"; do
  case $group in
    base) packages="$packages $base" reason=$why_base ;;
    kube) packages="$packages $kube" reason=$why_kube ;;
    light) packages="$packages $light" reason=$why_light ;;
    vm) packages="$packages $vm" reason=$why_vm ;;
    engines) packages="$packages $engines" reason=$why_engines ;;
    *) echo "setup: there is no group \"$group\"; known are base, kube, light, vm, engines" >&2; exit 64 ;;
  esac
  reasons="${reasons:-}  $group: $reason
"
done

refuse() {
  echo "setup: $1" >&2
  echo "setup: KubeNest is built and tested on Debian and Ubuntu, x86-64. It needs these Debian packages," >&2
  echo "setup: or what your system calls them:$packages" >&2
  exit 69
}

[ "$(uname -m)" = x86_64 ] || refuse "this machine is $(uname -m)"
release=${KUBENEST_OS_RELEASE:-/etc/os-release}
case " $(sed -n 's/^ID=//p; s/^ID_LIKE=//p' "$release" 2>/dev/null | tr -d '"' | tr '\n' ' ') " in
  *' debian '*|*' ubuntu '*) ;;
  *) refuse 'this system is neither Debian nor Ubuntu' ;;
esac

missing=
for package in $packages; do
  state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$state" = installed ] || missing="$missing $package"
done
if [ -n "$missing" ]; then
  echo "setup: installing Debian packages:$missing"
  printf '%s' "$reasons"
  sudo=
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 || refuse 'installing them takes root or sudo'
    sudo=sudo
  fi
  # shellcheck disable=SC2086 # a list of words on purpose
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get update -q
  # From Debian 13 on the command of docker is a package of its own, and only recommended.
  case " $missing " in
    *' docker.io '*) apt-cache show docker-cli >/dev/null 2>&1 && missing="$missing docker-cli" ;;
  esac
  # With SYSTEMD_OFFLINE no service is started: tests run their own, privately.
  # shellcheck disable=SC2086
  $sudo env DEBIAN_FRONTEND=noninteractive SYSTEMD_OFFLINE=1 apt-get install -y -q --no-install-recommends $missing
fi

# A copy of the lock file says which packages node_modules holds. Not `npm ci`: it refuses a lock file that
# leaves out optional packages of other platforms, which a registry need not have.
if ! cmp -s package-lock.json node_modules/.kubenest-lock; then
  echo 'setup: installing the npm packages of package-lock.json (Bun, TypeScript, oxlint, libraries)'
  npm install --no-save --ignore-scripts --no-audit --no-fund --cache "$cache/npm"
  cp package-lock.json node_modules/.kubenest-lock
fi
