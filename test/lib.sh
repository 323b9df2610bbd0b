# shellcheck shell=bash
# What demo/run and test/run share: packages, a private installation, a
# throw-away cluster and the emulator.  To be sourced after
#
#   set -u -o pipefail
#   program=...     what messages begin with
#   checkout=...    the checkout's folder
#
# Nothing outside of $work is written, except that missing packages are
# installed.  The installed PostgreSQL is copied there and the extension goes
# into the copy, so no cluster of this machine ever meets a build under test.

: "${program:?}" "${checkout:?}"
optional_packages=()

say() {
	printf '%s: %s\n' "$program" "$*"
}

die() {
	printf '%s: %s\n' "$program" "$*" >&2
	exit 1
}

# ---------------------------------------------------------------------------
# Packages
# ---------------------------------------------------------------------------

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		# What is a prompt for a person is a hang for a machine.
		if [ -t 0 ]; then sudo "$@"; else sudo -n "$@"; fi
	else
		die "this needs root: $*"
	fi
}

package_is_installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# The packages among those given that are not installed.
missing_packages() {
	local package
	for package in "$@"; do
		package_is_installed "$package" || echo "$package"
	done
}

apt_get() {
	local log
	log=$(mktemp) || die 'cannot create a temporary file'
	if ! as_root env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 \
		apt-get -q -y -o DPkg::Lock::Timeout=300 "$@" </dev/null >"$log" 2>&1; then
		cat "$log" >&2
		rm -f "$log"
		die "apt-get $1 failed"
	fi
	rm -f "$log"
}

