#!/bin/sh
# Installs the system programs that the tests play, record and compare with. Where it may not, it says which tests are
# skipped and how to enable them. Exits with 0, unless CI=true and something is missing: there nothing is skipped.
set -u

# a file or program that shows the package is there | its Debian package | what is skipped without it
NEEDED='
jackd|jackd2|live MIDI over JACK (tests/live)
jack_midi_clock|jack-midi-clock|MIDI clock (tests/live)
pw-midirecord|pipewire-bin|MIDI recorded by PipeWire (tests/live)
pw-jack|pipewire-jack|MIDI recorded by PipeWire (tests/live)
libasound.so.2|libasound2|all live MIDI (tests/live)
fluidsynth|fluidsynth|sound by FluidSynth (tests/io/test_audio.py, tests/live)
abc2midi|abcmidi|ABC against abc2midi (tests/notation)
oscsend|liblo-tools|OSC (tests/live)
'

there() {
  case $1 in
    *.so.*) { ldconfig -p 2>/dev/null || /sbin/ldconfig -p; } 2>/dev/null | grep -q "$1" ;;
    *) command -v "$1" >/dev/null 2>&1 ;;
  esac
}

# prints the lines of NEEDED whose proof is not there
missing() {
  printf '%s\n' "$NEEDED" | while IFS='|' read -r proof package skipped; do
    [ -z "$proof" ] || there "$proof" || printf '%s|%s|%s\n' "$proof" "$package" "$skipped"
  done
}

packages_of() { printf '%s\n' "$1" | cut -d'|' -f2 | tr '\n' ' '; }

# what apt-get must be run with: nothing for root, sudo where it asks no password; fails where neither will do
as_root() {
  if [ "$(id -u)" = 0 ]; then echo env; elif sudo -n true 2>/dev/null; then echo sudo; else return 1; fi
}

# Ubuntu 24.04 and Debian 13 call the library libasound2t64
named_here() {
  for package in $1; do
    if [ "$package" = libasound2 ] && apt-cache show libasound2t64 >/dev/null 2>&1; then package=libasound2t64; fi
    printf '%s ' "$package"
  done
}

install() {
  log=$(mktemp) || return 1
  echo "installing with apt-get: $1"
  # the index first: a fresh machine has none, an old one points at packages that are gone
  # shellcheck disable=SC2046
  if ! { $2 apt-get update -q && $2 env DEBIAN_FRONTEND=noninteractive \
    apt-get install -q -y --no-install-recommends -o DPkg::Lock::Timeout=120 $(named_here "$1"); } >"$log" 2>&1 </dev/null; then
    echo "apt-get failed; its last lines:" >&2
    tail -n 5 "$log" >&2
  fi
  rm -f "$log"
}

absent=$(missing)
[ -n "$absent" ] || exit 0

if command -v apt-get >/dev/null 2>&1 && root=$(as_root); then
  install "$(packages_of "$absent")" "$root"
  absent=$(missing)
  [ -n "$absent" ] || exit 0
fi

printf '%s\n' "$absent" | while IFS='|' read -r proof package skipped; do
  echo "skipped without $proof: $skipped"
done >&2
if command -v apt-get >/dev/null 2>&1; then
  echo "to enable these tests: sudo apt-get install $(packages_of "$absent")" >&2
else
  echo "to enable these tests, install what provides these (Debian's names: $(packages_of "$absent"))" >&2
  if command -v brew >/dev/null 2>&1; then echo "with Homebrew: brew install jack fluid-synth abcmidi liblo" >&2; fi
fi
[ "${CI:-}" != true ] || { echo "continuous integration skips nothing: this is a failure" >&2; exit 1; }
