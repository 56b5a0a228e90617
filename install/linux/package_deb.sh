#!/bin/sh
# Makes a package of Debian of one program of a release:
# sh install/linux/package_deb.sh opendca 0.2.0 x64 FOLDER
# In FOLDER is opendca-0.2.0-linux-x64, opendca-0.2.0.manifest and opendca-0.2.0.licenses.txt where there are such, and
# manual pages in man/. Writes FOLDER/opendca_0.2.0_amd64.deb. SOURCE_DATE_EPOCH is the time of the files in it,
# ZSTD_LEVEL how well it is compressed (19).
set -eu
umask 022
[ $# = 4 ] || {
  echo "Usage: sh package_deb.sh opendca|opendca-platform VERSION x64|arm64 FOLDER" >&2
  exit 64
}
name=$1 version=$2 folder=$4
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
case $3 in
x64) architecture=amd64 ;;
arm64) architecture=arm64 ;;
*)
  echo "error: Cannot make a package for the processor \"$3\"" >&2
  exit 64
  ;;
esac
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(date +%s)}
export SOURCE_DATE_EPOCH
if [ "$name" = opendca ]; then
  unit=opendca-agent.service etc=etc/opendca state='/var/lib/opendca /var/lib/opendca-guard'
  summary="data collection agent for printers"
  about=" Discovers printers over SNMP, reads meters, supplies and alerts, and reports
 them to a platform. All connections are outgoing."
else
  unit=opendca-platform.service etc=etc/opendca-platform state=/var/lib/opendca-platform
  summary="platform for data collection agents of printers"
  about=" Activates agents, takes their readings, and gives them tasks."
fi

root=$(mktemp -d)
chmod 755 "$root"
trap 'rm -rf -- "$root"' EXIT

# file SOURCE PATH [MODE]
file() { install -D -m "${3:-644}" -- "$1" "$root/$2"; }

file "$folder/$name-$version-linux-$3" "usr/lib/$name/$name" 755
for manifest in "$folder/$name-$version.manifest" "$folder/$name-$version.throw-away.manifest"; do
  [ -e "$manifest" ] || continue
  file "$manifest" "usr/lib/$name/$name.manifest"
  keys=${manifest%.manifest}.keys
  [ ! -e "$keys" ] || file "$keys" "usr/lib/$name/$name.keys"
  break
done
mkdir -p "$root/usr/bin" "$root/DEBIAN"
ln -s "../lib/$name/$name" "$root/usr/bin/$name"
sed "s|^ExecStart=/usr/local/lib/$name/current/|ExecStart=/usr/lib/$name/|" "$here/$unit" >"$root/unit"
file "$root/unit" "usr/lib/systemd/system/$unit"
file "$here/$name.sysusers" "usr/lib/sysusers.d/$name.conf"
file "$here/$name.tmpfiles" "usr/lib/tmpfiles.d/$name.conf"
if [ "$name" = opendca ]; then
  file "$here/opendca.sysctl" usr/lib/sysctl.d/60-opendca.conf
  file "$here/agent.yaml" "$etc/agent.yaml" 640
else
  file "$here/serve.env" "$etc/serve.env"
fi
for page in "$folder/man/$name.1" "$folder/man/$name"-*.1; do
  case ${page##*/} in
  opendca-platform*) [ "$name" = opendca-platform ] || continue ;;
  esac
  [ ! -e "$page" ] || { mkdir -p "$root/usr/share/man/man1" && gzip -9nc "$page" >"$root/usr/share/man/man1/${page##*/}.gz"; }
done

doc=$root/usr/share/doc/$name
mkdir -p "$doc" "$root/usr/share/lintian/overrides"
{
  printf 'Copyright %s The OpenDCA authors\nLicense: Apache License 2.0, /usr/share/common-licenses/Apache-2.0\n\n' \
    "$(date -ud "@$SOURCE_DATE_EPOCH" +%Y)"
  [ ! -e "$folder/$name-$version.licenses.txt" ] || printf 'Embedded packages: licenses.txt.gz in this folder\n'
} >"$doc/copyright"
[ ! -e "$folder/$name-$version.licenses.txt" ] || gzip -9nc "$folder/$name-$version.licenses.txt" >"$doc/licenses.txt.gz"
printf '%s (%s) stable; urgency=medium\n\n  * See CHANGELOG.md of the release.\n\n -- OpenDCA <release@opendca.invalid>  %s\n' \
  "$name" "$version" "$(LC_ALL=C date -uRd "@$SOURCE_DATE_EPOCH")" | gzip -9n >"$doc/changelog.gz"
sed "s/@name@/$name/g" "$here/deb/lintian-overrides" >"$root/usr/share/lintian/overrides/$name"

for script in postinst prerm postrm preinst; do
  sed "s|@name@|$name|g; s|@unit@|$unit|g; s|@etc@|/$etc|g; s|@state@|$state|g" "$here/deb/$script" >"$root/DEBIAN/$script"
  chmod 755 "$root/DEBIAN/$script"
done
(cd "$root" && find etc -type f -printf '/%p\n' | sort) >"$root/DEBIAN/conffiles"
rm "$root/unit"
(cd "$root" && find usr etc -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"
cat >"$root/DEBIAN/control" <<END
Package: $name
Version: $version
Architecture: $architecture
Maintainer: OpenDCA <release@opendca.invalid>
Installed-Size: $(du -sk --exclude=DEBIAN "$root" | cut -f 1)
Depends: libc6 (>= 2.27), libgcc-s1, systemd (>= 250)
Recommends: $([ "$name" = opendca ] && echo iputils-ping || echo ca-certificates)
Section: net
Priority: optional
Description: $summary
$about
END
# It gives the files no later time than SOURCE_DATE_EPOCH.
dpkg-deb --root-owner-group -Zzstd -z"${ZSTD_LEVEL:-19}" --build "$root" "$folder/${name}_${version}_$architecture.deb" >/dev/null
