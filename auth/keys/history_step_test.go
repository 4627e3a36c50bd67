package keys

import (
	"errors"
	"slices"
	"time"
)

// start has a replica start, as serve does.
func (w *world) start(m *member) {
	s, err := Open(w.Context(), m.options)
	if err != nil {
		if !m.link.away {
			w.fail("start: %v", err)
		}
		return
	}
	m.set = s
	w.advance(m)
}

func (w *world) advance(m *member) {
	err := m.set.Advance(w.Context())
	if err != nil && !errors.Is(err, errAway) && !errors.Is(err, errLost) {
		w.fail("advance: %v", err)
	}
	m.look = time.Now().Add(27*time.Second + w.within(3*time.Second))
}

// step lets a while pass, in which replicas look, and then something happens.
func (w *world) step() {
	for until := time.Now().Add(w.within([]time.Duration{time.Minute, 5 * time.Minute, 20 * time.Minute}[w.r.IntN(3)])); time.Now().Before(until); {
		w.pass()
	}
	m := w.replicas[w.r.IntN(len(w.replicas))]
	if what := w.r.IntN(12); m.set == nil || what == 0 {
		w.restart(m)
	} else if what < 4 {
		w.outage(m)
	} else if what < 7 {
		w.operate(m)
	} else if what == 7 {
		w.configure()
	}
	w.check()
}

// pass lets a few seconds pass.
func (w *world) pass() {
	time.Sleep(5 * time.Second)
	for _, m := range w.replicas {
		if m.link.away && m.back.Before(time.Now()) {
			m.link.away = false
		}
		if m.set != nil && !time.Now().Before(m.look) {
			w.advance(m)
		}
	}
	w.check()
}

func (w *world) restart(m *member) {
	others := slices.ContainsFunc(w.replicas, func(other *member) bool { return other != m && other.set != nil })
	if m.set != nil && others && w.r.IntN(2) == 0 {
		w.tell("down")
		m.set = nil
		return
	}
	w.tell("restart")
	if !m.link.away { // else it would not start, and the other ones may be down
		w.start(m)
	}
}

// configure has all replicas start again with other settings, or one of them.
func (w *world) configure() {
	ttl := []time.Duration{2 * time.Minute, 20 * time.Minute, 2 * time.Hour}[w.r.IntN(3)]
	every := []time.Duration{0, time.Hour, 3 * time.Hour}[w.r.IntN(3)]
	w.tell("configured", every, ", tokens of ", ttl)
	all := w.replicas
	if w.r.IntN(2) == 0 {
		all = all[:1]
	}
	for _, m := range all {
		m.options.MaxTTL, m.options.RotateEvery = ttl, every
		if !m.link.away {
			w.start(m)
		}
	}
}

func (w *world) outage(m *member) {
	if m.link.away {
		return
	}
	if w.r.IntN(3) == 0 {
		w.tell("answer lost")
		m.link.lose = true
	} else {
		w.tell("outage")
		m.link.away = true
	}
	m.back = time.Now().Add(w.within(mostOutage))
}

// operate does what an operator may do, from the machine of a replica, and has the model know of it.
func (w *world) operate(m *member) {
	ctx := w.Context()
	var before []string
	for kid := range w.keys {
		before = append(before, kid)
	}
	var err error
	var k Key
	switch w.r.IntN(8) {
	case 0, 1, 2:
		k, err = m.set.Rotate(ctx, "")
		w.tell("rotated", k.ID, err)
	case 3, 4:
		made := newKey()
		if w.r.IntN(4) == 0 { // one that is there, or was
			made = w.made[m.set.Keys()[0].ID]
		}
		known := m.set.plan.find(made.ID()) != nil
		atOnce := w.r.IntN(2) == 0
		k, err = m.set.Import(ctx, made, atOnce)
		w.tell("imported", made.ID(), " ", atOnce, err)
		if known {
			w.count["imported again"]++
			if err == nil {
				w.fail("a key was imported that was there before")
			}
			break
		}
		if atOnce && (err == nil || isUnsure(err)) {
			w.soon(made.ID())
		}
	case 5, 6:
		all := m.set.Keys()
		kid := all[w.r.IntN(len(all))].ID
		err = m.set.Remove(ctx, kid)
		w.tell("removed", kid, err)
		if err == nil || isUnsure(err) {
			w.fate(kid).dead = true
		}
	default:
		k, err = m.set.Replace(ctx, "")
		w.tell("emergency", k.ID, err)
		if unsure, ok := errors.AsType[*UnsureError](err); ok {
			k.ID = unsure.ID
		}
		if k.ID != "" {
			for _, kid := range before {
				w.keys[kid].dead = true
			}
			for _, known := range must(w.sealer.open(w.store.doc)) {
				w.fate(known.ID).dead = known.ID != k.ID
			}
			w.soon(k.ID)
		}
	}
	switch {
	case isUnsure(err):
		w.count["unsure"]++
	case errors.Is(err, ErrPlanned):
		w.count["planned already"]++
	case err == nil, errors.Is(err, ErrKnown), errors.Is(err, ErrSigning), errors.Is(err, ErrUnknown), errors.Is(err, errAway):
	default:
		w.fail("%v", err)
	}
}

func isUnsure(err error) bool {
	_, ok := errors.AsType[*UnsureError](err)
	return ok
}

func (w *world) fate(kid string) *fate {
	if w.keys[kid] == nil {
		w.keys[kid] = &fate{}
	}
	return w.keys[kid]
}

// calm has everybody be up and turn keys by schedule, and nobody else do anything.
func (w *world) calm() {
	w.tell("calm")
	for _, m := range w.replicas {
		m.link.away, m.link.lose, m.options.RotateEvery = false, false, time.Hour
		w.start(m)
	}
	before := w.replicas[0].set.Signer()
	for range 5 * 60 * 12 {
		w.pass()
	}
	p := w.replicas[0].set.plan
	if signer := p.find(before); signer == nil || !signer.Gone || p.turns(w.replicas[0].set.options.times(), time.Now()).Before(time.Now().Add(-time.Minute)) {
		w.fail("keys are not turned by schedule: %v", w.replicas[0].set.Keys())
	}
}
