#!/usr/bin/env bash
# Builds, tests and runs Moka. './build.sh help' says how.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

usage() {
  cat <<'TEXT'
Usage: ./build.sh VERB [ARGUMENT...]

  build          build everything
  test           build and run all tests; the last line is "N passed, N failed"
  test-gpu       see what moka doctor says of the first NVIDIA GPU, and run the tests of the GPU package on it (fetches PyTorch with CUDA, gigabytes)
  test-arm       run the engine's tests as an ARM program under QEMU, where qemu-aarch64-static is installed
  run SAMPLE     build and run samples/SAMPLE; the arguments that follow go to the sample
  moka           build and run the moka tool; the arguments that follow go to it ('./build.sh moka --help')
  notebook       run the cells of samples/notebooks/walkthrough.cs and write the notebook with what they show
  docs           write the API reference, docs/api, from the comments in the source
  bench          build and run the benchmarks
  fuzz           give mutated inputs to every reader: './build.sh fuzz [TARGET] [SECONDS]', by default 3 seconds for each;
                 './build.sh fuzz short [TARGET]' has the same inputs each time, as the tests have them
  kills          kill processes that save, at random: './build.sh kills [COUNT]'
  cluster-kills  kill workers of a cluster at random while they train: './build.sh cluster-kills [COUNT]'
  cluster-cost   measure what a step of training spends in messages with 1, 2 and 4 workers: './build.sh cluster-cost [BACKBONE]'
  cluster-hosts  train with workers on hosts of their own (network namespaces), over a link of 1 Gbit/s and 20 ms that is cut and heals; needs root
  soak           load, train, cancel, swap and predict, and see that memory stays: './build.sh soak MINUTES'
  reliability    all of these and the tests of writers, of which each call fails, in one log: artifacts/reliability.log (20 minutes)
  pretrain       make the embedded backbone anew (long; continues where it was stopped)
  pack           make the NuGet packages in artifacts/packages
  clean          remove everything that was built
  help           print this text

Arguments after the verb go to the tool behind it: dotnet build, dotnet test, the sample, the benchmark, dotnet pack.
Everything is built in the Release configuration, for the kernels are slow in Debug.

The tests of Microsoft.ML.Moka.TorchSharp and 'bench step --backend torch' run on PyTorch for the CPU, or on the package
that TorchSharpNatives names in the environment: TorchSharp-cuda-linux or TorchSharp-cuda-windows.
TEXT
}

die() { printf 'build.sh: %s\n' "$*" >&2; exit 1; }

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

# The first argument is the solution or the project.
run_tests() {
  local tested=$1 results=artifacts/test-results status=0
  shift
  rm -rf "$results"
  # PyTorch's threads otherwise spin while they wait, at the cost of the tests beside them.
  export OMP_WAIT_POLICY=${OMP_WAIT_POLICY-passive}
  dotnet test "$tested" -c Release --nologo --results-directory "$results" --logger "trx;LogFilePrefix=tests" "$@" || status=$?
  count_tests "$results" || [ "$status" -ne 0 ] || status=1
  return "$status"
}

# The engine's kernels and models on 128-bit vectors of ARM, in user-mode emulation. QEMU needs the C and C++ libraries of ARM's Debian, installed
# (dpkg --add-architecture arm64; apt-get install libc6:arm64 libstdc++6:arm64 libssl3:arm64) or unpacked in the folder that QEMU_LD_PREFIX names.
test_arm() {
  local qemu=${QEMU-qemu-aarch64-static} folder=artifacts/test-arm
  if ! command -v "$qemu" >/dev/null; then
    echo "skipped: there is no $qemu (apt-get install qemu-user-static; QEMU names another place)"
    return 0
  fi
  dotnet publish test/Moka.Tests -r linux-arm64 --self-contained -c Release -p:EnableMLUnsupportedPlatformTargetCheck=false --nologo -v q -o "$folder"
  # One test at a time, and nothing in the runtime that QEMU stumbles over: background compilation and collection, pages mapped twice.
  DOTNET_TieredCompilation=0 DOTNET_gcConcurrent=0 DOTNET_EnableWriteXorExecute=0 "$qemu" -cpu max "$folder/Moka.Tests" -parallel none -noLogo -noColor \
    -class '*.Tensors.*' -class '*Conformance' "$@"
}

