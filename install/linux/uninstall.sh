# shellcheck shell=sh disable=SC2034,SC2154
# Part of install.sh: removes all that it wrote.

uninstall() {
  ask_about_state
  if [ -z "$root" ]; then
    # shellcheck disable=SC2086 # A list of units.
    run systemctl --quiet disable --now $updater "$unit" 2>/dev/null || true
  else
    for each in $updater "$unit"; do
      remove "/etc/systemd/system/multi-user.target.wants/$each" "/etc/systemd/system/paths.target.wants/$each"
    done
  fi
  for each in $updater; do remove "/etc/systemd/system/$each"; done
  [ -z "$updater" ] || remove /var/lib/opendca-update
  remove "/etc/systemd/system/$unit" "/etc/sysusers.d/$settings" "/etc/tmpfiles.d/$settings" "/usr/local/bin/$program" "$lib"
  [ "$product" = platform ] || remove "$sysctl"
  # A folder that many systems do not have by themselves.
  [ "$dry_run" = yes ] || rmdir -- "$root/etc/sysusers.d" 2>/dev/null || true
  if [ "$state" = delete ]; then
    for each in $updater "$unit"; do remove "/etc/systemd/system/$each.d"; done
    # shellcheck disable=SC2086 # A list of paths.
    remove "$etc" $state_folders
    if [ -z "$root" ] && id "$user" >/dev/null 2>&1; then
      run userdel "$user" || fail 70 "Cannot remove the user $user" "userdel $user"
      # userdel removes the group with it, unless the system is set up otherwise.
      ! getent group "$user" >/dev/null || run groupdel "$user"
    fi
  fi
  if [ -z "$root" ]; then
    run systemctl daemon-reload
    # shellcheck disable=SC2086 # A list of units.
    run systemctl --quiet reset-failed $updater "$unit" 2>/dev/null || true
  fi
  [ "$dry_run" = no ] || return 0
  if [ "$state" = delete ]; then
    say "$program is removed, with its state and configuration"
  else
    say "$program is removed; left are $(kept_paths)and the user $user"
  fi
}
