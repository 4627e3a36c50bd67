package breaker

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// device is a client with a real queue. It writes also while nobody takes what it sends; it sends whole transactions in
// order, in other groups each time, and keeps each until it is told that it is settled.
type device struct {
	id, tenant, token string
	others            []string // tenants
	url               string
	vendor            bool // speaks the dialect of transactions
	rnd               *rand.Rand
	http              *http.Client
	counts            *counts
	faults            *violations

	nextOp, nextTx int64
	rows, values   int64
	// backup is what the device counted to when its file was last saved. Restored is how often that was restored, and
	// below 0 where it never is.
	backup      int64
	restored    int
	queue, done []*transaction
	worst       time.Duration // that a transaction waited in the queue
}

const (
	// queueMost is how many transactions a device keeps before its user stops writing.
	queueMost = 60
	// headMost is how many of them it sends at once.
	headMost = 8
	// restoreAfter is how many operations after a backup the device is restored from it.
	restoreAfter = 60
	// sendTime is how long it waits for an answer.
	sendTime = 10 * time.Second
)

func (r *run) newDevice(i int, url string) (*device, error) {
	d := &device{
		id: fmt.Sprintf("device-%d", i), tenant: r.world.tenants[i%len(r.world.tenants)], url: url,
		vendor: i%3 == 2, rnd: r.rnd(uint64(100 + i)), http: &http.Client{Transport: &http.Transport{}, Timeout: sendTime},
		counts: r.counts, faults: r.faults,
	}
	if i%4 != 1 {
		d.restored = -1
	}
	for _, tenant := range r.world.tenants {
		if tenant != d.tenant {
			d.others = append(d.others, tenant)
		}
	}
	now := time.Now()
	claims := jwt.MapClaims{"sub": d.tenant, "aud": "breaker", "iat": now.Unix(), "exp": now.Add(r.Time + r.Drain + time.Hour).Unix()}
	var err error
	d.token, err = jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(r.secret)
	return d, err
}

// run writes and sends until load ends, and then sends what is left until drain ends.
func (d *device) run(load, drain context.Context) error {
	for load.Err() == nil {
		due := d.restored >= 0 && d.nextOp >= d.backup+restoreAfter
		if due && len(d.queue) == 0 {
			d.restore()
		}
		for range d.rnd.IntN(4) {
			if !due && len(d.queue) < queueMost {
				d.write()
			}
		}
		if err := d.upload(drain); err != nil {
			return err
		}
		pause(load, d.rnd, 5*time.Millisecond, 60*time.Millisecond)
	}
	for len(d.queue) > 0 && drain.Err() == nil {
		if err := d.upload(drain); err != nil {
			return err
		}
		pause(drain, d.rnd, 5*time.Millisecond, 20*time.Millisecond)
	}
	if len(d.queue) > 0 {
		d.faults.add("device %s is stuck: %d transactions wait, the first of them for %v", d.id, len(d.queue), time.Since(d.queue[0].written).Round(time.Second))
	}
	return nil
}

// upload sends the head of the queue once, or two heads of different length at the same time, which two
// replicas get.
func (d *device) upload(ctx context.Context) error {
	if len(d.queue) == 0 {
		return nil
	}
	one := d.queue[:min(len(d.queue), 1+d.rnd.IntN(headMost))]
	if d.rnd.IntN(8) > 0 {
		settled, err := d.send(ctx, one)
		d.settle(settled)
		return err
	}
	d.counts.add("uploads sent to both replicas at once")
	two := d.queue[:min(len(d.queue), 1+d.rnd.IntN(headMost))]
	type answer struct {
		settled []outcome
		err     error
	}
	second := make(chan answer, 1)
	go func() {
		settled, err := d.send(ctx, two)
		second <- answer{settled, err}
	}()
	settled, err := d.send(ctx, one)
	other := <-second
	for i := range min(len(settled), len(other.settled)) {
		if settled[i] != other.settled[i] {
			d.faults.add("device %s, transaction %d: one replica says %v, the other %v", d.id, d.queue[i].id, settled[i], other.settled[i])
		}
	}
	if len(other.settled) > len(settled) {
		settled = other.settled
	}
	d.settle(settled)
	if err == nil {
		err = other.err
	}
	return err
}

// settle takes transactions off the queue, the first ones, and looks whether that became of them which had to.
func (d *device) settle(settled []outcome) {
	for i, it := range settled {
		tx := d.queue[i]
		tx.refused = it.refused
		switch {
		case it.refused && tx.poison == "":
			d.faults.add("device %s, transaction %d: permitted, and refused as %s", d.id, tx.id, it.why)
		case !it.refused && tx.poison != "":
			d.faults.add("device %s, transaction %d: acknowledged as applied in spite of %s", d.id, tx.id, tx.poison)
		}
		d.worst = max(d.worst, time.Since(tx.written))
		d.done = append(d.done, tx)
		d.counts.some("operations", len(tx.ops))
		d.counts.add("transactions")
	}
	d.queue = d.queue[len(settled):]
}
