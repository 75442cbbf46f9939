/**
 * Shell function `http_status`: asks this very host for `/` on port 80 and prints the status of the answer (`308`),
 * or nothing. By whichever of curl, wget and bash is there.
 */
export const HTTP_STATUS = `
http_status() {
  if command -v curl >/dev/null 2>&1; then
    curl -s -o /dev/null -w '%{http_code}' -m 5 --noproxy '*' http://127.0.0.1/ || :
  elif command -v wget >/dev/null 2>&1; then
    timeout 5 wget -q -S -O /dev/null --no-proxy --max-redirect=0 -t 1 http://127.0.0.1/ 2>&1 | sed -n 's|^ *HTTP/[0-9.]* \\([0-9]*\\).*|\\1|p' | head -n 1
  elif command -v bash >/dev/null 2>&1; then
    timeout 5 bash -c 'exec 3<>/dev/tcp/127.0.0.1/80 && printf "GET / HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n" >&3 && read -r _ code _ <&3 && echo "$code"' 2>/dev/null || :
  fi
}
`;
