//go:build cgo && !linux

package duckdb

func trimHeap() {}
