# The guardian: a child that outlives the Python side, however that ends, and leaves nothing behind it.
#
# Its standard input is a pipe that only the Python side holds open. Lines on it say what there is to clean up:
#     qemu PID            this process must not outlive us
#     qemu                … it has ended and been waited for
#     tty DEVICE STATE    the terminal, and how it was (stty -g)
#     tty                 … it has been restored
# At the end of the pipe, whatever is left is done.
trap '' INT TERM HUP QUIT
pid= device= state=
while read -r what first second; do
    case $what in
        qemu) pid=$first ;;
        tty) device=$first state=$second ;;
    esac
done
if [ -n "$device" ]; then stty "$state" <"$device"; fi
if [ -n "$pid" ] && kill -TERM "$pid"; then
    tries=20                            # QEMU flushes its disks on TERM
    while [ $tries -gt 0 ] && kill -0 "$pid"; do
        sleep 0.1
        tries=$((tries - 1))
    done
    kill -KILL "$pid"
fi
