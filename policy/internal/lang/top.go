package lang

// Policy is what a policy file may have.
var Policy = keysOf("At the top", []Key{
	{Name: "policy", Shape: oneOf("1"), Need: true, About: "the version of the language"},
	{Name: "name", Shape: aName, About: "a name for logs"},
	{Name: "me", Shape: anyOf(aName, meKeys), About: "who the caller is: the claim of the token that says so, such as `sub`. The [short forms](policy-reference.md#short-forms) compare with it; conditions call it `claims.me`"},
	{Name: "claims", Shape: mapOf(claimKeys), About: "the claims that conditions can read: [claims and roles](policy-reference.md#claims-and-roles)"},
	{Name: "deny_claim_paths", Shape: names, About: "paths of the token that `claims` can't use, since users can write them; default `[user_metadata, raw_user_meta_data, unsafe_metadata, public_metadata]`"},
	{Name: "roles", Shape: exprs, About: "names for conditions over claims, used by `to:`, `except:` and `allow:`"},
	{Name: "engine", Shape: engineKeys, About: "what holds for all tables and uploads"},
	{Name: "lookups", Shape: mapOf(lookupKeys), About: "rows of other tables that conditions ask for"},
	{Name: "defs", Shape: mapOf(defKeys), About: "expressions with arguments, called like functions"},
	{Name: "vars", Shape: exprs, About: "expressions without arguments, called by their names"},
	{Name: "tables", Shape: mapOf(tableKeys), Need: true, About: "the tables, by the names that clients use"},
	{Name: "conflicts", Shape: feedKeys, About: "the table that recorded conflicts go to, for `on_conflict: record`"},
	{Name: "changelog", Shape: feedKeys, About: "the table that changes of columns go to, for `changelog` of a table"},
	{Name: "route", Shape: listOf(routeKeys), About: "what becomes of refused operations, by their codes; the first that fits counts"},
	{Name: "dead_letter", Shape: letterKeys, About: "how dead letters are kept"},
	{Name: "notify", Shape: notifyKeys, About: "the table that refusals are told in, for `notify: true`"},
	{Name: "unknown", Shape: oneOf("dead_letter", "ignore", "block"), About: "what becomes of operations on tables and columns that the policy does not list: `dead_letter` keeps them, `ignore` drops them, `block` holds the device; default: as `route` says"},
	{Name: "held", Shape: heldKeys, About: "how long an upload may wait for somebody to mend what keeps it from being written"},
	{Name: "maintenance", Shape: closureKeys, About: "what is closed for now: devices keep these writes, and all behind them, and send them again later"},
})

var heldKeys = keysOf("Of `held`", []Key{
	{Name: "after", Shape: aName, Need: true, About: "after this long, such as `24h`, it is refused (`held.too_long`) and kept as a dead letter, so that the device goes on; default: never"},
})

var closureKeys = keysOf("Of `maintenance`", []Key{
	{Name: "all", Shape: aTruth, About: "`true` closes everything"},
	{Name: "tables", Shape: names, About: "the tables that are closed"},
	{Name: "databases", Shape: names, About: "the databases whose tables are closed, by the names in the configuration; `main` has the tables without a route"},
	{Name: "retry_after", Shape: aName, About: "how long devices are asked to wait, up to `1h`; default `60s`"},
})

var meKeys = keysOf("Of `me`", []Key{
	{Name: "claim", Shape: aName, Need: true, About: "the claim of the token, such as `sub`"},
	{Name: "type", Shape: claimTypes, About: "`text` (the default) or `uuid`"},
})

var claimTypes = oneOf("text", "string", "uuid", "bool", "int", "float", "text[]")

var claimKeys = keysOf("Of a claim", []Key{
	{Name: "path", Shape: names, About: "the way into the token, with dots; as a list it may have steps with dots in them. Default: the claim's name"},
	{Name: "type", Shape: claimTypes, About: "`text` (the default), `uuid`, `bool`, `int`, `float` or `text[]`"},
	{Name: "required", Shape: aTruth, About: "a token without the claim is answered 403 before any operation"},
	{Name: "default", Shape: aThing, About: "what the claim is when the token lacks it. A claim has either this or `required: true`"},
})

// missingKeys are those that the engine has for all tables and each table for itself.
var missingKeys = []Key{
	{Name: "patch_missing", Shape: oneOf("ignore", "reject", "dead_letter"), About: "what a PATCH of a row that is not there does: `ignore` (the default: deletions win), `reject`, or `dead_letter`, which keeps it whatever `route:` says"},
	{Name: "put_existing", Shape: oneOf("merge", "replace", "reject", "ignore"), About: "what a PUT of a row that is there does: `merge` (the default) keeps columns it leaves out; `replace` sets them to null where they are nullable and the rule lets the client write them; `reject` refuses a PUT that would change something; `ignore` does nothing, whatever it holds"},
}

