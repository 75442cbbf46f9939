import { exitCodes } from '../../exitCodes.ts';
import { APT, FAIL } from '../../providers/apt.ts';
import { bundlesDirectory } from '../../transfer.ts';

/**
 * Makes a repository of an arrived tar archive of packages, with an apt configuration of its own beside it, so that
 * apt sees it where it is asked to (`APT_CONFIG`) and nowhere else: neither /etc/apt nor apt's lists know of it. Its
 * packages are trusted because the archive had the stated checksum; apt checks each of them against the index again.
 * What is no such archive leaves the reason in `problem`, for the next look. Arguments: SHA256.
 */
export const STAGE = `${FAIL}${APT}
directory=${bundlesDirectory}/$1
part=$directory.part new=$directory.new
rm -rf "$new" "$directory"
mkdir "$new" "$new/lists" "$new/lists/partial"
cd "$new"
finish() {
  if [ -n "$1" ]; then
    rm -rf "$new"
    mkdir "$new"
    printf '%s\\n' "$1" >"$new/problem"
  fi
  sync -f "$new" 2>/dev/null || sync
  mv "$new" "$directory"
  rm -f "$part"
  exit 0
}
tar -tf "$part" >names 2>/dev/null || finish 'the file is no tar archive'
grep -q '\\.deb$' names || finish 'the archive holds no *.deb'
rm -f names
tar -xf "$part" --no-same-owner --no-same-permissions --wildcards '*.deb'
find . -type d -exec chmod 0755 {} +
find . -type f -exec chmod 0644 {} +
find . -type f -name '*.deb' | sort >debs
while IFS= read -r deb; do
  control=$(dpkg-deb -f "$deb" 2>/dev/null) || finish "$deb in the archive is no Debian package"
  sum=$(sha256sum <"$deb")
  printf '%s\\nFilename: %s\\nSize: %s\\nSHA256: %s\\n\\n' "$control" "$deb" "$(stat -c %s "$deb")" "\${sum%% *}"
done <debs >Packages
rm -f debs
printf 'deb [trusted=yes] file:%s ./\\n' "$directory" >sources.list
printf '%s "%s";\n' >apt.conf \
  Dir::Etc::sourcelist "$directory/sources.list" Dir::Etc::sourceparts /dev/null Dir::State::lists "$directory/lists" \
  Dir::Cache::pkgcache '' Dir::Cache::srcpkgcache '' Acquire::Languages none
mv "$new" "$directory"
export APT_CONFIG="$directory/apt.conf"
if ! apt_get update; then
  rm -rf "$directory"
  fail 1 "apt cannot read the bundle: $(grep -E '^(E|W|Err)' "$apt_log" | head -n 2 | cut -c 1-300)"
fi
sync -f "$directory" 2>/dev/null || sync
: >"$directory/ready"
sync -f "$directory" 2>/dev/null || sync
rm -f "$part"
`;

/** Removes what was brought and is not needed any more. Arguments: NAME… */
export const REMOVE = `
for name do
  case $name in '' | *[!0-9a-z.]* | .*) exit ${exitCodes.changedMeanwhile} ;; esac
  rm -rf "${bundlesDirectory}/$name"
done
rmdir ${bundlesDirectory} 2>/dev/null || :
`;
