#Requires -Version 5.1
<#
.SYNOPSIS
Installs, upgrades and removes the OpenDCA agent as a service of Windows.

.DESCRIPTION
Makes no network connection: the files of the release are in the folder of this script, with WinSW-x64.exe, which runs the
agent as a service. Nothing of them is run before their hashes and the signature over the hashes are checked. State,
activation and configuration are kept.

The signature is checked by minisign.exe, with the keys in this script. Without it, an agent that is installed and has
release keys checks the new one.

Exit codes: 0 done, 64 wrong usage, 65 a hash or signature is wrong or missing, 69 the system or a file that is needed is
not there, 70 the new version does not run (the old one is restored), 73 a file cannot be written, 77 no administrator.

.PARAMETER From
The folder with the files of the release. Default: that of this script.

.PARAMETER Config
Copied to agent.yaml, unless there is one that differs.

.PARAMETER Key
A further public key of minisign that a release may be signed with.

.PARAMETER WinSW
WinSW 2.12.0 for x64 as its project released it. Default: WinSW-x64.exe in the folder of the release.

.PARAMETER AllowDowngrade
Installs a version that is older than the one that is here.

.PARAMETER NoStart
Neither starts nor restarts the service.

.PARAMETER Uninstall
Stops and removes the agent; asks whether state and configuration are to be deleted.

.PARAMETER DeleteState
With -Uninstall: deletes them, does not ask.

.PARAMETER KeepState
With -Uninstall: keeps them, does not ask.

.EXAMPLE
powershell -ExecutionPolicy Bypass -File install.ps1 -WhatIf
#>
[CmdletBinding(SupportsShouldProcess)]
param(
  [string] $From = '',
  [string] $Config = '',
  [string[]] $Key = @(),
  [string] $WinSW = '',
  [switch] $AllowDowngrade,
  [switch] $NoStart,
  [switch] $Uninstall,
  [switch] $DeleteState,
  [switch] $KeepState
)

Set-StrictMode -Version 3
$ErrorActionPreference = 'Stop'

# Public keys of releases as minisign prints them. The release puts them in here.
$ReleaseKeys = @()
# WinSW-x64.exe 2.12.0 has no signature of its own: this is what its project released in January 2023.
$WinSWHash = '05b82d46ad331cc16bdc00de5c6332c1ef818df8ceefcd49c726553209b3a0da'

$Service = 'opendca-agent'
$Account = "NT SERVICE\$Service"
$Programs = Join-Path ([Environment]::GetFolderPath('ProgramFiles')) 'OpenDCA'
$Data = Join-Path ([Environment]::GetFolderPath('CommonApplicationData')) 'OpenDCA'
# Where an agent of Windows keeps its lock, apart from the state.
$Guard = Join-Path ([Environment]::GetFolderPath('CommonApplicationData')) 'opendca-guard'
$State = Join-Path $Data 'state'
$Logs = Join-Path $Data 'logs'
$AgentYaml = Join-Path $Data 'agent.yaml'
$Wrapper = Join-Path $Programs "$Service.exe"
$WrapperXml = Join-Path $Programs "$Service.xml"
$Shim = Join-Path $Programs 'opendca.cmd'
$VersionFile = Join-Path $Programs 'current.txt'

# Of the sample; a path in YAML is in single quotes, as a backslash means something else in double ones.
$SampleYaml = @"
# Configuration of the OpenDCA agent. Replace what is in capitals; docs/configuration.md has every key.
# After a change: opendca config check. The service reads a changed file by itself.
platform:
  # The agent never connects to a host outside this domain.
  rootDomain: EXAMPLE.COM
  endpoints: [DCA.EXAMPLE.COM:8443]
  # If the platform has an authority of its own (server-authority.pem of the platform):
  # ca: '$Data\server-authority.pem'
  # What "opendca-platform unlock-key" prints; before the first activation:
  # unlockKey: KEY

stateDirectory: '$State'

sites:
  - name: office
    # The addresses of the printers.
    ranges: [192.0.2.0/24]

# A secret is in a file in this folder, which only administrators and the service read:
# credentials:
#   - community: { file: '$Data\snmp.secret' }

log:
  file: { path: '$Logs\agent.log' }
"@

