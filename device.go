package writegate

import (
	"context"
	"errors"
	"sync"
	"time"
)

// deviceWait bounds how long an upload waits for another one of the same device, here and in the database.
const deviceWait = 2 * time.Second

var errDeviceBusy = errors.New("another upload of the same device is still being applied")

func deviceBusy(cause error) *Error {
	return &Error{Class: Retry, Code: Unavailable, Reason: "device.busy", Message: "Another upload of this device is still being applied; this one is worth sending again.", Cause: cause}
}

// devices lets one upload of a device through at a time, so that waiting copies hold no connection. Order
// between replicas is kept by the device's row in the database, not here.
type devices struct {
	mu   sync.Mutex
	busy map[string]*device
}

type device struct {
	turn chan struct{}
	refs int
}

// enter waits for the device's turn and returns what gives it back.
func (d *devices) enter(ctx context.Context, id string) (leave func(), err error) {
	d.mu.Lock()
	if d.busy == nil {
		d.busy = map[string]*device{}
	}
	dev := d.busy[id]
	if dev == nil {
		dev = &device{turn: make(chan struct{}, 1)}
		d.busy[id] = dev
	}
	dev.refs++
	d.mu.Unlock()

	forget := func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if dev.refs--; dev.refs == 0 {
			delete(d.busy, id)
		}
	}
	timer := time.NewTimer(deviceWait)
	defer timer.Stop()
	select {
	case dev.turn <- struct{}{}:
		return func() { <-dev.turn; forget() }, nil
	case <-timer.C:
		err = errDeviceBusy
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	forget()
	return nil, err
}
