# docgw, which speaks MongoDB's protocol and keeps everything in documentdb. It is not mongod.
variable=WRITEGATE_TEST_MONGODB
takes="Go"
stop_signal=TERM

program() { [ ! -x "$cache/docgw-$(docgw_sources)" ] || echo "$cache/docgw-$(docgw_sources)"; }
can_get() { command -v go >/dev/null; }
get() { locked docgw build; }

docgw_sources() { fingerprint_of "$here"/docgw/*.go "$here"/docgw/go.mod; }
build() {
	[ -z "$(program)" ] || return 0
	local new
	new=$(mktemp "$cache/docgw.XXXXXX")
	GOFLAGS=-buildvcs=false GOWORK=off go -C "$here/docgw" build -o "$new" . >&2 && chmod 755 "$new" && mv "$new" "$cache/docgw-$(docgw_sources)"
}

serve() { exec "${as_server[@]}" "$program" -listen "127.0.0.1:$port" -postgres "$(cat "$dir/documentdb.url")"; }
# Its last line names the address that it has bound.
ready() { grep -qs "127.0.0.1:$port" "$dir/docgw.log"; }
url() { echo "mongodb://127.0.0.1:$port/?replicaSet=rs0"; }
