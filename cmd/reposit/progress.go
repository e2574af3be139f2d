package main

import (
	"fmt"
	"time"

	"github.com/reposit/reposit"
)

// progress returns what shows how far long work is, or nil where nobody looks.
func (a *app) progress() func(reposit.Progress) {
	if !a.errTerminal || a.json {
		return nil
	}
	begun := time.Now()
	stage := ""
	return func(p reposit.Progress) {
		if p.Stage != stage {
			if stage != "" {
				fmt.Fprintln(a.err)
			}
			begun, stage = time.Now(), p.Stage
		}
		fmt.Fprintf(a.err, "\r%s\x1b[K", progressLine(p, time.Since(begun)))
		if p.Total > 0 && p.Done == p.Total {
			fmt.Fprintln(a.err)
			stage = ""
		}
	}
}

// progressLine says how far work is, at which rate, and how long the rest takes if that goes on.
func progressLine(p reposit.Progress, took time.Duration) string {
	line := fmt.Sprintf("%s: %d", safe(p.Stage), p.Done)
	if p.Total > 0 {
		line = fmt.Sprintf("%s: %3d%% (%d/%d)", safe(p.Stage), 100*p.Done/p.Total, p.Done, p.Total)
	}
	if p.Bytes > 0 {
		line += ", " + size(p.Bytes)
		if s := took.Seconds(); s >= 0.1 {
			line += fmt.Sprintf(", %s/s", size(int64(float64(p.Bytes)/s)))
		}
	}
	if p.Total > p.Done && p.Done > 0 && took > time.Second {
		rest := time.Duration(float64(took) * float64(p.Total-p.Done) / float64(p.Done))
		line += ", " + rest.Round(time.Second).String() + " left"
	}
	return line
}

// size returns a number of bytes as people read it.
func size(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	f, i := float64(n)/1024, 0
	for f >= 1024 && i < len(units)-1 {
		f, i = f/1024, i+1
	}
	return fmt.Sprintf("%.1f %ciB", f, units[i])
}
