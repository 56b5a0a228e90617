# Part of install.ps1: which file is it, and is it what was signed? Nothing of the release is run here.

function Get-Sha256([string] $Path) {
  return (Get-FileHash -LiteralPath $Path -Algorithm SHA256).Hash.ToLowerInvariant()
}

# Copies a file of the release first, so that what is checked is what is used.
function Copy-Given([string] $Name, [string] $Instead = '') {
  $source = Join-Path $From $Name
  if (-not (Test-Path -LiteralPath $source) -and $Instead -ne '') { $source = Join-Path $From $Instead }
  if (-not (Test-Path -LiteralPath $source)) {
    Stop-Script 69 "Cannot install as there is no $Name in `"$From`"" 'download it into that folder, or name another: -From FOLDER'
  }
  Copy-Item -LiteralPath $source -Destination (Join-Path $script:Work $Name) -WhatIf:$false
}

# The program that SHA256SUMS names, and its version.
function Find-Release {
  Copy-Given 'SHA256SUMS'
  Copy-Given 'SHA256SUMS.minisig' 'SHA256SUMS.throw-away.minisig'
  $script:Sums = @{}
  foreach ($line in [IO.File]::ReadAllLines((Join-Path $script:Work 'SHA256SUMS'))) {
    if ($line -cmatch '^([0-9a-f]{64}) [ *](\S+)$') { $script:Sums[$Matches[2]] = $Matches[1] }
  }
  $names = @($script:Sums.Keys | Where-Object { $_ -cmatch '^opendca-\d+\.\d+\.\d+-windows-x64\.exe$' })
  if ($names.Count -eq 0) { Stop-Script 69 'Cannot install as SHA256SUMS has no opendca for windows-x64' }
  if ($names.Count -gt 1) { Stop-Script 65 'Cannot install as SHA256SUMS has several files of opendca for windows-x64' }
  $script:File = $names[0]
  $script:Version = $script:File -replace '^opendca-', '' -replace '-windows-x64\.exe$', ''
  Copy-Given $script:File
  $got = Get-Sha256 (Join-Path $script:Work $script:File)
  if ($got -ne $script:Sums[$script:File]) {
    Stop-Script 65 "Cannot install $script:File as its SHA-256 is not that of SHA256SUMS: it is $got" 'it was altered, or is incomplete: download it again'
  }
  foreach ($end in 'manifest', 'throw-away.manifest', 'throw-away.keys') {
    $source = Join-Path $From "opendca-$script:Version.$end"
    if (Test-Path -LiteralPath $source) { Copy-Item -LiteralPath $source -Destination $script:Work -WhatIf:$false }
  }
}

# The key that made the signature, by its id: "ED", 8 bytes of id, 64 bytes of signature.
function Find-Key([string] $Signature) {
  try {
    $bytes = [Convert]::FromBase64String(([IO.File]::ReadAllLines($Signature))[1])
  } catch {
    $bytes = @()
  }
  if ($bytes.Count -ne 74 -or $bytes[0] -ne 0x45 -or $bytes[1] -ne 0x44) {
    Stop-Script 65 'Cannot install as SHA256SUMS.minisig is not a signature of minisign' 'download it again'
  }
  $id = [BitConverter]::ToString($bytes, 2, 8)
  foreach ($each in $ReleaseKeys + $Key) {
    if ($each -cnotmatch '^RW[A-Za-z0-9+/]{54}$') { Stop-Script 64 "Cannot use the key `"$each`": it is not a public key of minisign" }
    if ([BitConverter]::ToString([Convert]::FromBase64String($each), 2, 8) -eq $id) { return $each }
  }
  Stop-Script 65 "Cannot install as SHA256SUMS is signed with a key that is not one of OpenDCA's releases" 'download the release again, from the place that you trust, or name a key that you trust: -Key KEY'
}

# By minisign, or else by the agent that is installed, which knows the release keys that it was made with.
function Assert-Signature {
  $minisign = Get-Command minisign.exe -CommandType Application -ErrorAction SilentlyContinue | Select-Object -First 1
  $installed = Get-InstalledProgram
  if ($null -ne $minisign) {
    $signature = Join-Path $script:Work 'SHA256SUMS.minisig'
    $known = Find-Key $signature
    $answer = Get-Answer $minisign.Source @('-Vqm', (Join-Path $script:Work 'SHA256SUMS'), '-x', $signature, '-P', $known)
    if ($answer.Code -ne 0) {
      Stop-Script 65 'Cannot install as the signature of SHA256SUMS is wrong: it was altered, or is incomplete' 'download the release again'
    }
    $script:CheckedBy = 'minisign'
  } elseif ($installed -ne '') {
    # In a folder without keys: a program that has none cannot check, and does not take those beside the file.
    $check = Join-Path $script:Work 'check'
    New-Item -ItemType Directory -Path $check -WhatIf:$false | Out-Null
    Copy-Item -LiteralPath (Join-Path $script:Work $script:File) -Destination $check -WhatIf:$false
    $manifest = Join-Path $script:Work "opendca-$script:Version.manifest"
    if (-not (Test-Path -LiteralPath $manifest)) {
      Stop-Script 65 'Cannot check the new version as it has no manifest' "download opendca-$script:Version.manifest too, or install minisign"
    }
    Copy-Item -LiteralPath $manifest -Destination $check -WhatIf:$false
    $answer = Get-Answer $installed @('verify', (Join-Path $check $script:File))
    if ($answer.Code -ne 0) {
      Stop-Script 65 'Cannot install as the installed agent finds that too few release keys have signed the new one' $answer.Said
    }
    $script:CheckedBy = 'the installed agent'
  } else {
    Stop-Script 69 'Cannot check the signature as minisign.exe is not in PATH' 'install it: https://jedisct1.github.io/minisign'
  }
}

function Assert-WinSW {
  $path = $WinSW
  if ($path -eq '') { $path = Join-Path $From 'WinSW-x64.exe' }
  # In an upgrade the one that is here will do.
  if ($WinSW -eq '' -and -not (Test-Path -LiteralPath $path)) { $path = $Wrapper }
  if (-not (Test-Path -LiteralPath $path)) {
    Stop-Script 69 'Cannot install as there is no WinSW-x64.exe' 'download WinSW-x64.exe 2.12.0 of github.com/winsw/winsw into the folder of the release'
  }
  $script:WinSWCopy = Join-Path $script:Work 'WinSW-x64.exe'
  Copy-Item -LiteralPath $path -Destination $script:WinSWCopy -WhatIf:$false
  $got = Get-Sha256 $script:WinSWCopy
  if ($got -ne $WinSWHash) {
    Stop-Script 65 "Cannot install `"$path`" as it is not WinSW-x64.exe 2.12.0: its SHA-256 is $got" "wanted is $WinSWHash"
  }
}
