#!/bin/sh
# Makes a package of RPM of one program of a release:
# sh install/linux/package_rpm.sh opendca 0.2.0 x64 FOLDER
# Takes the same files as package_deb.sh, whose package it is made of. Writes FOLDER/opendca-0.2.0-1.x86_64.rpm.
set -eu
umask 022
[ $# = 4 ] || {
  echo "Usage: sh package_rpm.sh opendca|opendca-platform VERSION x64|arm64 FOLDER" >&2
  exit 64
}
name=$1 version=$2 processor=$3
folder=$(CDPATH='' cd -- "$4" && pwd)
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
case $processor in
x64) architecture=x86_64 debian=amd64 ;;
arm64) architecture=aarch64 debian=arm64 ;;
*)
  echo "error: Cannot make a package for the processor \"$processor\"" >&2
  exit 64
  ;;
esac
if [ "$name" = opendca ]; then
  unit=opendca-agent.service etc=/etc/opendca state='/var/lib/opendca /var/lib/opendca-guard'
else
  unit=opendca-platform.service etc=/etc/opendca-platform state=/var/lib/opendca-platform
fi
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(date +%s)}
export SOURCE_DATE_EPOCH
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
mkdir "$work/files" "$work/packages"

# The same files in the same places, but for those that are Debian's own.
package="$folder/${name}_${version}_$debian.deb"
[ -e "$package" ] || sh "$here/package_deb.sh" "$name" "$version" "$processor" "$folder"
dpkg-deb --extract "$package" "$work/files"
rm -rf "$work/files/usr/share/lintian" "$work/files/usr/share/doc/$name/changelog.gz"
(
  cd "$work/files"
  find usr \( -type f -o -type l \) -printf '/%p\n'
  echo "%dir /usr/lib/$name"
  find etc -type f -printf '%%config(noreplace) /%p\n'
) >"$work/list"

# script NAME: a script of Debian's package, called as dpkg would with the words that come after.
script() { sed "s|@name@|$name|g; s|@unit@|$unit|g; s|@etc@|$etc|g; s|@state@|$state|g" "$here/deb/$1" | tail -n +2; }

cat >"$work/package.spec" <<END
Name: $name
Version: $version
Release: 1
Summary: $(dpkg-deb --field "$package" Description | head -n 1)
License: Apache-2.0
BuildArch: $architecture
AutoReqProv: no
Requires: glibc >= 2.27, libgcc, systemd >= 250
# The program is the runtime with our code behind its last section: stripping it would break it.
%global __os_install_post %{nil}
%global debug_package %{nil}
%global use_source_date_epoch_as_buildtime 1
%global clamp_mtime_to_source_date_epoch 1
%global _build_id_links none

%description
$(dpkg-deb --field "$package" Description | tail -n +2)

%install
cp -a "$work/files/." "%{buildroot}"

%files -f $work/list
%defattr(-,root,root)

%pre
$(script preinst)

%post
# The number of versions that are installed then.
if [ "\$1" = 1 ]; then set -- configure ''; else set -- configure before; fi
$(script postinst)

%preun
if [ "\$1" = 0 ]; then set -- remove; else set -- upgrade; fi
$(script prerm)

%postun
# rpm has no purge: state and configuration stay.
set -- remove
$(script postrm)
END
rpmbuild --quiet -bb --target "$architecture" --define "_topdir $work" --define "_rpmdir $work/packages" \
  --define '_rpmfilename %{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}.rpm' --define "_buildhost opendca" "$work/package.spec"
mv -- "$work/packages/$name-$version-1.$architecture.rpm" "$folder/"
