# The guardian: a child that outlives the Python side, however that ends, and leaves nothing behind it.
#
# Its standard input is a pipe that only the Python side holds open. Lines on it say what there is to clean up:
#     qemu PID            this process must not outlive us
#     ended PID           … it has ended, and its number may be somebody else's soon
#     tty DEVICE STATE    the terminal, and how it was (stty -g)
#     tty                 … it has been restored
#     remove PATH         this file or folder must not outlive us
#     removed PATH        … it is gone
# At the end of the pipe, whatever is left is done.
runs() {                        # whether a process is there, and more than a zombie: one with threads has not ended
    read -r _ _ condition _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ threads _ <"/proc/$1/stat" &&
        { [ "$condition" != Z ] || [ "$threads" -gt 1 ]; }
}

await() {                       # up to 2 s, until none of the processes runs
    tries=20
    for pid in $pids; do
        while [ $tries -gt 0 ] && runs "$pid"; do
            sleep 0.1
            tries=$((tries - 1))
        done
    done
}

trap '' INT TERM HUP QUIT TSTP TTIN TTOU
pids='' device='' state=''      # the files are $1 …
while read -r what rest; do
    case $what in
        qemu) pids="$pids $rest" ;;
        ended)
            left=
            for pid in $pids; do [ "$pid" = "$rest" ] || left="$left $pid"; done
            pids=$left ;;
        tty)
            device=${rest%% *}
            state=${rest#* } ;;
        remove) set -- "$@" "$rest" ;;
        removed)
            for path do
                shift
                [ "$path" = "$rest" ] || set -- "$@" "$path"
            done ;;
    esac
done
# QEMU flushes its disks on TERM; CONT lets it, should it be stopped.
for pid in $pids; do kill -TERM "$pid" && kill -CONT "$pid"; done
# In the background: a terminal whose output is held up keeps stty waiting.
if [ -n "$device" ]; then stty "$state" <"$device" & fi
for path do rm -rf -- "$path"; done
await                           # what is slow to end by itself,
for pid in $pids; do runs "$pid" && kill -KILL "$pid"; done
await                           # and what was made to
wait