function Stop-Script([int] $Code, [string] $Message, [string] $Hint = '') {
  [Console]::Error.WriteLine("error: $Message")
  if ($Hint -ne '') { [Console]::Error.WriteLine("hint: $Hint") }
  if ($script:Work -ne '') { Remove-Item -LiteralPath $script:Work -Recurse -Force -ErrorAction SilentlyContinue -WhatIf:$false }
  exit $Code
}

# Says what is done, and does it unless -WhatIf is given.
function Invoke-Change([string] $What, [scriptblock] $Change) {
  if ($WhatIfPreference) {
    Write-Host "would $What"
    return
  }
  try {
    & $Change
  } catch {
    Stop-Script 73 "Cannot $What`: $($_.Exception.Message)" 'see whether the disk is full, or the file is in use'
  }
}

# What a program says, and its exit code. Windows PowerShell would end at the first line on standard error.
function Get-Answer([string] $Program, [string[]] $Arguments) {
  $ErrorActionPreference = 'Continue'
  try {
    $lines = & $Program @Arguments 2>&1 | ForEach-Object { "$_" }
    return [pscustomobject] @{ Code = $LASTEXITCODE; Said = (@($lines) -join "`n").Trim() }
  } catch {
    return [pscustomobject] @{ Code = -1; Said = $_.Exception.Message }
  }
}

# Runs a program and stops if it fails.
function Invoke-Program([string] $What, [string] $Program, [string[]] $Arguments) {
  $answer = Get-Answer $Program $Arguments
  if ($answer.Code -ne 0) { Stop-Script 70 "Cannot $What`: $($answer.Said)" "it was: $Program $Arguments" }
}

function Assert-System {
  if ([Environment]::OSVersion.Platform -ne 'Win32NT') {
    Stop-Script 69 'Cannot install as this script is for Windows' 'docs/install.md has the others'
  }
  if (-not [Environment]::Is64BitProcess -or $env:PROCESSOR_ARCHITECTURE -ne 'AMD64') {
    Stop-Script 69 "Cannot install as there is no release for this processor: $env:PROCESSOR_ARCHITECTURE" 'use PowerShell of 64 bits'
  }
  if ([Environment]::OSVersion.Version.Major -lt 10) {
    Stop-Script 69 'Cannot install as this Windows is too old: Windows 10 or Server 2016 is needed'
  }
  $user = New-Object Security.Principal.WindowsPrincipal ([Security.Principal.WindowsIdentity]::GetCurrent())
  if (-not $user.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)) {
    Stop-Script 77 'Cannot install as this user is not an administrator' 'run it in a PowerShell that was opened by "Run as administrator"'
  }
}

# Part of this script. The release puts it in here.
. (Join-Path $PSScriptRoot 'check_release.ps1')

function Get-InstalledVersion {
  if (-not (Test-Path -LiteralPath $VersionFile)) { return '' }
  return ([IO.File]::ReadAllText($VersionFile)).Trim()
}

function Get-ProgramPath([string] $Of) {
  # With the name that it has in a release, whose manifest is found beside it. NAME.exe.manifest would be read by Windows.
  return Join-Path (Join-Path $Programs $Of) "opendca-$Of-windows-x64.exe"
}

function Get-InstalledProgram {
  $version = Get-InstalledVersion
  if ($version -eq '') { return '' }
  $path = Get-ProgramPath $version
  if (Test-Path -LiteralPath $path) { return $path }
  return ''
}

function Assert-Version {
  $installed = Get-InstalledVersion
  if ($installed -eq '' -or $AllowDowngrade) { return }
  if ([version] $script:Version -lt [version] $installed) {
    Stop-Script 65 "Cannot install opendca $script:Version as it is older than $installed, which is installed" 'get the newest release, or add -AllowDowngrade'
  }
}

