#!/usr/bin/env bash
# Trains with a worker on a host of its own: a network namespace behind a link of 1 Gbit/s and 20 ms. The model is that of one process; so it is when the link
# is cut for a while, and the worker is there again afterwards. './build.sh cluster-hosts' runs it; with 'cost [BACKBONE]' it measures instead.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

skip() { echo "cluster-hosts: skipped: $*"; exit 0; }

[ "$(id -u)" = 0 ] || skip "network namespaces need root."
command -v ip > /dev/null && command -v tc > /dev/null || skip "ip and tc (iproute2) are not installed."
here=moka-a-$$ there=moka-b-$$
ip netns add "$here" 2> /dev/null || skip "this machine gives no rights to make network namespaces."

folder=$(mktemp -d)
workers=()
finish() {
  for worker in "${workers[@]}"; do kill "$worker" 2> /dev/null || true; done
  wait 2> /dev/null || true
  ip netns del "$here" || true
  ip netns del "$there" 2> /dev/null || true
  rm -rf "$folder"
}
trap finish EXIT

ip netns add "$there"
near=ma$$ far=mb$$
up() {
  ip -n "$here" addr add 10.77.0.1/24 dev "$near"
  ip -n "$there" addr add 10.77.0.2/24 dev "$far"
  for host in "$here $near" "$there $far"; do
    read -r name link <<< "$host"
    ip -n "$name" link set lo up
    ip -n "$name" link set "$link" up mtu 9000 txqueuelen 20000
  done
}
delay() { tc -n "$1" qdisc add dev "$2" root netem delay 10ms rate 1gbit limit 20000; }
ip link add "$near" netns "$here" type veth peer name "$far" netns "$there" 2> /dev/null && up
if { delay "$here" "$near" && delay "$there" "$far"; } 2> /dev/null; then
  echo "A link of 1 Gbit/s and 20 ms, by the kernel's netem."
else
  # This kernel has no netem: a program passes packets on from one tunnel to the other.
  ip -n "$here" link del "$near" 2> /dev/null || true
  command -v python3 > /dev/null && [ -c /dev/net/tun ] || skip "this kernel has no netem, and there is no python3 or no /dev/net/tun to stand in for it."
  ip netns exec "$here" python3 build/cluster/link.py "$near" "$far" "$there" 1e9 0.01 > "$folder/link.log" &
  workers+=($!)
  until grep -q ready "$folder/link.log"; do sleep 0.1; done
  up
  echo "A link of 1 Gbit/s and 20 ms, between two tunnels."
fi

moka=src/Microsoft.ML.Moka.Cli/bin/Release/net10.0/moka.dll
[ -e "$moka" ] || dotnet build src/Microsoft.ML.Moka.Cli -c Release --nologo -v q
worker() { # NAMESPACE ADDRESS
  ip netns exec "$1" dotnet "$moka" worker --cluster "$folder/cluster" --address "$2" >> "$folder/worker.log" 2>&1 &
  workers+=($!)
}
status() { ip netns exec "$here" dotnet "$moka" cluster status --cluster "$folder/cluster"; }

if [ "${1-}" = cost ]; then
  worker "$there" 10.77.0.2
  MOKA_CLUSTER_FOLDER=$folder/cluster MOKA_CLUSTER_BACKBONE=${2-} ip netns exec "$here" \
    dotnet test/Orleans.Tests/bin/Release/net10.0/Moka.Orleans.Tests.dll -noLogo -noColor -explicit only -class '*.CostTests' -showLiveOutput
  exit 0
fi

{
  echo text,label
  for i in $(seq 200); do
    if [ $((i % 2)) = 0 ]; then echo "the pot number $i broke,clay"; else echo "my coat number $i tore,cloth"; fi
  done
} > "$folder/rows.csv"
train() { # NAMESPACE NAME ARGUMENT...
  local name=$1 model=$folder/$2
  shift 2
  ip netns exec "$name" dotnet "$moka" train "$folder/rows.csv" --epochs 12 --batch-tokens 256 --accumulate 4 --output "$model.zip" "$@" 2>> "$folder/train.log"
  dotnet "$moka" export "$model.zip" --output "$model" > /dev/null
}
same() { # NAME
  cmp -s "$folder/alone/adapter_model.safetensors" "$folder/$1/adapter_model.safetensors" || {
    echo "cluster-hosts: the model of '$1' is another one." >&2
    exit 1
  }
  echo "$1: the model is that of one process."
}

train "$here" alone
# A worker on each host, so that silos talk over the link as well.
worker "$here" 10.77.0.1
worker "$there" 10.77.0.2
until [ "$(status | grep -c ' done')" = 2 ]; do sleep 1; done
train "$here" linked --cluster "$folder/cluster"
same linked
status

(
  sleep 2
  ip -n "$there" link set "$far" down
  echo "The link is cut."
  sleep 20
  ip -n "$there" link set "$far" up
  ip -n "$there" addr add 10.77.0.2/24 dev "$far" 2> /dev/null || true
  echo "The link is there again."
) &
cutter=$!
train "$here" cut --cluster "$folder/cluster"
same cut
wait "$cutter"

# Both come back without a person.
for _ in $(seq 60); do
  [ "$(status | grep -c ' done')" = 2 ] && break
  sleep 1
done
[ "$(status | grep -c ' done')" = 2 ] || { status; echo "cluster-hosts: a worker did not come back." >&2; exit 1; }
train "$here" healed --cluster "$folder/cluster"
same healed
status
