//go:build !unix

package bench

import "os"

func allocated(info os.FileInfo) int64 { return info.Size() }