# A folder that is there already must not be of somebody who could change it: everybody may make folders in ProgramData.
function Assert-Owner([string] $Path) {
  if (-not (Test-Path -LiteralPath $Path)) { return }
  $item = Get-Item -LiteralPath $Path -Force
  if (($item.Attributes -band [IO.FileAttributes]::ReparsePoint) -ne 0) { Stop-Script 73 "Cannot use `"$Path`" as it is a link" 'remove it' }
  $owner = (Get-Acl -LiteralPath $Path).GetOwner([Security.Principal.SecurityIdentifier]).Value
  # Administrators, the system, and this administrator.
  $trusted = 'S-1-5-32-544', 'S-1-5-18', [Security.Principal.WindowsIdentity]::GetCurrent().User.Value
  if ($trusted -notcontains $owner) { Stop-Script 73 "Cannot use `"$Path`" as it belongs to another user: $owner" 'look at what is in it, and remove it' }
}

# Rights of administrators and the system, and what the service may do there; nothing is inherited.
function Set-Rights([string] $Path, [string] $OfService) {
  Invoke-Change "give administrators and $Account rights in $Path" {
    New-Item -ItemType Directory -Path $Path -Force | Out-Null
    Invoke-Program "set the rights of $Path" 'icacls.exe' @($Path, '/setowner', '*S-1-5-32-544', '/q')
    Invoke-Program "set the rights of $Path" 'icacls.exe' @($Path, '/inheritance:r', '/grant:r', '*S-1-5-32-544:(OI)(CI)F',
      '/grant:r', '*S-1-5-18:(OI)(CI)F', '/grant:r', "$Account`:(OI)(CI)$OfService", '/q')
  }
}

function Write-Text([string] $Path, [string] $Text) {
  if ((Test-Path -LiteralPath $Path) -and [IO.File]::ReadAllText($Path) -ceq $Text) { return }
  Invoke-Change "write $Path" {
    # Without a byte order mark, and all of it or nothing.
    [IO.File]::WriteAllText("$Path.new", $Text, (New-Object Text.UTF8Encoding $false))
    Move-Item -LiteralPath "$Path.new" -Destination $Path -Force
  }
}

function Get-ServiceXml([string] $Of) {
  $values = @{}
  foreach ($each in @{ Program = (Get-ProgramPath $Of); Config = $AgentYaml; State = $State; Logs = $Logs }.GetEnumerator()) {
    $values[$each.Key] = [Security.SecurityElement]::Escape($each.Value)
  }
  return @"
<service>
  <id>$Service</id>
  <name>OpenDCA agent</name>
  <description>Data collection agent for printers</description>
  <executable>$($values.Program)</executable>
  <arguments>run</arguments>
  <env name="OPENDCA_CONFIG" value="$($values.Config)"/>
  <env name="OPENDCA_STATE_DIRECTORY" value="$($values.State)"/>
  <startmode>Automatic</startmode>
  <delayedAutoStart>true</delayedAutoStart>
  <stoptimeout>60 sec</stoptimeout>
  <onfailure action="restart" delay="60 sec"/>
  <resetfailure>1 hour</resetfailure>
  <logpath>$($values.Logs)</logpath>
  <log mode="roll-by-size">
    <sizeThreshold>10240</sizeThreshold>
    <keepFiles>5</keepFiles>
  </log>
</service>
"@
}

# The program in a folder of its version, with its manifest, and run once.
function Copy-Program([bool] $IsNew) {
  $folder = Join-Path $Programs $script:Version
  Invoke-Change "write $folder" {
    New-Item -ItemType Directory -Path $folder -Force | Out-Null
    foreach ($name in $script:File, "opendca-$script:Version.manifest", "opendca-$script:Version.throw-away.manifest", "opendca-$script:Version.throw-away.keys") {
      $source = Join-Path $script:Work $name
      if (Test-Path -LiteralPath $source) { Copy-Item -LiteralPath $source -Destination $folder -Force }
    }
  }
  if ($WhatIfPreference) { return }
  $program = Get-ProgramPath $script:Version
  # What came by a browser asks before it runs; its signature was checked here.
  Unblock-File -LiteralPath $program
  $said = (Get-Answer $program @('--version')).Said
  $runs = $said -cmatch "^opendca $([regex]::Escape($script:Version))( |$)"
  $answer = Get-Answer $program @('verify')
  if ($runs -and $answer.Code -eq 0) { return }
  if ($IsNew) { Remove-Item -LiteralPath $folder -Recurse -Force }
  if (-not $runs) {
    Stop-Script 70 "Cannot install opendca $script:Version as it does not run here: $said" 'see docs/install.md for the systems that it is for'
  }
  Stop-Script 65 "Cannot install opendca $script:Version as it finds that too few release keys have signed it" $answer.Said
}

function Get-AgentService { return Get-Service -Name $Service -ErrorAction SilentlyContinue }

function Stop-Agent {
  $found = Get-AgentService
  if ($null -eq $found -or $found.Status -eq 'Stopped') { return }
  Invoke-Change "stop $Service" {
    Stop-Service -Name $Service
    $found.WaitForStatus('Stopped', [TimeSpan]::FromSeconds(90))
    # WinSW ends a moment after it has said so, and keeps its file until then.
    Start-Sleep -Seconds 2
  }
}

# The service runs for 8 seconds.
function Start-Agent {
  try {
    Start-Service -Name $Service
  } catch {
    return $false
  }
  for ($second = 0; $second -lt 8; $second++) {
    Start-Sleep -Seconds 1
    if ((Get-Service -Name $Service).Status -ne 'Running') { return $false }
  }
  return $true
}

function Register-Agent {
  # WinSW that runs cannot be replaced.
  if (-not (Test-Path -LiteralPath $Wrapper) -or (Get-Sha256 $Wrapper) -ne $WinSWHash) {
    Invoke-Change "write $Wrapper" {
      Copy-Item -LiteralPath $script:WinSWCopy -Destination $Wrapper -Force
      Unblock-File -LiteralPath $Wrapper
    }
  }
  if ($null -ne (Get-AgentService)) { return }
  Invoke-Change "register $Service as a service of the account $Account" {
    Invoke-Program "register $Service" $Wrapper @('install')
    Invoke-Program "give $Service its account" 'sc.exe' @('config', $Service, 'obj=', $Account)
    Invoke-Program "give $Service its identity" 'sc.exe' @('sidtype', $Service, 'unrestricted')
  }
}

function Set-Version([string] $Of) {
  Write-Text $WrapperXml (Get-ServiceXml $Of)
  Write-Text $Shim "@set `"OPENDCA_CONFIG=$AgentYaml`"`r`n@set `"OPENDCA_STATE_DIRECTORY=$State`"`r`n@`"$(Get-ProgramPath $Of)`" %*`r`n"
  Write-Text $VersionFile "$Of`r`n"
}

function Install-Agent {
  Find-Release
  Assert-Signature
  Assert-WinSW
  Assert-Version
  foreach ($each in $Programs, $Data, $Guard) { Assert-Owner $each }
  $previous = Get-InstalledVersion
  if ($Config -ne '' -and (Test-Path -LiteralPath $AgentYaml) -and (Get-Sha256 $Config) -ne (Get-Sha256 $AgentYaml)) {
    Stop-Script 73 "Cannot replace $AgentYaml as it is another configuration" 'remove it, or leave out -Config'
  }
  Write-Host "opendca $script:Version`: the signature was checked by $script:CheckedBy"
  $found = Get-AgentService
  $ran = $null -ne $found -and $found.Status -ne 'Stopped'
  $installed = Get-InstalledProgram
  if ($ran -and $previous -eq $script:Version -and $installed -ne '' -and (Get-Sha256 $installed) -eq $script:Sums[$script:File]) {
    Write-Host "opendca $script:Version is installed and runs, with nothing new"
    return
  }
  # A version of its own has its own folder: if it is not right, the service has not been stopped.
  if ($previous -eq $script:Version) {
    Stop-Agent
    Copy-Program $false
  } else {
    Copy-Program $true
    Stop-Agent
  }
  Set-Version $script:Version
  Register-Agent
  Set-Rights $Data 'RX'
  foreach ($each in $State, $Logs, $Guard) { Set-Rights $each 'M' }
  if ($Config -ne '') {
    Invoke-Change "write $AgentYaml" { Copy-Item -LiteralPath $Config -Destination $AgentYaml }
  } elseif (-not (Test-Path -LiteralPath $AgentYaml)) {
    Write-Text $AgentYaml $SampleYaml
  }
  Invoke-Change "write $(Join-Path $Programs 'install.ps1')" {
    $kept = Join-Path $Programs 'install.ps1'
    if ($PSCommandPath -ne $kept) { Copy-Item -LiteralPath $PSCommandPath -Destination $kept -Force }
  }
  if ($WhatIfPreference) { return }
  $activated = Test-Path -LiteralPath (Join-Path $State 'certificate.pem')
  if (-not $NoStart -and ($ran -or ($activated -and $previous -eq '')) -and -not (Start-Agent)) { Restore-Version $previous }
  Remove-OldVersions $previous
  Write-Host "opendca $script:Version is installed: $Shim"
  if (-not $activated) {
    Write-Host "It is not activated yet. Next, as an administrator:"
    Write-Host "  1. notepad `"$AgentYaml`""
    Write-Host "  2. & `"$Shim`" doctor"
    Write-Host "  3. & `"$Shim`" activate"
    Write-Host "  4. Start-Service $Service"
  }
}

function Restore-Version([string] $Previous) {
  if ($Previous -eq '' -or $Previous -eq $script:Version -or -not (Test-Path -LiteralPath (Get-ProgramPath $Previous))) {
    Stop-Script 70 "opendca $script:Version was installed, and does not run" "look into $Logs"
  }
  Stop-Service -Name $Service -ErrorAction SilentlyContinue
  Set-Version $Previous
  if (-not (Start-Agent)) { Stop-Script 70 "Neither opendca $script:Version nor $Previous runs" "look into $Logs" }
  Remove-Item -LiteralPath (Join-Path $Programs $script:Version) -Recurse -Force
  Stop-Script 70 "opendca $script:Version does not run: $Previous runs again" "look into $Logs"
}

# Keeps the version before this one, for a return by hand.
function Remove-OldVersions([string] $Previous) {
  if ($Previous -eq $script:Version) { return }
  Get-ChildItem -LiteralPath $Programs -Directory | Where-Object { $_.Name -match '^\d' -and $_.Name -ne $script:Version -and $_.Name -ne $Previous } |
    ForEach-Object { Remove-Item -LiteralPath $_.FullName -Recurse -Force }
}

function Get-StateChoice {
  if ($DeleteState) { return 'delete' }
  if ($KeepState) { return 'keep' }
  if (-not (Test-Path -LiteralPath $Data) -and -not (Test-Path -LiteralPath $Guard)) { return 'delete' }
  if ($WhatIfPreference) {
    Write-Host "would ask whether to delete $Data, $Guard"
    return 'keep'
  }
  if (-not [Environment]::UserInteractive -or [Console]::IsInputRedirected) {
    Stop-Script 64 "Cannot ask what is to happen to $Data, as there is nobody to ask" 'add -KeepState or -DeleteState'
  }
  Write-Host 'The activation is in the state: without it this machine needs a new code.'
  if ((Read-Host "Delete $Data and $Guard for ever? [y/N]") -match '^(y|yes)$') { return 'delete' }
  return 'keep'
}

function Uninstall-Agent {
  $choice = Get-StateChoice
  Stop-Agent
  if ($null -ne (Get-AgentService)) {
    Invoke-Change "remove the service $Service" { Invoke-Program "remove the service $Service" 'sc.exe' @('delete', $Service) }
  }
  $paths = @($Programs)
  if ($choice -eq 'delete') { $paths += $Data, $Guard }
  foreach ($each in $paths) {
    if (Test-Path -LiteralPath $each) { Invoke-Change "remove $each" { Remove-Item -LiteralPath $each -Recurse -Force } }
  }
  if ($WhatIfPreference) { return }
  if ($choice -eq 'delete') { Write-Host 'opendca is removed, with its state and configuration' }
  else { Write-Host "opendca is removed; left are $Data and $Guard" }
}

$script:Work = ''
if ($From -eq '') { $From = $PSScriptRoot }
if (($DeleteState -or $KeepState) -and -not $Uninstall) { Stop-Script 64 '-DeleteState and -KeepState are for -Uninstall' }
if ($DeleteState -and $KeepState) { Stop-Script 64 '-DeleteState and -KeepState exclude each other' }
if ($Config -ne '' -and -not (Test-Path -LiteralPath $Config)) { Stop-Script 69 "Cannot read the configuration `"$Config`"" }
Assert-System
# Below the folder of the programs, as others may write into a temporary folder of a user: nothing can be replaced there
# between the check and the installation.
Assert-Owner $Programs
$script:Work = Join-Path ([Environment]::GetFolderPath('ProgramFiles')) "OpenDCA-$([guid]::NewGuid())"
try {
  New-Item -ItemType Directory -Path $script:Work -WhatIf:$false | Out-Null
} catch {
  Stop-Script 73 "Cannot write to $(Split-Path $script:Work): $($_.Exception.Message)" 'see whether the disk is full'
}
try {
  if ($Uninstall) { Uninstall-Agent } else { Install-Agent }
} finally {
  Remove-Item -LiteralPath $script:Work -Recurse -Force -ErrorAction SilentlyContinue -WhatIf:$false
}
exit 0
