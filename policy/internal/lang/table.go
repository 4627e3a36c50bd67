package lang

var tableKeys = keysOf("Of a table", shortTableKeys, []Key{
	{Name: "table", Shape: aName, About: "its name in the database, `schema.name` where there are schemas; default: the same as for clients"},
	{Name: "key", Shape: keyKeys, About: "what PowerSync calls `id`, by default the primary key: [keys and names](policy-reference.md#keys-and-names). It is never written after the row is created"},
	{Name: "columns", Shape: mapOf(columnKeys), About: "other names of columns, the form in which clients send them, and what they have to be: [columns](policy-reference.md#columns)"},
	{Name: "tenant", Shape: aName, About: "the column that says whose organisation a row belongs to: never null, never changed"},
	{Name: "immutable", Shape: names, About: "columns that a create whose rule lists them can set, and that never change; sending the same value again is fine"},
	{Name: "server", Shape: names, About: "columns that only the server writes; sending one is refused"},
	{Name: "ignore", Shape: names, About: "columns of which what clients send is dropped"},
	{Name: "default", Shape: exprs, About: "expressions that fill columns which a create leaves out"},
	{Name: "set", Shape: listOf(setKeys), About: "values that always overwrite"},
	{Name: "vars", Shape: exprs, About: "names for expressions over the rows of this table"},
	{Name: "visible", Shape: anExpr, About: "a condition on `row`: who is told that a row is there. It words refusals and grants nothing"},
	{Name: "rules", Shape: listOf(ruleKeys), About: "the grants"},
	{Name: "forbid", Shape: listOf(forbidKeys), About: "what is refused whatever the rules say"},
	{Name: "validate", Shape: listOf(validateKeys), About: "what has to hold of a row, collected into one refusal"},
	{Name: "states", Shape: statesKeys, About: "the states of a column and the ways between them"},
	{Name: "soft_delete", Shape: softKeys, About: "a DELETE marks the row instead of removing it"},
	{Name: "conflict", Shape: conflictKeys, About: "how a change of something that has changed meanwhile is noticed, and what becomes of it"},
	{Name: "counters", Shape: mapOf(counterKeys), About: "columns that are added to"},
	{Name: "changelog", Shape: names, About: "columns whose changes go to the table of `changelog` at the top"},
}, missingKeys)

// shortTableKeys are written in the long form before anything is read.
var shortTableKeys = []Key{
	{Name: "owner", Shape: aName, About: "the column that says whose a row is: whoever makes it, for good"},
	{Name: "parent", Shape: mapOf(aName), About: "`{column: table}`: who may do what to a row follows from the row that the column points to"},
	{Name: "members", Shape: memberKeys, About: "the table that lists who shares a row"},
	{Name: "allow", Shape: mapOf(someOf("all", "none", "create", "update", "delete", "undelete")), About: "who may do what: `{owner: all, editor: [create, update], viewer: none}`. Without it the owner may do all, and nobody else anything"},
	{Name: "write", Shape: names, About: "the columns that they may write, or `all`"},
	{Name: "stamp", Shape: exprs, About: "values that the server makes; what clients send for them is dropped: `me`, `now` or an expression when the row is made, with `always` at every change, with `if column` when that becomes true"},
	{Name: "insert_only", Shape: aTruth, About: "rows are made, and never changed or deleted"},
	{Name: "check", Shape: mapOf(anyOf(aName, aList, columnKeys)), About: "what columns have to be: `1..100`, `[red, green]`, a format such as `email`, or keys as under `columns`; with ` trimmed` behind it, spaces around a text are taken away first"},
}

var memberKeys = keysOf("Of `members`", []Key{
	{Name: "table", Shape: aName, Need: true, About: "the table, with a row for each member"},
	{Name: "key", Shape: aName, Need: true, About: "its column that points to the row which is shared"},
	{Name: "user", Shape: aName, Need: true, About: "its column with the user, as in `me`"},
	{Name: "role", Shape: aName, About: "its column with the role, where members differ; without it every member is a `member`"},
	{Name: "where", Shape: exprs, About: "what else has to be so of a row that counts, such as `{disabled_at: null}`"},
})

var keyKeys = keysOf("Of `key`", []Key{
	{Name: "column", Shape: aName, About: "the column, instead of the primary key"},
	{Name: "columns", Shape: aList, About: "the columns of a key that has several"},
	{Name: "separator", Shape: aName, About: "what stands between them in an id; default a dot"},
	{Name: "name", Shape: aName, About: "what rules call such a key; default `id`"},
})

var columnKeys = keysOf("Of a column", formKeys, itemKeys.Keys, []Key{
	{Name: "range", Shape: aName, About: "least and most, as in `1..100`, `0..` and `..8`: of a number or a time, of the length of a text, of the items of a list"},
	{Name: "trim", Shape: aTruth, About: "takes white space around a text away, before anything else is looked at"},
	{Name: "max_bytes", Shape: anExpr, About: "how much it may be when it is stored, such as `16KiB`"},
	{Name: "min_items", Shape: aNumber, About: "how many items or keys a document has at least"},
	{Name: "max_items", Shape: aNumber, About: "how many items or keys a document has at most"},
	{Name: "max_depth", Shape: aNumber, About: "how deep a document may be nested"},
	{Name: "items", Shape: itemKeys, About: "what the items of a list have to be"},
	{Name: "json_schema", Shape: aName, About: "a file with a JSON Schema for documents, beside the policy"},
	{Name: "message", Shape: aName, About: "the text of the refusal"},
})

