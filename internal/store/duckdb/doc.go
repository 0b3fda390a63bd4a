// Package duckdb is the embedded store: DuckDB files in one folder, in this process.
//
// main.duckdb holds runs, findings, slices, records and the trail; the rows of runs that are
// forgotten are deleted, and their blocks used again. Events lie in files
// events-000001.duckdb and so on, one after the other: only the last is written to, and the
// oldest are forgotten by removing them whole. All of them are attached to one instance of
// DuckDB, so that one memory limit holds for all; since a transaction of DuckDB can write to
// one attached file only, the marks lie beside the events that they speak of.
//
// Events are numbered from 1 on in the order in which they are stored; that number is their
// store.Position. The texts that many events share are stored once in a file, as
// store.Batch holds them: tables caller, callee and kind with a column for each field, so that
// people and exports can read them as they are.
//
// The package needs cgo; without it, only this comment is left.
package duckdb
