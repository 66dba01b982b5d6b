package main

import (
	"fmt"
	"io"
	"time"
)

// stopwatch measures consecutive stages.
type stopwatch struct {
	last time.Time
	laps []lap
}

type lap struct {
	stage string
	took  time.Duration
}

func newStopwatch() *stopwatch { return &stopwatch{last: time.Now()} }

// lap ends a stage that began with the stage before.
func (s *stopwatch) lap(stage string) {
	now := time.Now()
	s.laps = append(s.laps, lap{stage, now.Sub(s.last)})
	s.last = now
}

// print writes a line for each stage and one for their sum.
func (s *stopwatch) print(w io.Writer) {
	var sum time.Duration
	for _, l := range s.laps {
		sum += l.took
		fmt.Fprintf(w, "%-24s %10v\n", l.stage, l.took.Round(time.Microsecond))
	}
	fmt.Fprintf(w, "%-24s %10v\n", "total", sum.Round(time.Microsecond))
}
