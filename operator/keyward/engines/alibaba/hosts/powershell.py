"""What runs on a Windows host, as System, in Windows PowerShell 5.1: a look, a change of one password, a login that proves one.

No value is in any of it: a secret parameter of OOS is named, whose value, in base64, Cloud Assistant's agent puts there on the
instance. Names are base64 as well. Whatever fails says a number and nothing else: PowerShell's own errors would show the line
with the value in it, and the cloud keeps what a command says. The last line is the answer, `keyward STATUS BASE64`.
"""

from __future__ import annotations

import base64
import re
from typing import Final

WRONG: Final = 10  # the value does not log in
MISSING: Final = 20
SHUT: Final = 21  # disabled, locked, expired, or its password has to be changed
CHANGED: Final = 33  # somebody set the password meanwhile
REFUSED: Final = 41  # by the host's password policy
UNREAD: Final = 43  # the parameter was not put there
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,180}")
_TICKS: Final = re.compile(r"[0-9]{0,20}")

_BEGIN: Final = """\
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
function Answer([int] $status, [string] $text) {
  $bytes = [Text.Encoding]::UTF8.GetBytes($text)
  Write-Output ('keyward ' + $status + ' ' + [Convert]::ToBase64String($bytes))
  exit 0
}
function Plain([string] $text) { [Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($text)) }
try {
  $name = Plain 'NAME'
  $user = Get-LocalUser | Where-Object { $_.Name -eq $name }
  if ($null -eq $user) { Answer 20 '' }
"""
_LOOK: Final = """\
  $now = Get-Date
  $said = @('enabled ' + $user.Enabled)
  if ($null -ne $user.PasswordLastSet) { $said += 'set ' + $user.PasswordLastSet.ToUniversalTime().Ticks }
  if ($null -ne $user.AccountExpires -and $user.AccountExpires -le $now) { $said += 'expired account' }
  if ($null -ne $user.PasswordExpires -and $user.PasswordExpires -le $now) { $said += 'expired password' }
  Answer 0 ($said -join "`n")
"""
# A login by name and value, of the kind that the network makes: it starts nothing and loads no profile. 0, or the system's error.
_LOGIN: Final = """\
  $secret = '{{oos-secret:PARAMETER}}'
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
"""
_PROVE: Final = """\
  if ($failed -eq 0) { Answer 0 '' }
  if ($failed -eq 1326) { Answer 10 '' }
  if (@(1327, 1328, 1329, 1330, 1331, 1793, 1907, 1909) -contains $failed) { Answer 21 $failed }
  Answer 42 $failed
"""
# The same value again is not set again: a policy may refuse what was used before.
_CHANGE: Final = """\
  if ($failed -eq 0) { Answer 0 '' }
  $set = ''
  if ($null -ne $user.PasswordLastSet) { $set = [string] $user.PasswordLastSet.ToUniversalTime().Ticks }
  if ($set -ne 'TICKS') { Answer 33 '' }
  if (-not $user.Enabled) { Answer 21 '' }
  $secure = New-Object Security.SecureString
  foreach ($char in $value.ToCharArray()) { $secure.AppendChar($char) }
  try { Set-LocalUser -Name $name -Password $secure }
  catch { if ($_.FullyQualifiedErrorId -like 'InvalidPassword*') { Answer 41 '' } else { Answer 42 '' } }
  Answer 0 ''
"""
_END: Final = """\
} catch { Answer 42 '' }
"""


def look(name: str) -> str:
    """Says of a user: `enabled True`, `set TICKS`, `expired account`, `expired password`."""
    return _of(name, _LOOK)


def prove(name: str, parameter: str) -> str:
    """Logs in on the machine with the value of a secret parameter."""
    return _of(name, _with(_LOGIN, parameter) + _PROVE)


def change(name: str, parameter: str, seen: str) -> str:
    """Sets the value of a secret parameter, if the password still is the one that was set at `seen`."""
    assert _TICKS.fullmatch(seen)
    return _of(name, _with(_LOGIN, parameter) + _CHANGE.replace("TICKS", seen))


def _with(text: str, parameter: str) -> str:
    assert _NAME.fullmatch(parameter)
    return text.replace("PARAMETER", parameter)


def _of(name: str, body: str) -> str:
    encoded = base64.b64encode(name.encode()).decode("ascii")
    return _BEGIN.replace("'NAME'", f"'{encoded}'") + body + _END