# The newest server here that extensions can be built for; its pg_config.
find_pg_config() {
	local candidate
	if [ -n "${PG_CONFIG:-}" ]; then
		echo "$PG_CONFIG"
		return
	fi
	# A pg_config in PATH may be that of the client library alone.
	{
		printf '%s\n' /usr/lib/postgresql/*/bin/pg_config | sort -t / -k 5,5nr
		command -v pg_config
	} | while read -r candidate; do
		[ -x "$candidate" ] || continue
		[ -x "$("$candidate" --bindir)/initdb" ] || continue
		[ -e "$("$candidate" --pgxs)" ] || continue
		# PGXS may come with the server, its headers only with the development files.
		[ -e "$("$candidate" --includedir-server)/postgres.h" ] || continue
		echo "$candidate"
		break
	done
}

# The version of PostgreSQL that the distribution prefers.
packaged_version() {
	apt-cache depends postgresql 2>/dev/null | sed -n 's/.*Depends: postgresql-\([0-9][0-9]*\)$/\1/p' | head -n 1
}

# Those among some packages that the distribution has.
known_packages() {
	local package
	for package in "$@"; do
		! apt-cache show "$package" >/dev/null 2>&1 || echo "$package"
	done
}

# Install what is missing of the packages named, and of those in the array
# optional_packages as far as the distribution has them.
install_packages() {
	local missing optional started=$SECONDS
	mapfile -t missing < <(missing_packages "$@")
	mapfile -t optional < <(missing_packages "${optional_packages[@]}")
	[ "${#missing[@]}" != 0 ] || [ "${#optional[@]}" != 0 ] || return 0
	apt_get update
	mapfile -t -O "${#missing[@]}" missing < <(known_packages "${optional[@]}")
	[ "${#missing[@]}" != 0 ] || return 0
	say "installing ${missing[*]}"
	apt_get install --no-install-recommends "${missing[@]}"
	say "installed in $((SECONDS - started)) s"
}

# The same, and a server if there is none that extensions can be built for.
# Sets PG_CONFIG.
require_packages() {
	local version
	if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
		say 'no Debian packages here; hoping that everything needed is installed'
		PG_CONFIG=$(find_pg_config)
		[ -n "$PG_CONFIG" ] || die 'no PostgreSQL server with development files was found; set PG_CONFIG'
		return
	fi

	install_packages "$@"
	PG_CONFIG=$(find_pg_config)
	if [ -z "$PG_CONFIG" ]; then
		apt_get update
		version=$(packaged_version)
		[ -n "$version" ] || die 'this distribution has no package postgresql'
		install_packages "postgresql-$version" "postgresql-server-dev-$version"
		PG_CONFIG=$(find_pg_config)
		[ -n "$PG_CONFIG" ] || die 'PostgreSQL was installed but is not where it was expected; set PG_CONFIG'
	fi
	"$PG_CONFIG" --version >/dev/null || die "$PG_CONFIG does not work"
}

# ---------------------------------------------------------------------------
# The working folder
# ---------------------------------------------------------------------------

# Servers refuse to run as root.
find_server_user() {
	if [ "$(id -u)" != 0 ]; then
		id -un
	elif id postgres >/dev/null 2>&1; then
		echo postgres
	else
		echo nobody
	fi
}

# Run a command as the server's user, in a folder that user can enter.
as_server_user() {
	if [ "$(id -u)" != 0 ]; then
		(cd "$work" && "$@")
	else
		(cd "$work" && setpriv --reuid "$server_user" --regid "$(id -g "$server_user")" --init-groups \
			env HOME="$work" "$@")
	fi
}

# Take a folder as $work: readable by all, writable by us, with server/ for
# what the server's user writes.  Call it after require_packages: a package
# makes that user.
prepare_work() {
	work=$1
	server_user=$(find_server_user)
	chmod 755 "$work" && mkdir "$work/server" || return 1
	[ "$(id -u)" != 0 ] || chown "$server_user" "$work/server" || return 1
	# Who may enter here is superuser of the cluster.
	chmod 700 "$work/server"
}

# A copy of the checkout without what builds left in it: objects may be of
# another compiler or server, and a checkout in a home folder is closed to the
# server's user.
copy_checkout() {
	mkdir "$1" || return 1
	# Status 1: a folder got a file meanwhile, such as those that are left out.
	{ tar -C "$checkout" -cf - --exclude=./.git --exclude=./dist --exclude=./results --exclude=./tmp_check \
		--exclude='./test/*/build' --exclude=__pycache__ --exclude='*.o' --exclude='*.so' \
		--exclude='*.bc' --exclude='*.gcda' --exclude='*.gcno' . || [ $? = 1 ]; } |
		tar -C "$1" -xf - --no-same-owner
}

# Copy the installed PostgreSQL to $work/installation.  It finds its files by
# where its programs are, so that the copy installs, loads and regresses in
# itself.  Headers and libraries to link with stay where they are.  Sets
# PG_CONFIG to the copy's.  Within test/run, too, it copies what is installed:
# other suites may be writing into the copy that they share.
copy_postgresql() {
	local original=${ADSEXPORT_ORIGINAL_PG_CONFIG:-$PG_CONFIG} root=$work/installation what folder
	for what in bindir pkglibdir sharedir; do
		folder=$("$original" --$what)
		[ -e "$root$folder" ] && continue
		mkdir -p "$root$(dirname "$folder")" && cp -RL "$folder" "$root$folder" || return 1
	done

	# Not every pg_config tells of where it is.
	PG_CONFIG=$root$("$original" --bindir)/pg_config
	export PG_CONFIG ADSEXPORT_ORIGINAL_PG_CONFIG=$original
	rm -f "$PG_CONFIG"
	cat >"$PG_CONFIG" <<-END
		#!/bin/sh
		[ \$# -gt 0 ] || exec '$original'
		for what; do
			case \$what in
				--bindir | --pkglibdir | --sharedir | --pgxs) printf %s '$root' ;;
			esac
			'$original' "\$what" || exit
		done
	END
	chmod 755 "$PG_CONFIG"
}

# The PostgreSQL to build for: "15.4".
postgresql_version() {
	"$PG_CONFIG" --version | awk '{ print $2 }'
}

# Build the extension in a folder and install it into the copy.  Bitcode is of
# no use to a foreign data wrapper, which has nothing to inline.
build_extension() {
	make -C "$1" -k -j "$(nproc)" with_llvm=no PG_CONFIG="$PG_CONFIG" "${@:2}" &&
		make -C "$1" with_llvm=no PG_CONFIG="$PG_CONFIG" install
}

# ---------------------------------------------------------------------------
# Cluster and emulator
# ---------------------------------------------------------------------------

# Start a cluster in $work/server that listens on a socket there only.  Exports
# PGHOST, PGPORT, PGUSER and PGDATABASE for clients.
start_cluster() {
	local bindir
	bindir=$("$PG_CONFIG" --bindir)
	cluster=$work/server/data
	as_server_user "$bindir/initdb" -D "$cluster" -U postgres -A trust -E UTF8 --locale=C --no-sync &&
		as_server_user "$bindir/pg_ctl" -D "$cluster" -w -t 120 -l "$work/server/log" \
			-o "-c listen_addresses= -c unix_socket_directories='$work/server' -c fsync=off" start ||
		return 1
	export PGHOST=$work/server PGPORT=5432 PGUSER=postgres PGDATABASE=postgres
}

stop_cluster() {
	[ -n "${cluster:-}" ] && [ -e "$cluster/postmaster.pid" ] || return 0
	as_server_user "$("$PG_CONFIG" --bindir)/pg_ctl" -D "$cluster" -w -m fast stop >/dev/null
}

# Start the emulator of a checkout, to live as long as a process; sets
# emulator_url and emulator_process.
start_emulator() {
	local source=$1 companion=$2 output=$work/emulator.url
	shift 2
	"$source/test/emulator/emulator" --exit-with-parent "$companion" "$@" \
		>"$output" 2>"$work/emulator.log" </dev/null &
	emulator_process=$!
	for _ in $(seq 300); do
		emulator_url=$(head -n 1 "$output")
		[ -n "$emulator_url" ] && return
		kill -0 "$emulator_process" 2>/dev/null || break
		sleep 0.1
	done
	cat "$work/emulator.log" >&2
	return 1
}

stop_emulator() {
	[ -n "${emulator_process:-}" ] || return 0
	kill "$emulator_process" 2>/dev/null
	wait "$emulator_process" 2>/dev/null
	emulator_process=
}