# PyTorch with CUDA comes from the package for this system, unless TorchSharpNatives names another one.
test_gpu() {
  case "$(uname -s)" in MINGW*|MSYS*|CYGWIN*) local natives=TorchSharp-cuda-windows ;; *) local natives=TorchSharp-cuda-linux ;; esac
  export TorchSharpNatives=${TorchSharpNatives-$natives}
  dotnet build test/TorchSharp.Tests -c Release --nologo -v q
  # Without a GPU the tests would pass on PyTorch's CPU device, and say nothing.
  (run_moka doctor --app test/TorchSharp.Tests/bin/Release/net10.0 --gpu 0) || die "the GPU cannot be used: see above what failed."
  run_tests test/TorchSharp.Tests "$@"
}

run_sample() {
  local samples
  # A sample is a project, or a single file that dotnet runs as an app.
  samples=$( { grep -l '<OutputType>Exe' samples/*/*.csproj; ls samples/*/walkthrough.cs; } 2>/dev/null | cut -d/ -f2 | sort | paste -sd' ' -) || true
  [ $# -gt 0 ] || die "run needs the name of a sample: ${samples:-there is none}"
  local name=$1
  shift
  [[ " $samples " == *" $name "* ]] || die "no sample '$name'; there are: ${samples:-none}"
  if [ -f "samples/$name/walkthrough.cs" ]; then
    dotnet run -c Release "samples/$name/walkthrough.cs" -- "$@"
  else
    dotnet run -c Release --project "samples/$name" -- "$@"
  fi
}

pack_all() {
  local project
  for project in src/*; do
    dotnet pack "$project" -c Release --nologo -o artifacts/packages "$@"
  done
}

# Only the tool's own output is shown, for it may go into a file or another program.
run_moka() {
  local output
  output=$(dotnet build src/Microsoft.ML.Moka.Cli -c Release --nologo -v q 2>&1 </dev/null) || { printf '%s\n' "$output" >&2; die "the tool cannot be built."; }
  exec dotnet src/Microsoft.ML.Moka.Cli/bin/Release/net10.0/moka.dll "$@"
}

# What docs/reliability.md promises, in one run: each call that fails, processes that are killed, mutated inputs, and time.
reliability() {
  mkdir -p artifacts
  {
    dotnet run -c Release --project test/Moka.Tests -- -noLogo -noColor -showLiveOutput \
      -class '*.EveryCallTests' -class '*.AtomicFolderTests' -class '*.AtomicFileTests' -class '*.WriterLockTests' -class '*.AdapterFolderTests' -class '*.CheckpointFolderTests'
    dotnet build -c Release --nologo -v q test/Reliability
    for task in 'fuzz 20' 'kills 500' 'soak 3'; do
      echo "== $task"
      # shellcheck disable=SC2086 # The verb and its number.
      dotnet run -c Release --no-build --project test/Reliability -- $task
    done
  } 2>&1 | tee artifacts/reliability.log
}

# The tests of a class that are only run when asked for.
cluster_tests() {
  dotnet run -c Release --project test/Orleans.Tests -- -noLogo -explicit only -class "*.$1" -showLiveOutput
}

clean() {
  rm -rf artifacts TestResults BenchmarkDotNet.Artifacts
  find build src test samples -type d \( -name bin -o -name obj \) -prune -exec rm -rf {} +
}

# dotnet keeps its own files in the home folder and fails where there is none to write to.
[ -w "${HOME:-/nonexistent}" ] || export DOTNET_CLI_HOME="$PWD/artifacts/home"

verb=${1-help}
[ $# -eq 0 ] || shift
case "$verb" in
  build) dotnet build Moka.sln -c Release --nologo "$@" ;;
  test) run_tests Moka.sln "$@" ;;
  test-gpu) test_gpu "$@" ;;
  test-arm) test_arm "$@" ;;
  run) run_sample "$@" ;;
  moka) run_moka "$@" ;;
  notebook) dotnet run -c Release --project build/notebook -- samples/notebooks ;;
  docs) dotnet run -c Release --project build/api -- docs/api ;;
  reliability) reliability ;;
  fuzz|kills|soak) dotnet run -c Release --project test/Reliability -- "$verb" "$@" ;;
  cluster-cost) MOKA_CLUSTER_BACKBONE=${1-} cluster_tests CostTests ;;
  cluster-hosts) build/cluster/hosts.sh "$@" ;;
  cluster-kills) MOKA_CLUSTER_KILLS=${1-20} cluster_tests TrainingTests ;;
  bench) dotnet run -c Release --project test/Benchmarks -- "$@" ;;
  pretrain) dotnet run -c Release --project build/pretraining -- "$@" ;;
  pack) pack_all "$@" ;;
  clean) clean ;;
  help|-h|--help) usage ;;
  *) usage >&2; die "no verb '$verb'." ;;
esac
