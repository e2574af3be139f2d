// Command start opens a store in memory, and says how much memory the process took.
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/storage/memory"
)

func main() {
	s, err := reposit.Open(context.Background(), memory.New(), nil)
	if err == nil {
		_, err = s.Create(context.Background(), "x", nil)
	}
	if err == nil {
		err = s.Close()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return // not Linux
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if peak, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			fmt.Println(strings.TrimSpace(peak))
		}
	}
}
