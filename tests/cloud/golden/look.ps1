$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
function Answer([int] $status, [string] $text) {
  $bytes = [Text.Encoding]::UTF8.GetBytes($text)
  Write-Output ('keyward ' + $status + ' ' + [Convert]::ToBase64String($bytes))
  exit 0
}
function Plain([string] $text) { [Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($text)) }
try {
  $name = Plain 'QWRtaW5pc3RyYXRvcg=='
  $user = Get-LocalUser | Where-Object { $_.Name -eq $name }
  if ($null -eq $user) { Answer 20 '' }
  $now = Get-Date
  $said = @('enabled ' + $user.Enabled)
  if ($null -ne $user.PasswordLastSet) { $said += 'set ' + $user.PasswordLastSet.ToUniversalTime().Ticks }
  if ($null -ne $user.AccountExpires -and $user.AccountExpires -le $now) { $said += 'expired account' }
  if ($null -ne $user.PasswordExpires -and $user.PasswordExpires -le $now) { $said += 'expired password' }
  Answer 0 ($said -join "`n")
} catch { Answer 42 '' }
