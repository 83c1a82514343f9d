# Words and abilities shared by the setup scripts; to be sourced.

say() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }

warn() { printf '\033[33mwarning: %s\033[0m\n' "$*" >&2; }

stop() { # first what is wrong, then one line each for what to do
  printf '\033[31merror: %s\033[0m\n' "$1" >&2
  shift
  printf '  %s\n' "$@" >&2
  exit 1
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

can_apt() { # root, or sudo without a password, where there is apt
  command -v apt-get >/dev/null || return 1
  [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null
}

apt_install() {
  say "Installing $* with apt-get"
  # Lists may be missing or old on a fresh machine: fetch them once when the first try finds nothing.
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >/dev/null 2>&1 || {
    as_root apt-get update -q >/dev/null &&
      as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >/dev/null
  }
}
