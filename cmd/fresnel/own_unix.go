//go:build unix

package main

import "syscall"

// ownFiles sees to it that nobody else may read what is written from here on, in whatever folder: the
// database knows who called whom, and has hashes of passwords.
func ownFiles() { syscall.Umask(0o077) }
