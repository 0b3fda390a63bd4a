package bulk

import "strings"

// fields says which parts of the answer to a bulk request a client wants.
type fields struct {
	errors, took bool
	item         [kinds]leaves // by what the action was
}

// leaves is a set of the scalars of an item.
type leaves uint16

const (
	leafIndex leaves = 1 << iota
	leafID
	leafVersion
	leafResult
	leafShardsTotal
	leafShardsSuccessful
	leafShardsFailed
	leafSeqNo
	leafPrimaryTerm
	leafStatus
	leafErrorType
	leafErrorReason
	leafErrorUUID
	leafErrorShard
	leafErrorIndex

	leavesShards   = leafShardsTotal | leafShardsSuccessful | leafShardsFailed
	leavesConflict = leafErrorUUID | leafErrorShard | leafErrorIndex
	leavesError    = leafErrorType | leafErrorReason | leavesConflict
	leavesAll      = 1<<len(leafPaths) - 1
)

// leafPaths are the places of the leaves within an item, lowest bit first.
var leafPaths = [...]string{
	"_index", "_id", "_version", "result", "_shards.total", "_shards.successful", "_shards.failed",
	"_seq_no", "_primary_term", "status", "error.type", "error.reason", "error.index_uuid", "error.shard", "error.index",
}

var allFields = fields{errors: true, took: true, item: [kinds]leaves{leavesAll, leavesAll, leavesAll, leavesAll}}

// maxFilterBytes bounds a filter_path; that of Beats, the longest seen, has 130 bytes.
const maxFilterBytes = 4 << 10

// parseFilter reads a filter_path: paths with commas between them, in which * stands for
// any part of a key and ** for any number of keys. One that starts with - leaves out what
// it names. A path names all that is below it.
func parseFilter(filter string) (fields, *failure) {
	if len(filter) > maxFilterBytes {
		return fields{}, illegal("filter_path: got %d bytes, want at most %d", len(filter), maxFilterBytes)
	}
	var include, exclude [][]string
	for pattern := range strings.SplitSeq(filter, ",") {
		pattern, out := strings.CutPrefix(strings.TrimSpace(pattern), "-")
		if pattern == "" {
			continue
		}
		keys := strings.Split(pattern, ".")
		if out {
			exclude = append(exclude, keys)
		} else {
			include = append(include, keys)
		}
	}
	wanted := func(path string) bool {
		keys := strings.Split(path, ".")
		for _, pattern := range exclude {
			if covers(pattern, keys) {
				return false
			}
		}
		for _, pattern := range include {
			if covers(pattern, keys) {
				return true
			}
		}
		return len(include) == 0
	}
	f := fields{errors: wanted("errors"), took: wanted("took")}
	for k, kind := range kindNames {
		for i, leaf := range leafPaths {
			if wanted("items." + kind + "." + leaf) {
				f.item[k] |= 1 << i
			}
		}
	}
	return f, nil
}

// covers reports whether pattern names path or something above it.
func covers(pattern, path []string) bool {
	if len(pattern) == 0 {
		return true
	}
	if pattern[0] == "**" {
		for len(pattern) > 1 && pattern[1] == "**" { // or each of many would be tried with each length
			pattern = pattern[1:]
		}
		for i := range len(path) + 1 {
			if covers(pattern[1:], path[i:]) {
				return true
			}
		}
		return false
	}
	return len(path) > 0 && glob(pattern[0], path[0]) && covers(pattern[1:], path[1:])
}

// glob reports whether key has the form of pattern, in which * stands for any text.
func glob(pattern, key string) bool {
	head, tail, wild := strings.Cut(pattern, "*")
	if !wild {
		return pattern == key
	}
	if !strings.HasPrefix(key, head) {
		return false
	}
	key = key[len(head):]
	for {
		var part string
		part, tail, wild = strings.Cut(tail, "*")
		if !wild {
			return strings.HasSuffix(key, part)
		}
		i := strings.Index(key, part)
		if i < 0 {
			return false
		}
		key = key[i+len(part):]
	}
}
