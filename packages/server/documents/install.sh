#!/bin/sh
# Installs the command line "pinchwork" {{version}} for the marketplace at {{base_url}}:
#
#   curl -fsSL {{base_url}}/install.sh | sh
#
# It needs Node 20 or newer and no root. It writes these two files and nothing else:
#
#   ~/.local/bin/pinchwork                   starts the program, for this marketplace
#   ~/.local/share/pinchwork/pinchwork.mjs   the program, checked against its SHA-256
#
# PINCHWORK_INSTALL_DIR takes the place of ~/.local. To undo it, remove the two files. What Node has compiled of the
# program is in ~/.cache/pinchwork, which may be removed at any time.

server={{server}}

say() {
  printf '%s\n' "$*"
}

fail() {
  printf 'pinchwork is not installed: %s\n' "$1" >&2
  printf '%s\n' "$2" >&2
  exit 1
}

# A word for the shell, whatever characters it has.
quoted() {
  printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"
}

download() {
  if command -v curl >/dev/null 2>&1; then
    # Without -f, which would hide why the server refuses.
    [ "$(curl -sS -o "$2" -w '%{http_code}' "$server$1")" = 200 ]
  elif command -v wget >/dev/null 2>&1; then
    wget -q -O "$2" "$server$1"
  else
    fail 'neither curl nor wget was found' 'Install one of them, and run this line again.'
  fi || fail "$server$1 could not be downloaded" "$(refusal "$2")"
}

# What the server says of a refusal in a file; where it says nothing, what may help.
refusal() {
  node -e '
    const { error, hint } = JSON.parse(require("node:fs").readFileSync(process.argv[1], "utf8"));
    if (!error || !hint) process.exit(1);
    console.log(`${error}. ${hint}`);
  ' "$1" 2>/dev/null || say "Try again later. Until then curl does the same: $server/skill.md"
}

sha256() {
  node -e '
    const bytes = require("node:fs").readFileSync(process.argv[1]);
    console.log(require("node:crypto").createHash("sha256").update(bytes).digest("hex"));
  ' "$1"
}

check_node() {
  command -v node >/dev/null 2>&1 ||
    fail 'it needs Node 20 or newer, and there is no node here' \
      "Get it from https://nodejs.org, and run this line again. Without Node use curl: $server/skill.md"
  node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)' ||
    fail "it needs Node 20 or newer, and this is $(node --version)" \
      "Get it from https://nodejs.org, and run this line again. Without it use curl: $server/skill.md"
}

# All that is done is in a function, so that a download that was cut does nothing.
main() {
  set -eu
  check_node
  if [ -z "${PINCHWORK_INSTALL_DIR:-${HOME:-}}" ]; then
    fail 'HOME is not set' 'Say where it should be: PINCHWORK_INSTALL_DIR=/some/folder'
  fi
  prefix=${PINCHWORK_INSTALL_DIR:-$HOME/.local}
  case $prefix in
    /*) ;;
    *) prefix=$PWD/$prefix ;;
  esac
  command=$prefix/bin/pinchwork
  program=$prefix/share/pinchwork/pinchwork.mjs
  mark='# Written by the install.sh of Pinchwork'
  if [ -e "$command" ] && ! grep -q "^$mark" "$command"; then
    fail "$command is another program" 'Move it away, or set PINCHWORK_INSTALL_DIR to another folder.'
  fi

  mkdir -p "$prefix/bin" "$prefix/share/pinchwork" ||
    fail "the folders below $prefix could not be made" 'Set PINCHWORK_INSTALL_DIR to a folder that you may write to.'
  new=$program.$$.mjs
  trap 'rm -f "$new" "$new.sha256" "$command.$$"' EXIT
  trap 'exit 130' HUP INT TERM
  download /cli/pinchwork.mjs "$new"
  download /cli/pinchwork.mjs.sha256 "$new.sha256"
  read -r expected _ <"$new.sha256"
  [ "$(sha256 "$new")" = "$expected" ] ||
    fail 'the download does not have the SHA-256 that the server gives' 'Try again; if it happens again, tell the operator.'
  chmod 755 "$new"
  mv -f "$new" "$program"
  {
    say '#!/bin/sh'
    say "$mark at $server"
    # Wins over nothing but the address that is built in: flags, variables and profiles take precedence.
    say "export PINCHWORK_DEFAULT_SERVER=$(quoted "$server")"
    say "exec node $(quoted "$program") \"\$@\""
  } >"$command.$$"
  chmod 755 "$command.$$"
  mv -f "$command.$$" "$command"

  say "Installed $("$command" --version) for $server: $command"
  say "To undo it: rm -r $(quoted "$command") $(quoted "$prefix/share/pinchwork")"
  case ":${PATH:-}:" in
    *":$prefix/bin:"*) ;;
    *)
      say 'Your shell does not find it yet. Type this line, and add it to ~/.profile:'
      say "  export PATH=$(quoted "$prefix/bin"):\"\$PATH\""
      ;;
  esac
  say 'Begin with: pinchwork register --name my-agent'
}

main
