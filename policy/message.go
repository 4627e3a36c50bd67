package policy

import (
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"writegate"
	"writegate/policy/internal/expr"
	"writegate/policy/internal/tree"
)

// maxMessage is how many characters the author of a policy has for a message.
const maxMessage = 200

// messageSpec is what the author wants a refusal to say.
type messageSpec struct {
	code, text, field word
	expr              *tree.Node
}

// message is what a refusal says. Without a code of the author's it has one of ours.
type message struct {
	// part names the part of the policy that refuses, for the log.
	part   string
	code   string
	text   string
	say    *expr.Program // makes a better text than text, nil for none
	column string        // to blame, empty for none
}

// messageKeys are the keys of all that can refuse in the author's words.
func (r *reader) messageKeys(path string, m *messageSpec) map[string]func(*tree.Node) {
	return map[string]func(*tree.Node){
		"code":         func(n *tree.Node) { m.code = r.code(n, path) },
		"message":      func(n *tree.Node) { m.text = r.line(n, path) },
		"message_expr": r.expr(path+".message_expr", &m.expr),
	}
}

// withMessage adds the keys of a message to others.
func (r *reader) withMessage(path string, m *messageSpec, keys map[string]func(*tree.Node)) map[string]func(*tree.Node) {
	maps.Copy(keys, r.messageKeys(path, m))
	return keys
}

var codeForm = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$`)

// ours are the codes, or their first words, that mean the same under every policy.
var ours = []string{
	"claim", "column", "conflict", "counter", "held", "identity", "late", "maintenance", "not_writable", "op", "policy", "reference", "refusal", "row", "state", "table",
	"transaction", "upload",
}

// code reads a code of the author's own.
func (r *reader) code(n *tree.Node, path string) word {
	w := r.word(n, path)
	head, _, _ := strings.Cut(w.text, ".")
	switch {
	case w.text == "":
	case !codeForm.MatchString(w.text) || len(w.text) > 64:
		r.fault(w.pos, path, "", "a code has at most 64 small letters, digits, _ and dots, such as order.closed")
	case slices.Contains(ours, head):
		r.fault(w.pos, path, "", "codes that begin with %s have a meaning of their own; begin with another word", head)
	}
	return w
}

// line reads a message.
func (r *reader) line(n *tree.Node, path string) word {
	w := r.word(n, path)
	switch {
	case strings.ContainsFunc(w.text, func(c rune) bool { return unicode.IsControl(c) || c == '\u2028' || c == '\u2029' }):
		r.fault(w.pos, path, "", "a message is one line, without control characters")
	case utf8.RuneCountInString(w.text) > maxMessage:
		r.fault(w.pos, path, "", "a message has at most %d characters", maxMessage)
	}
	return w
}

// message binds what a refusal says. The part of the policy is named as in "forbid closed".
func (b *tableBinder) message(spec *messageSpec, part, path string, scope expr.Scope) message {
	m := message{part: part, code: spec.code.text, text: spec.text.text, column: spec.field.text}
	if m.column != "" {
		b.column(spec.field, path+".field")
	}
	if spec.expr != nil {
		p, issues := b.expr.Text(spec.expr.Text, scope)
		b.report(spec.expr, path+".message_expr", issues)
		m.say = p
	}
	return m
}

// explain binds what a rule says when it holds for the stored row and not for the resulting one.
func (b *tableBinder) explain(spec *ruleSpec, r *rule) {
	if spec.message.code.text == "" && spec.message.text.text == "" && spec.message.expr == nil {
		return
	}
	verb := writegate.Update
	if spec.ops.has(writegate.Insert) {
		verb = writegate.Insert
	}
	m := b.message(&spec.message, "rule "+spec.name.text, spec.path, newScope(verb))
	r.message = &m
}

// words are the text of the message. An expression that fails, or that has to wait for something, gives way to the fixed
// text.
func (m *message) words(j *judge, usual string) string {
	if m.say != nil {
		if text, known, err := m.say.Text(j.vars); err == nil && known && strings.TrimSpace(text) != "" {
			return text
		}
	}
	if m.text != "" {
		return m.text
	}
	return usual
}

// refuse makes a refusal in the author's words, or in ours where there are none.
func (j *judge) refuse(t *table, m *message, code writegate.Code, reason, usual string, cause error) *writegate.Error {
	if m.code != "" {
		reason = m.code
	}
	e := t.refuse(code, reason, m.column, m.words(j, usual))
	e.Cause = &blame{m.part, cause}
	return e
}

// blame names the part of the policy that refused, and the error of its condition if that is why.
type blame struct {
	part  string
	cause error
}

func (b *blame) Error() string {
	if b.cause != nil {
		return b.part + ": " + b.cause.Error()
	}
	return b.part
}

func (b *blame) Unwrap() error { return b.cause }

// exposure is how much a client is told of why it was refused.
type exposure uint8

const (
	exposeMessage exposure = iota
	exposeCode             // the code alone, with the same words for all
	exposeFull             // the part of the policy as well, for development
)

var exposures = map[string]exposure{"code": exposeCode, "message": exposeMessage, "full": exposeFull}

// told is a refusal with as much as clients are to be told. The rest is for the log.
func (x exposure) told(e *writegate.Error) *writegate.Error {
	if e == nil || x == exposeMessage {
		return e
	}
	out := *e
	if x == exposeCode {
		out.Message = "The operation was refused."
		out.Cause = errors.Join(errors.New(e.Message), e.Cause)
		return &out
	}
	if b, ok := errors.AsType[*blame](e.Cause); ok {
		out.Message += " [" + b.Error() + "]"
	}
	return &out
}
