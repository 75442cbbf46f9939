import type { HostKey } from '../api/knownHost.ts';
import { TerminalError } from '../lib/errors.ts';
import { redactor } from '../lib/redaction.ts';
import type { Session } from '../ssh/session.ts';

const TIMEOUT_MS = 30_000;
const MAX_SAID = 300;

/** What became of a public key. */
export interface KeyInstallation {
  /** False: it was there before, and nothing was written. */
  changed: boolean;
  /** `/home/ubuntu/.ssh/authorized_keys` */
  file: string;
  /** What others may write to on the way to the file: sshd distrusts it (StrictModes). */
  loose: readonly string[];
}

/**
 * `TYPE BLOB COMMENT` → authorized_keys of the user who runs this. Prints `installed` or `present`, the file, and what
 * others may write to.
 *
 * Works on relative names within the directory that it has made sure of. A new file takes the place of the old one in
 * one step, unless somebody else wrote to that meanwhile; it has its mode, owner, group and ACL. What is there stays as
 * it is, modes included: a person chose them.
 */
const INSTALL = `
type=$1 blob=$2 comment=$3
refuse() { printf 'hostler: %s\\n' "$1" >&2; exit 1; }
umask 077
case \${HOME:-} in /*) ;; *) refuse 'the user has no home directory' ;; esac
cd "$HOME" 2>/dev/null || refuse "the home directory $HOME cannot be entered"
home=$(pwd -P)
home=\${home%/}
[ ! -L .ssh ] || refuse "$home/.ssh is a symbolic link"
made=
if [ ! -e .ssh ]; then
  mkdir -m 700 .ssh || [ -d .ssh ]
  made=yes
fi
{ [ -d .ssh ] && [ -O .ssh ]; } || refuse "$home/.ssh is not a directory that the user owns"
cd .ssh
[ "$(pwd -P)" = "$home/.ssh" ] || refuse "$home/.ssh is a symbolic link"
file=authorized_keys
new=$file.hostler.$$
trap 'rm -f "$new"' EXIT
trap 'exit 1' HUP INT TERM
ours() {
  [ ! -L $file ] || refuse "$home/.ssh/$file is a symbolic link"
  [ ! -e $file ] || { [ -f $file ] && [ -O $file ]; } || refuse "$home/.ssh/$file is not a file that the user owns"
}
present() { # grep shows nothing of what it takes for binary
  [ -e $file ] && tr -d '\\000' <$file | LC_ALL=C grep -v '^[[:space:]]*#' | LC_ALL=C grep -qF -- "$blob"
}
contents() { if [ -e $file ]; then cksum <$file; else echo none; fi; }
owner() { stat -c %u:%g "$1"; }
write() {
  rm -f "$new"
  if [ -e $file ]; then
    mode=$(stat -c %a $file)
    cp -p $file "$new"
    [ "$(owner $file)" = "$(owner "$new")" ] || refuse "the group of $home/.ssh/$file cannot be kept"
    before=$(cksum <"$new")
    chmod u+w "$new"
    [ -z "$(tail -c 1 "$new" | tr '\\000' x)" ] || echo >>"$new"
  else
    mode=600
    before=none
    : >"$new"
    made=yes
  fi
  printf '%s %s %s\\n' "$type" "$blob" "$comment" >>"$new"
  chmod "$mode" "$new"
  sync "$new" 2>/dev/null || sync
  if [ "$before" != none ] && [ "$(head -c "\${before##* }" "$new" | cksum)" != "$before" ]; then
    refuse "the copy of $home/.ssh/$file is not whole"
  fi
}
result=present
tries=0
until ours && present; do
  [ "$tries" -lt 5 ] || refuse "$home/.ssh/$file is being changed all the time"
  tries=$((tries + 1))
  write
  ours
  [ "$before" = "$(contents)" ] || continue
  mv -f "$new" $file
  sync . 2>/dev/null || sync
  result=installed
  break
done
if [ -n "$made" ] && command -v restorecon >/dev/null 2>&1; then restorecon -F . $file 2>/dev/null || :; fi
printf '%s\\n' "$result" "$home/.ssh/$file"
find -H "\${home:-/}" "$home/.ssh" "$home/.ssh/$file" -prune '(' -perm -020 -o -perm -002 ')' || :
`;

/**
 * Adds a public key to the login user's authorized_keys, as that user, without root. Idempotent: a key that is there
 * is not added again.
 * @param comment  What the line says about itself. Example: `hostler acme/eu-1`.
 * @throws TerminalError KeyNotInstalled; what Session.run throws.
 */
export async function installPublicKey(
  session: Session,
  key: HostKey,
  options: { comment: string; signal?: AbortSignal },
): Promise<KeyInstallation> {
  const { exitCode, stdout, stderr } = await session.run(
    { name: 'authorized-keys/install', text: INSTALL, args: [key.type, key.publicKey, options.comment] },
    { asUser: true, timeoutMs: TIMEOUT_MS, ...(options.signal && { signal: options.signal }) },
  );
  const [result, file = '', ...loose] = stdout.trimEnd().split('\n');
  if (exitCode !== 0 || (result !== 'installed' && result !== 'present')) throw refused(stderr);
  return { changed: result === 'installed', file, loose };
}

function refused(stderr: string): TerminalError {
  const lines = stderr.trim().split('\n');
  const line = lines.find((one) => one.startsWith('hostler: '))?.slice('hostler: '.length) ?? lines.at(-1) ?? '';
  const said = redactor.redact(line).replace(/\.$/, '').slice(0, MAX_SAID);
  return new TerminalError(
    'KeyNotInstalled',
    `The bootstrap password was accepted, but the public key could not be installed${said && `: ${said}`}.`,
    { remedy: 'Put that right on the host, or add the public key to authorized_keys by hand.' },
  );
}
