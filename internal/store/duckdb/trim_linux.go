//go:build cgo

package duckdb

/*
#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
static void trim_heap(void) { malloc_trim(0); }
#else
static void trim_heap(void) {}
#endif
*/
import "C"

// trimHeap gives memory that the engine has freed back to the system. What it knows of a file is millions of
// small pieces, made by several threads, each in a heap of its own: without this a heap that a thread left
// stays as large as it was, while the next file goes to another one.
func trimHeap() { C.trim_heap() }
