# Sourced by the scripts beside it: installing Debian packages, as root, without starting what they bring.

can_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

# debian_install PACKAGE...
debian_install() {
	# The package of Postgres would make and start a cluster of its own; this file is how one says no.
	mkdir -p /etc/postgresql-common/createcluster.d
	echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.d/writegate-tests.conf
	apt-get update -qq >&2
	# Run level 1 is single-user: no service is started in it.
	RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

newest_postgres() { { ls -d /usr/lib/postgresql/*/bin/postgres 2>/dev/null || true; } | sort -V | tail -1; }
