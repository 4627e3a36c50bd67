package devsync

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// ask requests a write checkpoint in the older way.
func ask(t *testing.T, s *Server) int64 {
	t.Helper()
	w := call(t, s, http.MethodGet, "/write-checkpoint2.json?client_id=d1", "Token forever", "")
	var body struct {
		Data struct {
			WriteCheckpoint string `json:"write_checkpoint"`
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatal(err)
	}
	return number(t, body.Data.WriteCheckpoint)
}

func number(t *testing.T, text string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// applied returns the last write checkpoint that lines report, 0 if none.
func applied(t *testing.T, lines []line) int64 {
	t.Helper()
	var n int64
	for _, l := range lines {
		if w := l.Checkpoint.WriteCheckpoint; w != "" {
			n = number(t, w)
		}
	}
	return n
}

// TestWriteCheckpointNeedsALaterSnapshot holds a snapshot that has read already, while a write checkpoint is
// asked for: it must not count as applied before the next one.
func TestWriteCheckpointNeedsALaterSnapshot(t *testing.T) {
	src := &table{rows: map[string]string{}}
	inBubble(t, src, func(t *testing.T, s *Server) {
		c := connect(t, s, "forever", `{}`)
		c.lines(t)
		time.Sleep(2 * breath)

		hold := make(chan struct{})
		src.set("a", "1")
		src.block(hold)
		s.Nudge()
		c.lines(t) // the snapshot has read and waits
		src.set("b", "2")
		wanted := ask(t, s)
		src.block(nil)
		close(hold)
		early := c.lines(t)
		if diff := cmp.Diff([]string{"1 PUT lists/a 1"}, ops(early)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if got := applied(t, early); got == 0 || got >= wanted {
			t.Errorf("the snapshot before the request reports %d, asked for %d", got, wanted)
		}
		time.Sleep(time.Second)
		late := c.lines(t)
		if diff := cmp.Diff([]string{"2 PUT lists/b 2"}, ops(late)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if got := applied(t, late); got < wanted {
			t.Errorf("the snapshot after the request reports %d, asked for %d", got, wanted)
		}
	})
}

func TestWriteCheckpointIsReportedWithoutAChange(t *testing.T) {
	inBubble(t, &table{}, func(t *testing.T, s *Server) {
		c := connect(t, s, "forever", `{}`)
		c.lines(t)
		wanted := ask(t, s)
		if next := ask(t, s); next <= wanted {
			t.Errorf("%d after %d", next, wanted)
		}
		time.Sleep(2 * breath)
		if got := applied(t, c.lines(t)); got < wanted {
			t.Errorf("reported %d, asked for %d", got, wanted)
		}
	})
}

// TestWriteCheckpointOfAnEarlierProcess is one that a client waits for across a restart.
func TestWriteCheckpointOfAnEarlierProcess(t *testing.T) {
	var wanted int64
	inBubble(t, &table{}, func(t *testing.T, s *Server) { wanted = ask(t, s) })
	inBubble(t, &table{}, func(t *testing.T, s *Server) {
		time.Sleep(time.Second)
		if got := applied(t, connect(t, s, "forever", `{}`).lines(t)); got < wanted {
			t.Errorf("reported %d, asked for %d", got, wanted)
		}
	})
}

func TestCheckpointRequest(t *testing.T) {
	far := strconv.FormatInt(time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro(), 10)
	for _, tc := range []struct {
		name, body string
		status     int
		atLeast    string
	}{
		{"smaller than ours", `{"client_id":"d","checkpoint_request_id":"1"}`, 200, "946684800000000"},
		{"a number", `{"checkpoint_request_id":1}`, 200, "946684800000000"},
		{"greater than ours", `{"checkpoint_request_id":"` + far + `"}`, 200, far},
		{"the greatest", `{"checkpoint_request_id":4611686018427387904}`, 200, "4611686018427387904"},
		{"too great", `{"checkpoint_request_id":"4611686018427387905"}`, 400, ""},
		{"not a number", `{"checkpoint_request_id":"x"}`, 400, ""},
		{"missing", `{}`, 400, ""},
		{"negative", `{"checkpoint_request_id":-1}`, 400, ""},
		{"not JSON", `{`, 400, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inBubble(t, &table{}, func(t *testing.T, s *Server) {
				c := connect(t, s, "forever", `{}`)
				c.lines(t)
				w := call(t, s, http.MethodPost, "/sync/checkpoint-request", "Token forever", tc.body)
				if w.Code != tc.status {
					t.Fatalf("status %d: %s", w.Code, w.Body)
				}
				if tc.status != 200 {
					if !strings.Contains(w.Body.String(), badRequest) {
						t.Errorf("body %s", w.Body)
					}
					return
				}
				var body struct {
					Data struct {
						ID string `json:"checkpoint_request_id"`
					}
				}
				if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
					t.Fatal(err)
				}
				got := number(t, body.Data.ID)
				if got < number(t, tc.atLeast) {
					t.Errorf("got %d, want at least %s", got, tc.atLeast)
				}
				time.Sleep(2 * breath)
				if seen := applied(t, c.lines(t)); seen < got {
					t.Errorf("reported %d, answered %d", seen, got)
				}
			})
		})
	}
}
