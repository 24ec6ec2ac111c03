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
  $secret = '{{oos-secret:keyward-example}}'
  if ($secret -notmatch '^[A-Za-z0-9+/]+=*$') { Answer 43 '' }
  $value = Plain $secret
  $code = @'
[DllImport("advapi32.dll", SetLastError = true, CharSet = CharSet.Unicode)]
static extern bool LogonUser(string user, string domain, string value, int type, int provider, out IntPtr token);
[DllImport("kernel32.dll")]
static extern bool CloseHandle(IntPtr handle);
public static int Login(string user, string value)
{
  IntPtr token;
  if (!LogonUser(user, ".", value, 3, 0, out token)) return Marshal.GetLastWin32Error();
  CloseHandle(token);
  return 0;
}
'@
  $api = Add-Type -MemberDefinition $code -Name Api -Namespace Keyward -PassThru
  $failed = $api::Login($name, $value)
  if ($failed -eq 0) { Answer 0 '' }
  $set = ''
  if ($null -ne $user.PasswordLastSet) { $set = [string] $user.PasswordLastSet.ToUniversalTime().Ticks }
  if ($set -ne '638000000000000000') { Answer 33 '' }
  if (-not $user.Enabled) { Answer 21 '' }
  $secure = New-Object Security.SecureString
  foreach ($char in $value.ToCharArray()) { $secure.AppendChar($char) }
  try { Set-LocalUser -Name $name -Password $secure }
  catch { if ($_.FullyQualifiedErrorId -like 'InvalidPassword*') { Answer 41 '' } else { Answer 42 '' } }
  Answer 0 ''
} catch { Answer 42 '' }
