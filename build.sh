#!/usr/bin/env bash
# Builds, tests and runs Moka. './build.sh help' says how.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

mode_file=build/mode.props
ask_seconds=300

usage() {
  cat <<'TEXT'
Usage: ./build.sh VERB [ARGUMENT...]

  build          build everything
  test           build and run all tests; the last line is "N passed, N failed"
  run SAMPLE     build and run samples/SAMPLE; the arguments that follow go to the sample
  moka           build and run the moka tool; the arguments that follow go to it ('./build.sh moka --help')
  notebook       run the cells of samples/notebooks/walkthrough.cs and write the notebook with what they show
  docs           write the API reference, docs/api, from the comments in the source
  bench          build and run the benchmarks
  pretrain       make the embedded backbone anew (long; continues where it was stopped)
  pack           make the NuGet packages in artifacts/packages
  mode           ask the feed again whether it has ML.NET
  mode MODE      set the mode by hand: packages or offline
  clean          remove everything that was built, and forget the mode
  help           print this text

Arguments after the verb go to the tool behind it: dotnet build, dotnet test, the sample, the benchmark, dotnet pack.
Everything is built in the Release configuration, for the kernels are slow in Debug.

The mode says where ML.NET comes from. It is asked for once and remembered in build/mode.props, where plain
'dotnet build' and 'dotnet test' find it:
  packages       the feed has Microsoft.ML and Microsoft.ML.Tokenizers
  offline        it has not: small stand-ins under build/offline take their place; packing is refused

The package for GPUs, Microsoft.ML.Moka.TorchSharp, its tests and 'bench step --backend torch' need TorchSharp. Where the feed lacks it they are
left out; with TorchSharpDir=DIR in the environment, or -p:TorchSharpDir=DIR for build and test, they use the TorchSharp.dll and LibTorchSharp in DIR
(an absolute path). From a feed they take PyTorch for the CPU, or the package that TorchSharpNatives names in the environment: TorchSharp-cuda-linux.
TEXT
}

die() { printf 'build.sh: %s\n' "$*" >&2; exit 1; }

# The mode, and whether the feed has TorchSharp: true or false.
remember() {
  printf '<Project><PropertyGroup><MlNetMode>%s</MlNetMode><TorchSharpOnFeed>%s</TorchSharpOnFeed></PropertyGroup></Project>\n' "$1" "$2" > "$mode_file.new"
  mv -f "$mode_file.new" "$mode_file"
  echo "Mode: $1$([ "$2" = true ] || echo ", without TorchSharp") (remembered in $mode_file)."
}

with_time_limit() {
  if command -v timeout >/dev/null; then timeout --kill-after=10 "$ask_seconds" "$@"; else "$@"; fi
}

# Restores build/feed/Feed.csproj, which names the packages. NU1101, NU1102 and NU1103: no such package or version;
# NU1603: only another version. Any other failure (no network, no time) is no answer, and none is remembered.
ask_feed() {
  echo "Asking the feed for ML.NET ..."
  local answer status=0
  answer=$(with_time_limit dotnet restore build/feed/Feed.csproj --force -p:MlNetMode=packages -warnaserror:NU1603 2>&1 </dev/null) || status=$?
  if [ "$status" -eq 0 ]; then
    remember packages "$(feed_has_torch_sharp)"
  elif grep -qE 'error NU(1101|1102|1103|1603)' <<<"$answer"; then
    remember offline false
  else
    printf '%s\n' "$answer" >&2
    if [ "$status" -eq 124 ] || [ "$status" -eq 137 ]; then
      echo "The feed gave no answer within $ask_seconds seconds." >&2
    else
      echo "The feed could not be asked; the lines above say why." >&2
    fi
    echo "This run uses the offline mode; the next one asks again ('./build.sh mode offline' settles it)." >&2
    export MlNetMode=offline
  fi
}

feed_has_torch_sharp() {
  with_time_limit dotnet restore build/feed/Feed.csproj --force -p:MlNetMode=packages -p:UseTorchSharp=true -p:OutputType=Exe -warnaserror:NU1603 >/dev/null 2>&1 </dev/null \
    && echo true || echo false
}

# Whether there is a TorchSharp: named among the arguments or in the environment, or on the feed.
has_torch_sharp() {
  [[ -n "${TorchSharpDir-}" || " $* " == *":TorchSharpDir="* ]] || grep -q '<TorchSharpOnFeed>true<' "$mode_file" 2>/dev/null
}

# The projects: the solution, and what needs TorchSharp where there is one.
projects() {
  echo Moka.sln
  if has_torch_sharp "$@"; then
    echo test/Microsoft.ML.Moka.TorchSharp.Tests
  else
    echo "Left out: Microsoft.ML.Moka.TorchSharp and its tests, for there is no TorchSharp ('./build.sh help')." >&2
  fi
}