// itemKeys say what a value has to be.
var itemKeys = keysOf("Of `items`", []Key{
	{Name: "min", Shape: anExpr, About: "the least of numbers and times"},
	{Name: "max", Shape: anExpr, About: "the most of numbers and times"},
	{Name: "min_len", Shape: aNumber, About: "the least characters of a text"},
	{Name: "max_len", Shape: aNumber, About: "the most characters of a text"},
	{Name: "enum", Shape: names, About: "the values that there are"},
	{Name: "pattern", Shape: aName, About: "a regular expression for the whole of a text"},
	{Name: "format", Shape: oneOf("date", "email", "phone", "timestamp", "url", "uuid"), About: "the form of a text: `date`, `email`, `phone`, `timestamp`, `url` or `uuid`"},
})

// formKeys say what a column is called and how it is sent.
var formKeys = []Key{
	{Name: "source", Shape: aName, About: "the column's name in the database"},
	{Name: "type", Shape: aName, About: "what the column holds, where the database does not say: the page of each database lists the words it knows; Postgres and SQLite know none"},
	{Name: "encoding", Shape: oneOf("hex", "base64", "base64url", "epoch_s", "epoch_ms", "epoch_us", "json_text"), About: "the form in which clients send the values of a column of this type"},
	{Name: "timezone", Shape: aName, About: "of times that come as text without one: a name such as `Europe/Berlin` or an offset such as `+02:00`; default UTC"},
	{Name: "empty_string", Shape: anyOf(oneOf("null", "reject"), aNull), About: "what an empty text is, in a column that is no text: `null`, or `reject` (the default: as any text of the wrong form)"},
	{Name: "references", Shape: referenceKeys, About: "clients send the key of another table, the database stores its `column`: [numbered rows](keys.md#numbered-rows)"},
}

var referenceKeys = keysOf("Of `references`", []Key{
	{Name: "table", Shape: aName, Need: true, About: "the other table, as the policy calls it"},
	{Name: "column", Shape: aName, Need: true, About: "its column whose value is stored"},
})

var setKeys = keysOf("Of `set`", []Key{
	{Name: "on", Shape: someOf("create", "update", "delete"), Need: true, About: "the operations; `delete` only with `soft_delete`"},
	{Name: "when", Shape: anExpr, About: "a condition"},
	{Name: "values", Shape: exprs, Need: true, About: "columns and expressions"},
})

var softKeys = keysOf("Of `soft_delete`", []Key{
	{Name: "column", Shape: aName, Need: true, About: "the column that marks a deleted row"},
	{Name: "value", Shape: anExpr, Need: true, About: "what it is set to, such as `now`"},
	{Name: "put_on_deleted", Shape: oneOf("ignore", "reject", "dead_letter"), About: "what a PUT of a deleted row does; default `reject`"},
	{Name: "patch_on_deleted", Shape: oneOf("ignore", "reject", "dead_letter"), About: "what a PATCH of a deleted row does; default as `patch_missing`"},
})

var conflictKeys = keysOf("Of `conflict`", []Key{
	{Name: "strategy", Shape: oneOf("none", "version", "timestamp", "lww", "field_lww"), Need: true, About: "how a conflict is noticed"},
	{Name: "column", Shape: aName, About: "the column with the version, or the time of the last change"},
	{Name: "expected", Shape: aName, About: "where the base of a change comes from: `req.base_version`, `previous`, `data` or `metadata.NAME`"},
	{Name: "missing_expected", Shape: oneOf("reject", "apply"), About: "what becomes of a change without a base; default `reject`"},
	{Name: "on_conflict", Shape: oneOf("reject", "dead_letter", "merge", "server_wins", "record", "apply"), About: "what becomes of a change in conflict"},
	{Name: "merge", Shape: mapOf(aName), About: "how columns are merged, under `on_conflict: merge`; `*` stands for those not named"},
	{Name: "clock", Shape: oneOf("client", "server"), About: "whose clock dates a change; default `client`"},
	{Name: "max_future", Shape: aName, About: "how far ahead a client's clock may be, such as `2m`; what is further counts as that far ahead"},
	{Name: "tie", Shape: oneOf("client", "server", "client_id"), About: "who wins when both times are the same"},
	{Name: "writer", Shape: aName, About: "the column with the device of the last change, for `tie: client_id`"},
	{Name: "clocks", Shape: aName, About: "a JSON column with the time of each column's last change"},
	{Name: "stamp_column", Shape: aName, About: "the name of the columns with these times, such as `{field}_modified_at`"},
	{Name: "expose", Shape: names, About: "columns whose stored values are told in a conflict"},
})

var counterKeys = keysOf("Of a counter", []Key{
	{Name: "from", Shape: aName, Need: true, About: "where the difference comes from: `previous` (what was sent less the previous value), `delta` or `metadata.NAME`"},
	{Name: "min", Shape: anExpr, About: "the least it may become"},
	{Name: "max", Shape: anExpr, About: "the most it may become"},
	{Name: "on_violation", Shape: oneOf("reject", "clamp"), About: "what happens beyond that; default `reject`"},
	{Name: "code", Shape: aName, About: "the code of the refusal, with dots"},
	{Name: "message", Shape: aName, About: "the text of the refusal"},
})
