package lang

// messageKeys are those of everything that refuses with words of the author's.
var messageKeys = []Key{
	{Name: "code", Shape: aName, About: "the code of the refusal, with dots"},
	{Name: "message", Shape: aName, About: "the text of the refusal"},
	{Name: "message_expr", Shape: anExpr, About: "an expression that makes the text, of at most 200 characters; where it fails, `message` counts"},
}

var ruleKeys = keysOf("Of a rule", []Key{
	{Name: "name", Shape: aName, Need: true, About: "a name of its own within the table"},
	{Name: "to", Shape: names, About: "roles, any of which is enough; without it, every authenticated caller"},
	{Name: "ops", Shape: someOf("create", "update", "delete", "undelete"), Need: true, About: "`create`, `update`, `delete`, and `undelete` with `soft_delete`"},
	{Name: "row", Shape: anExpr, About: "a condition on `row`, which has to hold for the stored row (update, delete) and for the resulting row (create, update)"},
	{Name: "using", Shape: anExpr, About: "instead of `row`: a condition on the stored row, `old`"},
	{Name: "check", Shape: anExpr, About: "instead of `row`: a condition on the resulting row, `new`; in an update it may look at `old` too"},
	{Name: "columns", Shape: names, About: "the columns that the client may set or change; `all` means all but the key, `server`, `ignore` and computed ones"},
	{Name: "acknowledge", Shape: oneOf("open"), About: "required of a rule that allows everything to everybody"},
}, messageKeys)

var forbidKeys = keysOf("Of `forbid`", guardKeys, []Key{
	{Name: "when", Shape: anExpr, Need: true, About: "the condition under which it is refused; one that fails refuses, too"},
	{Name: "except", Shape: names, About: "roles that it does not concern"},
}, messageKeys)

var validateKeys = keysOf("Of `validate`", guardKeys, []Key{
	{Name: "that", Shape: anExpr, Need: true, About: "the condition that has to hold"},
	{Name: "when", Shape: anExpr, About: "asks it only if this holds"},
}, messageKeys)

var guardKeys = []Key{
	{Name: "name", Shape: aName, Need: true, About: "a name of its own within the list"},
	{Name: "on", Shape: someOf("create", "update", "delete"), Need: true, About: "the operations"},
	{Name: "field", Shape: aName, About: "the column that the refusal names"},
}

var statesKeys = keysOf("Of `states`", []Key{
	{Name: "column", Shape: aName, Need: true, About: "the column with the state"},
	{Name: "initial", Shape: names, Need: true, About: "the states that a row can be created in"},
	{Name: "final", Shape: names, About: "the states that are meant to have no way out"},
	{Name: "transitions", Shape: listOf(transitionKeys), Need: true, About: "the ways from one state to another"},
}, messageKeys)

var transitionKeys = keysOf("Of a transition", []Key{
	{Name: "from", Shape: names, Need: true, About: "the states before"},
	{Name: "to", Shape: names, Need: true, About: "the states after"},
	{Name: "if", Shape: anExpr, About: "a condition on `old` and `new`"},
})