build_all() {
  local project
  for project in $(projects "$@"); do
    dotnet build "$project" -c Release --nologo "$@"
  done
}

pack_all() {
  dotnet pack Moka.sln -c Release --nologo -o artifacts/packages "$@"
  ! has_torch_sharp "$@" || dotnet pack src/Microsoft.ML.Moka.TorchSharp -c Release --nologo -o artifacts/packages "$@"
}

ensure_mode() { [ -f "$mode_file" ] || ask_feed; }

set_mode() {
  case "${1-}" in
    "") rm -f "$mode_file"; ask_feed; [ -f "$mode_file" ] ;;
    packages) remember packages "$(feed_has_torch_sharp)" ;;
    offline) remember offline false ;;
    *) die "no mode '$1'; there are packages and offline." ;;
  esac
}

# Adds up the result files: one per test project. A skipped test has a message beside its result; a test that was not
# asked for, because another one runs it in a process of its own, has none and does not count.
count_tests() {
  local files=("$1"/*.trx)
  [ -e "${files[0]}" ] || { echo "0 passed, 0 failed"; return 1; }
  awk '
    function value(name) { return match($0, " " name "=\"[0-9]+") ? substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 3) + 0 : 0 }
    /<Counters / { passed += value("passed"); failed += value("executed") - value("passed") }
    /<UnitTestResult / && /outcome="NotExecuted"/ && !/\/>[ \r]*$/ { skipped++ }
    END {
      printf "%d passed, %d failed", passed, failed
      if (skipped) printf ", %d skipped", skipped
      print ""
      exit passed == 0 || failed > 0
    }' "${files[@]}"
}

run_tests() {
  local results=artifacts/test-results status=0 project
  rm -rf "$results"
  for project in $(projects "$@"); do
    dotnet test "$project" -c Release --nologo --results-directory "$results" --logger "trx;LogFilePrefix=tests" "$@" || status=$?
  done
  count_tests "$results" || [ "$status" -ne 0 ] || status=1
  return "$status"
}

run_sample() {
  local samples
  # A sample is a project, or a single file that dotnet runs as an app.
  samples=$( { grep -l '<OutputType>Exe' samples/*/*.csproj; ls samples/*/walkthrough.cs; } 2>/dev/null | cut -d/ -f2 | sort | paste -sd' ' -) || true
  [ $# -gt 0 ] || die "run needs the name of a sample: ${samples:-there is none}"
  local name=$1
  shift
  [[ " $samples " == *" $name "* ]] || die "no sample '$name'; there are: ${samples:-none}"
  ensure_mode
  if [ -f "samples/$name/walkthrough.cs" ]; then
    dotnet run -c Release "samples/$name/walkthrough.cs" -- "$@"
  else
    dotnet run -c Release --project "samples/$name" -- "$@"
  fi
}

# Only the tool's own output is shown, for it may go into a file or another program.
run_moka() {
  local output
  output=$(dotnet build src/Microsoft.ML.Moka.Cli -c Release --nologo -v q 2>&1 </dev/null) || { printf '%s\n' "$output" >&2; die "the tool cannot be built."; }
  exec dotnet src/Microsoft.ML.Moka.Cli/bin/Release/net10.0/moka.dll "$@"
}

clean() {
  rm -rf artifacts TestResults BenchmarkDotNet.Artifacts "$mode_file"
  find build src test samples -type d \( -name bin -o -name obj \) -prune -exec rm -rf {} +
}

# dotnet keeps its own files in the home folder and fails where there is none to write to.
[ -w "${HOME:-/nonexistent}" ] || export DOTNET_CLI_HOME="$PWD/artifacts/home"

verb=${1-help}
[ $# -eq 0 ] || shift
case "$verb" in
  build) ensure_mode; build_all "$@" ;;
  test) ensure_mode; run_tests "$@" ;;
  run) run_sample "$@" ;;
  moka) ensure_mode; run_moka "$@" ;;
  notebook) ensure_mode; dotnet run -c Release --project build/notebook -- samples/notebooks ;;
  docs) ensure_mode; dotnet run -c Release --project build/api -- docs/api ;;
  bench) ensure_mode; dotnet run -c Release --project test/Benchmarks -- "$@" ;;
  pretrain) ensure_mode; dotnet run -c Release --project build/pretraining -- "$@" ;;
  pack) ensure_mode; pack_all "$@" ;;
  mode) set_mode "$@" ;;
  clean) clean ;;
  help|-h|--help) usage ;;
  *) usage >&2; die "no verb '$verb'." ;;
esac
