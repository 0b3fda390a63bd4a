//go:build !unix

package main

// ownFiles is for the folder to do, where files have the rights of the folder that they are in.
func ownFiles() {}
