# Sourced by with.sh: databases by Docker Compose, from the file at the root of the repository.

compose_works() { docker compose version >/dev/null 2>&1 && docker info >/dev/null 2>&1; }

# A name of this run's own, so that two of them never meet.
compose() { docker compose --project-name "writegate-tests-$$" --file "$here/../../docker-compose.yml" "$@"; }

# compose_up ENGINE... prints the variables to export.
compose_up() {
	# A replica set tells its clients where its members are, so its port has to be known inside as well.
	WRITEGATE_MONGODB_PORT=$(free_port)
	export WRITEGATE_MONGODB_PORT
	compose up --detach --wait "$@" >&2 || return 1
	local engine
	for engine in "$@"; do echo "export WRITEGATE_TEST_${engine^^}='$(compose_url "$engine")'"; done
}

compose_url() {
	case $1 in
	postgres) echo "postgres://postgres:postgres@$(compose port postgres 5432)/postgres?sslmode=disable" ;;
	mysql) echo "root:writegate@tcp($(compose port mysql 3306))/" ;;
	mariadb) echo "root:writegate@tcp($(compose port mariadb 3306))/" ;;
	mongodb) echo "mongodb://127.0.0.1:$WRITEGATE_MONGODB_PORT/?replicaSet=rs0" ;;
	# The certificate is one that the container makes for itself.
	sqlserver) echo "sqlserver://sa:Writegate-1@$(compose port sqlserver 1433)?encrypt=true&trustservercertificate=true" ;;
	esac
}

compose_down() { compose down --volumes --timeout 5 >&2 || true; }
