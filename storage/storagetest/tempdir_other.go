//go:build !linux

package storagetest

const memoryDir = ""

func roomInMemory() bool { return false }
