package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"
)

// TestKillInLargeUpload ends the daemon when it has committed three chunks of an upload of 5,000 operations, and
// sends the upload again: the settled chunks are answered from the ledger, the rest goes on.
func TestKillInLargeUpload(t *testing.T) {
	binary, db := build(t), fresh(t)
	addr := freeAddr(t)
	config := writeConfig(t, addr, db.dsn)
	d := &device{id: "device-large", http: &http.Client{Transport: &http.Transport{}}, rnd: rand.New(rand.NewPCG(1, 1))}
	d.token = token(t, binary, config, d.id)
	defer d.http.CloseIdleConnections()
	for d.nextTx < 1250 {
		d.nextTx++
		row := fmt.Sprintf("%s-%d", d.id, d.nextTx)
		d.push("PUT", row)
		for range 3 {
			d.push("PATCH", row)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p := start(t, binary, config, addr, []string{"WRITEGATE_FAILPOINT=committed:kill:3"})
	if ok, err := d.send(ctx, "http://"+addr, d.queue); ok || err != nil {
		t.Fatalf("the daemon was to be killed and answered: %v, %v", ok, err)
	}
	<-p.Done()
	if n := db.effects(t); n != 3000 {
		t.Errorf("%d operations took effect before the daemon was killed, want 3000", n)
	}
	p = start(t, binary, config, addr, nil)
	if ok, err := d.send(ctx, "http://"+addr, d.queue); !ok || err != nil {
		t.Fatalf("sent again: %v, %v", ok, err)
	}
	p.stop(t)
	missing, doubled := db.check(t, []*device{d})
	if n := db.effects(t); n != 5000 || missing != 0 || doubled != 0 || len(d.acked) != 5000 {
		t.Errorf("%d effects of %d acknowledged operations, %d missing, %d doubled; want 5000, 5000, 0, 0", n, len(d.acked), missing, doubled)
	}
}

// effects counts the writes that reached a row.
func (db *testDB) effects(t *testing.T) (n int) {
	t.Helper()
	if err := db.conn.QueryRow(t.Context(), "select count(*) from effects").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
