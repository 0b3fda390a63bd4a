package filter

import "unicode/utf8"

// texts is a set of texts that is fast to ask.
type texts struct {
	few        []string            // all of them, when there are not many
	many       map[string]struct{} // otherwise
	shapes     [shapes / 64]uint64 // a bit for each that one of the texts has, see shapeOf
	ignoreCase bool                // the set holds them in lower case
}

// maxFew is how many texts are compared one by one: one hash costs about as much.
const maxFew = 4

func newTexts(values []string, ignoreCase bool) *texts {
	t := &texts{ignoreCase: ignoreCase}
	if len(values) > maxFew {
		t.many = make(map[string]struct{}, len(values))
	}
	for _, v := range values {
		if ignoreCase {
			v = string(appendLower(nil, v))
		}
		shape := t.shapeOf(v)
		t.shapes[shape/64] |= 1 << (shape % 64)
		if t.many != nil {
			t.many[v] = struct{}{}
		} else {
			t.few = append(t.few, v)
		}
	}
	return t
}

const shapes = 1 << 12

// shapeOf returns a number of the length of s, its first byte and that in the middle: names of programs
// mostly end alike.
func (t *texts) shapeOf(s string) uint32 {
	if s == "" {
		return 0
	}
	a, b := s[0], s[len(s)/2]
	if t.ignoreCase {
		a, b = lower(a), lower(b)
	}
	return (uint32(len(s)) + uint32(a)*37 + uint32(b)*401) % shapes
}

// mayHave reports whether s may be in the set: has costs more, and most texts are not.
func (t *texts) mayHave(s string) bool {
	shape := t.shapeOf(s)
	return t.shapes[shape/64]>>(shape%64)&1 == 1
}

// has reports whether s is in the set.
func (t *texts) has(s string) bool {
	if t.ignoreCase {
		return t.hasLower(s)
	}
	if t.many != nil {
		_, ok := t.many[s]
		return ok
	}
	for _, v := range t.few {
		if v == s {
			return true
		}
	}
	return false
}

func (t *texts) hasLower(s string) bool {
	var buf [256]byte
	if t.many != nil && len(s) <= len(buf) {
		_, ok := t.many[string(appendLower(buf[:0], s))] // the conversion does not allocate
		return ok
	}
	for v := range t.many {
		if equalLower(s, v) {
			return true
		}
	}
	for _, v := range t.few {
		if equalLower(s, v) {
			return true
		}
	}
	return false
}

// lower returns b, in lower case if it is an ASCII letter. Other letters stay as they are:
// so do the engines that the filter is translated for.
func lower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		b += 'a' - 'A'
	}
	return b
}

func appendLower(dst []byte, s string) []byte {
	for i := range len(s) {
		dst = append(dst, lower(s[i]))
	}
	return dst
}

// equalLower reports whether s in lower case is low.
func equalLower(s, low string) bool {
	if len(s) != len(low) {
		return false
	}
	for i := range len(s) {
		if lower(s[i]) != low[i] {
			return false
		}
	}
	return true
}

// wildcards are patterns: * stands for any text, ? for one character. Every other character,
// the backslash of a Windows path among them, stands for itself.
type wildcards struct {
	patterns   []string
	ignoreCase bool // the patterns are in lower case
}

func newWildcards(patterns []string, ignoreCase bool) *wildcards {
	w := &wildcards{ignoreCase: ignoreCase}
	for _, p := range patterns {
		if ignoreCase {
			p = string(appendLower(nil, p))
		}
		w.patterns = append(w.patterns, p)
	}
	return w
}

func (w *wildcards) match(s string) bool {
	for _, p := range w.patterns {
		if w.matchOne(p, s) {
			return true
		}
	}
	return false
}

// matchOne reports whether pattern matches the whole of s. A byte that is no UTF-8 is one
// character. After a star the shortest match of what follows is enough, so that only the
// last star is ever tried again: at most len(pattern) * len(s) steps.
func (w *wildcards) matchOne(pattern, s string) bool {
	p, i := 0, 0
	star, mark := -1, 0 // the last star seen, and where in s it ends for now
	for i < len(s) {
		if p < len(pattern) {
			switch c := pattern[p]; {
			case c == '*':
				star, mark = p, i
				p++
				continue
			case c == '?':
				i += runeLen(s[i:])
				p++
				continue
			case c == s[i], w.ignoreCase && c == lower(s[i]):
				i++
				p++
				continue
			}
		}
		if star < 0 {
			return false
		}
		mark += runeLen(s[mark:])
		p, i = star+1, mark
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

func runeLen(s string) int {
	if s[0] < utf8.RuneSelf {
		return 1
	}
	_, n := utf8.DecodeRuneInString(s)
	return n
}
