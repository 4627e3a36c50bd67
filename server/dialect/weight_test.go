package dialect

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// TestWeighIsNotTooLittle compares the estimate with what decoding leaves alive.
func TestWeighIsNotTooLittle(t *testing.T) {
	many := make([]string, 50)
	for i := range many {
		many[i] = fmt.Sprintf(`"c%d":%d`, i, i)
	}
	for name, tt := range map[string]struct{ list, element string }{
		"smallest":      {`{"batch":[%s]}`, `{"op":"PUT","type":"t","id":"1"}`},
		"one column":    {`{"batch":[%s]}`, `{"op":"PUT","type":"t","id":"1","data":{"a":1}}`},
		"two rows":      {`{"batch":[%s]}`, `{"op":"PATCH","type":"t","id":"1","data":{"a":1},"previous_values":{"a":2}}`},
		"many columns":  {`{"batch":[%s]}`, `{"op":"PUT","type":"t","id":"1","data":{` + strings.Join(many, ",") + `}}`},
		"transactions":  {`{"transactions":[%s]}`, `{"crud":[{"op":"PUT","type":"t","id":"1"}]}`},
		"faulty":        {`{"batch":[%s]}`, `{"id":"1"}`},
		"a long string": {`{"batch":[%s]}`, `{"op":"PUT","type":"t","id":"1","data":{"a":"` + strings.Repeat("x", 5000) + `"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			n := 2_000_000 / len(tt.element)
			body := fmt.Appendf(nil, tt.list, strings.Repeat(tt.element+",", n-1)+tt.element)
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			req, err := Decode("POST", "", body, Limits{})
			if err != nil {
				t.Fatal(err)
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			live := int64(after.HeapAlloc) - int64(before.HeapAlloc)
			if weight := Weigh(body); weight < live {
				t.Errorf("%d bytes weigh %d and hold %d", len(body), weight, live)
			}
			runtime.KeepAlive(req)
		})
	}
}
