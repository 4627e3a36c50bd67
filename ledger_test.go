package writegate

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRunPacking(t *testing.T) {
	ops := []runOp{
		{opIdentity{21, Fingerprint{1}}, Applied},
		{opIdentity{22, Fingerprint{2}}, Noop},
		{opIdentity{22, Fingerprint{3}}, Rejected},
		{opIdentity{1 << 62, Fingerprint{4}}, Aborted},
		{opIdentity{7, Fingerprint{5}}, Applied},
	}
	packed := packRun(ops)
	got, err := unpackRun(packed)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(ops, got, cmp.AllowUnexported(runOp{}, opIdentity{})); diff != "" {
		t.Errorf("unpackRun(packRun(ops)) differs (-want +got):\n%s", diff)
	}
	for n := 1; n < 19; n++ {
		if _, err := unpackRun(packed[:len(packed)-n]); err == nil && n < 18 {
			t.Errorf("a row cut by %d bytes was read without an error", n)
		}
	}
}

// An operation of a hundred-op transaction costs at most 80 bytes in the ledger; the packed part is far below.
func TestRunPackingIsSmall(t *testing.T) {
	ops := make([]runOp, 100)
	for i := range ops {
		ops[i] = runOp{opIdentity{int64(1_000_000 + i), Fingerprint{byte(i)}}, Applied}
	}
	if n := len(packRun(ops)); n > 100*20 {
		t.Errorf("100 operations take %d bytes, want at most 2000", n)
	}
}

func FuzzUnpackRun(f *testing.F) {
	f.Add(packRun([]runOp{{opIdentity{1, Fingerprint{9}}, Applied}}))
	f.Add([]byte{0x80})
	f.Fuzz(func(t *testing.T, b []byte) {
		ops, err := unpackRun(b)
		if err != nil {
			return
		}
		again, err := unpackRun(packRun(ops))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(ops, again, cmp.AllowUnexported(runOp{}, opIdentity{})); diff != "" {
			t.Error(diff)
		}
	})
}

func TestFind(t *testing.T) {
	op := opIdentity{5, Fingerprint{1}}
	run := func(subject string, s Status) Run {
		return Run{Subject: subject, FirstOp: 5, LastOp: 5, Ops: packRun([]runOp{{op, s}})}
	}
	tests := []struct {
		name    string
		runs    []Run
		subject string
		want    Status
	}{
		{"nothing", nil, "ann", ""},
		{"applied for ann", []Run{run("ann", Applied)}, "ann", Applied},
		{"applied for ann, asked by bob", []Run{run("ann", Applied)}, "bob", Applied},
		{"refused to ann", []Run{run("ann", Rejected)}, "ann", Rejected},
		{"refused to ann, asked by bob", []Run{run("ann", Rejected)}, "bob", ""},
		{"refused to ann, then applied for bob, asked by ann", []Run{run("ann", Rejected), run("bob", Applied)}, "ann", Applied},
		{"noop for ann", []Run{run("ann", Noop)}, "ann", Noop},
		{"noop for ann, asked by bob", []Run{run("ann", Noop)}, "bob", ""},
		{"aborted for ann", []Run{run("ann", Aborted)}, "ann", Aborted},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := readLedger(Claimed{Runs: tt.runs}, map[int64]bool{5: true})
			if err != nil {
				t.Fatal(err)
			}
			got, ok := s.find(op, tt.subject)
			if got.status != tt.want || ok != (tt.want != "") {
				t.Errorf("find = %q, %v; want %q", got.status, ok, tt.want)
			}
			other := opIdentity{5, Fingerprint{2}}
			if _, ok := s.find(other, tt.subject); ok {
				t.Error("another fingerprint was found")
			}
			if s.reused(op) || s.reused(other) != (len(tt.runs) > 0) {
				t.Errorf("reused: %v for the same content, %v for another", s.reused(op), s.reused(other))
			}
		})
	}
}

func TestFingerprint(t *testing.T) {
	base := Op{Kind: Put, Table: "t", ID: "1", Data: Row{"a": json.Number("1"), "b": JSON(`{"y":1,"x":[2]}`)}}
	same := []Op{
		{Kind: Put, Table: "t", ID: "1", Data: Row{"b": JSON(`{ "x" : [2], "y" : 1 }`), "a": json.Number("1")}},
		{Kind: Put, Table: "t", ID: "1", Data: base.Data, OpID: 9, Metadata: "m", Previous: Row{"a": nil}},
	}
	for i := range same {
		if same[i].Fingerprint() != base.Fingerprint() {
			t.Errorf("operation %d has another fingerprint", i)
		}
	}
	other := map[string]Op{
		"kind":          {Kind: Patch, Table: "t", ID: "1", Data: base.Data},
		"table":         {Kind: Put, Table: "T", ID: "1", Data: base.Data},
		"id":            {Kind: Put, Table: "t", ID: "11", Data: base.Data},
		"border":        {Kind: Put, Table: "t1", ID: "", Data: base.Data},
		"digits":        {Kind: Put, Table: "t", ID: "1", Data: Row{"a": json.Number("1.0"), "b": base.Data["b"]}},
		"text":          {Kind: Put, Table: "t", ID: "1", Data: Row{"a": "1", "b": base.Data["b"]}},
		"null":          {Kind: Put, Table: "t", ID: "1", Data: Row{"a": nil, "b": base.Data["b"]}},
		"absent":        {Kind: Put, Table: "t", ID: "1", Data: Row{"b": base.Data["b"]}},
		"text for JSON": {Kind: Put, Table: "t", ID: "1", Data: Row{"a": json.Number("1"), "b": `{"y":1,"x":[2]}`}},
		"big integer":   {Kind: Put, Table: "t", ID: "1", Data: Row{"a": json.Number("9007199254740993"), "b": base.Data["b"]}},
		"big integer 2": {Kind: Put, Table: "t", ID: "1", Data: Row{"a": json.Number("9007199254740992"), "b": base.Data["b"]}},
	}
	seen := map[Fingerprint]string{base.Fingerprint(): "base"}
	for name, op := range other {
		fp := op.Fingerprint()
		if twin, ok := seen[fp]; ok {
			t.Errorf("%s has the fingerprint of %s", name, twin)
		}
		seen[fp] = name
	}
}

func TestCanonicalJSON(t *testing.T) {
	tests := []struct{ in, want string }{
		{`{"b":1,"a":{"d":[1, 2.50],"c":null}}`, `{"a":{"c":null,"d":[1,2.50]},"b":1}`},
		{`[12345678901234567890.10, 1e400]`, `[12345678901234567890.10,1e400]`},
		{`"<&>"`, `"<&>"`},
	}
	for _, tt := range tests {
		got, err := CanonicalJSON([]byte(tt.in))
		if err != nil || string(got) != tt.want {
			t.Errorf("CanonicalJSON(%s) = %s, %v; want %s", tt.in, got, err, tt.want)
		}
	}
	for _, bad := range []string{"", "{", "1 2", "nul", "12-abc", "1]"} {
		if got, err := CanonicalJSON([]byte(bad)); err == nil {
			t.Errorf("CanonicalJSON(%q) = %s, want an error", bad, got)
		}
	}
}
