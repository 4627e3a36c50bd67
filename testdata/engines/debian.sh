# Sourced by the scripts beside it, after lib.sh: installing packages, as root.

can_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

# debian_install PACKAGE...: install those that are missing, without starting what they bring.
debian_install() { locked apt install_missing "$@"; }

install_missing() {
	local missing=() package
	for package in "$@"; do
		[ "$(dpkg-query --show --showformat '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	say "installing ${missing[*]}"
	# The package of Postgres would make and start a cluster of its own; this file is how one says no.
	mkdir -p /etc/postgresql-common/createcluster.d
	echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.d/writegate-tests.conf
	local apt=(apt-get -qq -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3)
	"${apt[@]}" update >&2
	# Run level 1 is single-user: no service is started in it.
	RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive "${apt[@]}" install -y --no-install-recommends "${missing[@]}" >&2 9>&-
}
