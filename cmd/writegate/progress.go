package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// progress is a bar on a terminal. A nil one shows nothing.
type progress struct {
	w           io.Writer
	total, done int
	drawn       time.Time
	visible     bool
}

const (
	barWidth = 30
	barPause = 100 * time.Millisecond
)

// step counts one more.
func (p *progress) step() {
	if p == nil {
		return
	}
	p.done++
	if now := time.Now(); now.Sub(p.drawn) >= barPause {
		p.drawn, p.visible = now, true
		full := barWidth * p.done / p.total
		fmt.Fprintf(p.w, "\r[%s%s] %d of %d", strings.Repeat("#", full), strings.Repeat(".", barWidth-full), p.done, p.total)
	}
}

// clear makes room for other text, until the next step.
func (p *progress) clear() {
	if p == nil || !p.visible {
		return
	}
	fmt.Fprint(p.w, "\r\x1b[K")
	p.visible, p.drawn = false, time.Time{}
}
