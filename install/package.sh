# shellcheck shell=sh disable=SC2034 # Those that source it use them.
# What the scripts that make packages share: the arguments are those of the script. Sets name,
# version, processor, folder, and what differs between agent and platform.
set -eu
umask 022
[ $# = 4 ] || {
  echo "Usage: sh ${0##*/} opendca|opendca-platform VERSION x64|arm64 FOLDER" >&2
  exit 64
}
name=$1 version=$2 processor=$3
case $processor in
x64) debian_processor=amd64 rpm_processor=x86_64 ;;
arm64) debian_processor=arm64 rpm_processor=aarch64 ;;
*)
  echo "error: Cannot make a package for the processor \"$processor\"" >&2
  exit 64
  ;;
esac
case $name in
opendca)
  unit=opendca-agent.service etc=/etc/opendca state='/var/lib/opendca /var/lib/opendca-guard'
  summary="data collection agent for printers"
  about="Discovers printers over SNMP, reads meters, supplies and alerts, and reports
them to a platform. All connections are outgoing."
  ;;
opendca-platform)
  unit=opendca-platform.service etc=/etc/opendca-platform state=/var/lib/opendca-platform
  summary="platform for data collection agents of printers"
  about="Activates agents, takes their readings, and gives them tasks."
  ;;
*)
  echo "error: Cannot make a package of the program \"$name\"" >&2
  exit 64
  ;;
esac
folder=$(CDPATH='' cd -- "$4" && pwd)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(date +%s)}
export SOURCE_DATE_EPOCH

# put_program ROOT: the program, with what it checks itself by.
put_program() {
  install -D -m 755 -- "$folder/$name-$version-linux-$processor" "$1/usr/lib/$name/$name"
  for manifest in "$folder/$name-$version.manifest" "$folder/$name-$version.throw-away.manifest"; do
    [ -e "$manifest" ] || continue
    install -m 644 -- "$manifest" "$1/usr/lib/$name/$name.manifest"
    keys=${manifest%.manifest}.keys
    [ ! -e "$keys" ] || install -m 644 -- "$keys" "$1/usr/lib/$name/$name.keys"
    break
  done
  mkdir -p -- "$1/usr/bin"
  ln -s "../lib/$name/$name" "$1/usr/bin/$name"
}
