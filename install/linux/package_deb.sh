#!/bin/sh
# Makes a package of Debian of one program of a release:
# sh install/linux/package_deb.sh opendca 0.2.0 x64 FOLDER
# In FOLDER is opendca-0.2.0-linux-x64, opendca-0.2.0.manifest and opendca-0.2.0.licenses.txt where there are such, and
# manual pages in man/. Writes FOLDER/opendca_0.2.0_amd64.deb. SOURCE_DATE_EPOCH is the time of the files in it,
# ZSTD_LEVEL how well it is compressed (19).
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
# shellcheck source=install/package.sh
. "$here/../package.sh"

root=$(mktemp -d)
chmod 755 "$root"
trap 'rm -rf -- "$root"' EXIT

# file SOURCE PATH [MODE]
file() { install -D -m "${3:-644}" -- "$1" "$root/$2"; }

put_program "$root"
mkdir "$root/DEBIAN"
sed "s|^ExecStart=/usr/local/lib/$name/current/|ExecStart=/usr/lib/$name/|" "$here/$unit" >"$root/unit"
file "$root/unit" "usr/lib/systemd/system/$unit"
file "$here/$name.sysusers" "usr/lib/sysusers.d/$name.conf"
file "$here/$name.tmpfiles" "usr/lib/tmpfiles.d/$name.conf"
if [ "$name" = opendca ]; then
  file "$here/opendca.sysctl" usr/lib/sysctl.d/60-opendca.conf
  file "$here/agent.yaml" "${etc#/}/agent.yaml" 640
else
  file "$here/serve.env" "${etc#/}/serve.env"
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
  sed "s|@name@|$name|g; s|@unit@|$unit|g; s|@etc@|$etc|g; s|@state@|$state|g" "$here/deb/$script" >"$root/DEBIAN/$script"
  chmod 755 "$root/DEBIAN/$script"
done
(cd "$root" && find etc -type f -printf '/%p\n' | sort) >"$root/DEBIAN/conffiles"
rm "$root/unit"
(cd "$root" && find usr etc -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"
# What du says depends on the file system.
size=$(find "$root/usr" "$root/etc" -type f -printf '%s\n' | awk '{ kib += int(($1 + 1023) / 1024) } END { print kib }')
cat >"$root/DEBIAN/control" <<END
Package: $name
Version: $version
Architecture: $debian_processor
Maintainer: OpenDCA <release@opendca.invalid>
Installed-Size: $size
Depends: libc6 (>= 2.27), libgcc-s1, systemd (>= 250)
Recommends: $([ "$name" = opendca ] && echo iputils-ping || echo ca-certificates)
Section: net
Priority: optional
Description: $summary
$(printf '%s\n' "$about" | sed 's/^/ /')
END
# It gives the files no later time than SOURCE_DATE_EPOCH. One thread would make other bytes than several.
dpkg-deb --root-owner-group --threads-max=2 -Zzstd -z"${ZSTD_LEVEL:-19}" --build "$root" "$folder/${name}_${version}_$debian_processor.deb" >/dev/null
