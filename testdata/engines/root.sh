# Sourced by the scripts beside it, after lib.sh: what the system's own release does not have, from Debian unstable.
#
# A root is a folder with unpacked packages and nothing else: no script of theirs runs, and the system is not touched.
root=$cache/root-$(fingerprint_of "${BASH_SOURCE[0]}")
root_programs=(usr/sbin/mysqld 'usr/lib/postgresql/*/bin/'{postgres,initdb,psql})

keyring=/usr/share/keyrings/debian-archive-keyring.gpg
can_unpack() { command -v apt-get >/dev/null && [ -e "$keyring" ] && grep -qx 'ID=debian' /etc/os-release; }

root_install() { root_works || locked root make_root; }

# root_works: it is there as a whole, and its programs run.
root_works() {
	[ -e "$root/.complete" ] && "$root"/usr/sbin/mysqld --version >/dev/null 2>&1 &&
		"$root"/usr/lib/postgresql/*/bin/postgres --version >/dev/null 2>&1
}

make_root() {
	! root_works || return 0
	local staging=$root.new began=$SECONDS
	rm -rf "$root" "$staging"
	mkdir -p "$staging/apt/lists/partial" "$staging/apt/archives/partial" "$staging/tree"
	apt_of_root "$staging/apt" || { say "no packages of Debian unstable: see above"; return 1; }
	say "unpacking $(ls "$staging"/apt/archives/*.deb | wc -l) packages"
	printf '%s\0' "$staging"/apt/archives/*.deb | xargs -0 -n 1 -P "$(nproc)" bash -c \
		'dpkg-deb --fsys-tarfile "$1" | tar -x -C "$0" --no-same-owner --keep-directory-symlink --exclude=./usr/share/{doc,man,locale}' "$staging/tree" || return 1
	rm -rf "$staging/apt"
	finish_root "$staging/tree"
	chmod 755 "$cache" "$staging/tree"
	touch "$staging/tree/.complete"
	mv "$staging/tree" "$root" && rmdir "$staging"
	root_works || { say "what was unpacked in $root does not run"; return 1; }
	say "unpacked in $((SECONDS - began)) s: $root"
}

# apt_of_root DIR downloads the packages and all they need into DIR/archives, by an apt with a state of its own.
apt_of_root() {
	local dir=$1
	echo "deb [signed-by=$keyring] $(debian_mirror) unstable main" >"$dir/sources.list"
	: >"$dir/status"
	cat >"$dir/apt.conf" <<-EOF
		Dir::Etc::sourcelist "$dir/sources.list";
		Dir::Etc::sourceparts "/dev/null";
		Dir::State::lists "$dir/lists";
		Dir::State::status "$dir/status";
		Dir::Cache "$dir";
		APT::Install-Recommends "false";
		APT::Sandbox::User "";
		Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
		Acquire::Languages "none";
		Acquire::Retries "3";
		Debug::NoLocking "true";
	EOF
	export APT_CONFIG=$dir/apt.conf
	say "downloading MySQL and documentdb from Debian unstable, about 170 MB"
	apt-get -qq update >&2 || return 1
	local documentdb
	documentdb=$(apt-cache pkgnames postgresql- | grep -E '^postgresql-[0-9]+-documentdb$' | sort -V | tail -1)
	[ -n "$documentdb" ] || { say "Debian unstable has no documentdb"; return 1; }
	apt-get -qq install -y --download-only mysql-server-core "$documentdb" >"$dir/log" 2>&1 || { cat "$dir/log" >&2; return 1; }
}

# debian_mirror is where the system itself gets Debian from.
debian_mirror() {
	apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' |
		awk '$1 == "Debian" { print $2; found = 1; exit } $NF !~ /security/ && !first { first = $NF } END { if (!found) print first }'
}

# finish_root DIR makes the programs run where they lie, beside a system with older libraries: in place of each is
# a script that starts it by the root's own dynamic linker. What finds its files by its own path still does.
finish_root() {
	local program
	for program in "${root_programs[@]}"; do
		for program in "$1"/$program; do
			mv "$program" "$program.elf"
			cat >"$program" <<-'EOF'
				#!/bin/sh
				root=${0%/usr/*} libraries=
				for dir in "$root"/usr/lib/*-linux-gnu* "$root"/usr/lib/*-linux-gnu*/blas "$root"/usr/lib/*-linux-gnu*/lapack "$root"/usr/lib/postgresql/*/lib; do
					libraries=$libraries:$dir
				done
				exec "$root"/usr/lib/*-linux-gnu*/ld-linux*.so.* --library-path "${libraries#:}" --argv0 "$0" "$0.elf" "$@"
			EOF
			chmod 755 "$program"
		done
	done
	# What the maintainer script of postgis does.
	local extensions
	for extensions in "$1"/usr/share/postgresql/*/extension; do
		[ ! -e "$extensions/postgis-3.control" ] || ln -sf postgis-3.control "$extensions/postgis.control"
	done
}
