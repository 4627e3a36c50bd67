# MySQL, of Debian unstable, unpacked in the cache.
variable=WRITEGATE_TEST_MYSQL
takes="Debian, for its packages"
stop_signal=TERM

program() { [ ! -e "$root/.complete" ] || echo "$root/usr/sbin/mysqld"; }
can_get() { can_unpack; }
get() { root_install; }

# mysqld in words that hold at both uses. The base folder has the messages and plugins; Debian's folder for LOAD DATA is not there.
server=(--no-defaults --basedir="$root/usr" --secure-file-priv=NULL --innodb-redo-log-capacity=32M)

init() {
	"${as_nobody[@]}" "$program" "${server[@]}" --datadir="$1" --initialize-insecure &&
		rm -f "$1/auto.cnf" # each copy makes an identity of its own
}
serve() {
	exec "${as_server[@]}" "$program" "${server[@]}" --datadir="$data" --socket="$home/socket" --pid-file="$home/pid" \
		--bind-address=127.0.0.1 --port="$port" --mysqlx=OFF --max-connections=300
}
# The socket is made after the port is bound, so that the one who listens there is ours.
ready() { [ -S "$home/socket" ] && listens "$port"; }
url() { echo "root@tcp(127.0.0.1:$port)/"; }