var engineKeys = keysOf("Of `engine`", missingKeys, []Key{
	{Name: "batch", Shape: oneOf("atomic", "per_op"), About: "what a refused operation means for its transaction: `atomic` (the default) refuses it whole, `per_op` lets the others go on"},
	{Name: "dependents", Shape: oneOf("skip", "try"), About: "under `per_op`, what becomes of later operations on the row of a refused one: `skip` (the default) refuses them with it, `try` judges them"},
	{Name: "expose", Shape: oneOf("code", "message", "full"), About: "what clients are told of a refusal: its `code`, its `message` as well (the default), or all that there is"},
	{Name: "ledger", Shape: ledgerKeys, About: "how long operations are recognized"},
	{Name: "limits", Shape: limitKeys, About: "bounds of what an upload may cost"},
})

var ledgerKeys = keysOf("Of `ledger`", []Key{
	{Name: "keep", Shape: aName, About: "this long, at least `1d`; default `90d`. It has to be longer than your app is ever offline"},
})

var limitKeys = keysOf("Of `limits`", []Key{
	{Name: "ops", Shape: aNumber, About: "operations of one transaction"},
	{Name: "op_bytes", Shape: anExpr, About: "what one operation carries, such as `256KiB`"},
	{Name: "lookups", Shape: aNumber, About: "lookups that the policy declares"},
	{Name: "lookup_depth", Shape: aNumber, About: "lookups whose arguments come from others; default 2"},
	{Name: "rule_cost", Shape: aNumber, About: "units of one evaluation of a condition"},
})

var argKeys = anyOf(names, mapOf(oneOf("any", "binary", "bool", "date", "float", "int", "string", "text", "text[]", "timestamp", "uuid")))

var lookupKeys = keysOf("Of a lookup", []Key{
	{Name: "table", Shape: aName, Need: true, About: "one of `tables:`, or else a table of the database"},
	{Name: "args", Shape: argKeys, About: "what it is called with: names, or names with their types"},
	{Name: "where", Shape: exprs, Need: true, About: "columns and the value each has to have: `$name` is an argument, `$claims.name` a claim, anything else a value; null finds null"},
	{Name: "select", Shape: names, About: "the columns that conditions read of what is found"},
	{Name: "count", Shape: countKeys, About: "counts rows instead of finding one"},
	{Name: "list", Shape: countKeys, About: "finds several rows instead of one"},
	{Name: "lock", Shape: oneOf("none", "share", "update"), About: "the lock on what is found: `none`, `share` (the default) or `update`"},
	{Name: "lazy", Shape: aTruth, About: "asks only when the rest of the condition leaves it open"},
})

var countKeys = keysOf("Of `count` and `list`", []Key{
	{Name: "limit", Shape: aNumber, Need: true, About: "how many at most, up to 1000"},
})

var defKeys = keysOf("Of a definition", []Key{
	{Name: "args", Shape: argKeys, About: "its arguments and their types"},
	{Name: "returns", Shape: aName, About: "the type of its value, to have it checked"},
	{Name: "expr", Shape: anExpr, Need: true, About: "the expression"},
})

var feedKeys = keysOf("Of `conflicts` and `changelog`", []Key{
	{Name: "table", Shape: aName, Need: true, About: "the table, which sync brings back to the user"},
	{Name: "user_column", Shape: aName, About: "the column for the user; default `user_id`"},
	{Name: "columns", Shape: exprs, About: "its other columns, where they are called otherwise than usual; null for one that it lacks"},
})

var routeKeys = keysOf("Of a route", []Key{
	{Name: "codes", Shape: names, Need: true, About: "codes of refusals; `*` at the end stands for any ending"},
	{Name: "to", Shape: oneOf("dead_letter", "report", "drop", "block"), About: "where they go: `dead_letter` (the default) keeps them, `report` only logs them, `drop` forgets them, `block` holds the device until somebody mends the cause"},
	{Name: "notify", Shape: aTruth, About: "tells the user, in the table of `notify:`"},
	{Name: "acknowledge", Shape: aTruth, About: "required beside `to: drop`"},
})

var letterKeys = keysOf("Of `dead_letter`", []Key{
	{Name: "max_per_user", Shape: aNumber, About: "how many open ones a user may have: what would make it more holds the device until some are closed; default: any number"},
	{Name: "redact", Shape: names, About: "columns whose values are left out of them, as `column` or `table.column`"},
	{Name: "keep", Shape: aName, About: "how long those that were retried or discarded are kept, at least `1d`; default `90d`. Open ones stay"},
})

var notifyKeys = keysOf("Of `notify`", []Key{
	{Name: "table", Shape: aName, Need: true, About: "the table, which sync brings back to the user"},
	{Name: "user_column", Shape: aName, About: "the column for the user; default `user_id`"},
	{Name: "columns", Shape: exprs, About: "its other columns, where they are called otherwise than usual; null for one that it lacks"},
})
