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
  if ($failed -eq 1326) { Answer 10 '' }
  if (@(1327, 1328, 1329, 1330, 1331, 1793, 1907, 1909) -contains $failed) { Answer 21 $failed }
  Answer 42 $failed
} catch { Answer 42 '' }
