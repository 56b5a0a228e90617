#!/bin/sh
# Makes a package of RPM of one program of a release:
# sh install/linux/package_rpm.sh opendca 0.2.0 x64 FOLDER
# Takes the same files as package_deb.sh, whose package it is made of. Writes FOLDER/opendca-0.2.0-1.x86_64.rpm.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
# shellcheck source=install/package.sh
. "$here/../package.sh"

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
mkdir "$work/files" "$work/packages"

# The same files in the same places, but for those that are Debian's own.
package="$folder/${name}_${version}_$debian_processor.deb"
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
Summary: $(printf %s "$summary" | cut -c 1 | tr '[:lower:]' '[:upper:]')${summary#?}
Packager: OpenDCA <release@opendca.invalid>
License: Apache-2.0
BuildArch: $rpm_processor
AutoReqProv: no
Requires: glibc >= 2.27, libgcc, systemd >= 250
# The program is the runtime with our code behind its last section: stripping it would break it.
%global __os_install_post %{nil}
%global debug_package %{nil}
%global use_source_date_epoch_as_buildtime 1
%global clamp_mtime_to_source_date_epoch 1
%global _build_id_links none

%description
$about

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
rpmbuild --quiet -bb --target "$rpm_processor" --define "_topdir $work" --define "_rpmdir $work/packages" \
  --define '_rpmfilename %{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}.rpm' --define "_buildhost opendca" "$work/package.spec"
mv -- "$work/packages/$name-$version-1.$rpm_processor.rpm" "$folder/"
