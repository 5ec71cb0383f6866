# Two network namespaces joined by a veth pair, with a process of a run in each. The link is cut in the middle of the
# run, then mended, and the run begins anew. Nothing of it outlives this script, and nothing outside is touched.
#
# Runs in a network namespace of its own. Arguments: a folder, with the list of hosts in hosts.txt; a pattern of a
# file that is there while a run is in its middle; the program and its arguments. Says `cut`, then for each process its number and exit
# code; `mended`, then the same. What the processes say goes to the folder.
set -eu
folder=$1 middle=$2
shift 2

unshare --net sleep 300 &
other=$!
trap 'kill $other' EXIT
own=$(readlink /proc/self/ns/net)
while [ "$(readlink /proc/$other/ns/net)" = "$own" ]; do sleep 0.01; done
there() { nsenter --target "$other" --net "$@"; }

ip link set lo up
ip link add here type veth peer name there netns "$other"
ip address add 10.93.0.1/30 dev here
ip link set here up
there ip address add 10.93.0.2/30 dev there
there ip link set there up

begin() {
    "$@" --process 0 2> "$folder/said-0" &
    first=$!
    nsenter --target "$other" --net "$@" --process 1 2> "$folder/said-1" &
    second=$!
}
finish() {
    code=0; wait "$first" || code=$?
    echo "0 $code"
    code=0; wait "$second" || code=$?
    echo "1 $code"
}

begin "$@"
# Each run has a name of its own in it.
while ! ls $middle > "$folder/listed" 2>&1; do kill -0 "$first"; sleep 0.005; done
sleep 0.2
ip link set here down
echo cut
finish
ip link set here up
echo mended
begin "$@"
finish
