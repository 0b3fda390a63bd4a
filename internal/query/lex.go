package query

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// keywords are the words between clauses, in any case.
var keywords = [...]string{"and", "or", "not"}

// foreign are words of other languages, which as a value match nothing, and what people mean
// by them.
var foreign = map[string]string{
	"=": `":" (field: value)`, "==": `":" (field: value)`, "=~": `":" (field: value, with * for any text)`,
	"!=": `"not" (not field: value)`, "!": `"not"`, "&&": `"and"`, "||": `"or"`,
}

// isSpecial tells the characters that end a word. A backslash takes them into it.
func isSpecial(c byte) bool { return strings.IndexByte(`():<>"{}`, c) >= 0 }

// peek returns the byte at p.at; 0 at the end, and for a NUL.
func (p *parser) peek() byte {
	if p.at == len(p.text) {
		return 0
	}
	return p.text[p.at]
}

// peekWord is peek, and a letter where a word that begins with a colon stands: ::1.
func (p *parser) peekWord(colons int) byte {
	if c := p.peek(); c != ':' || coloned(p.text[p.at:], colons) == 0 {
		return c
	}
	return 'w'
}

// isSpace reports whether a blank begins at i. The no-break space is one: it comes with what
// is pasted from web pages.
func (p *parser) isSpace(i int) bool {
	switch p.text[i] {
	case ' ', '\t', '\r', '\n':
		return true
	}
	return strings.HasPrefix(p.text[i:], "\u00a0")
}

func (p *parser) skip() { p.at = p.skipFrom(p.at) }

func (p *parser) skipFrom(i int) int {
	for i < len(p.text) && p.isSpace(i) {
		_, n := utf8.DecodeRuneInString(p.text[i:])
		i += n
	}
	return i
}

// keyword returns the length of a keyword when it stands at i as a word of its own; else 0.
func (p *parser) keyword(i int, word string) int {
	end := i + len(word)
	if end > len(p.text) || !strings.EqualFold(p.text[i:end], word) {
		return 0
	}
	if end == len(p.text) || p.isSpace(end) || isSpecial(p.text[end]) && p.text[end] != ':' {
		return len(word)
	}
	return 0
}

// A literal is a field or a value as it stands in a query.
type literal struct {
	pattern    Pattern
	start, end int
	lastWord   int // where its last word starts
}

// literal reads what stands at p.at: a text in quotes, or words with blanks between them, up
// to a keyword or a special character. Words may be addresses and times that have as many
// colons as given or more.
func (p *parser) literal(colons int) (literal, error) {
	l := literal{start: p.at, lastWord: p.at}
	if p.text[p.at] == '"' {
		text, err := p.quoted()
		l.pattern, l.end = Pattern{text}, p.at
		return l, err
	}
	l.pattern = Pattern{""}
	for {
		l.lastWord = p.at
		if err := p.word(&l.pattern, colons); err != nil {
			return l, err
		}
		l.end = p.at
		next := p.skipFrom(p.at)
		if next == p.at || next == len(p.text) || isSpecial(p.text[next]) {
			return l, nil
		}
		for _, word := range keywords {
			if p.keyword(next, word) > 0 {
				return l, nil
			}
		}
		p.at = next
		l.pattern[len(l.pattern)-1] += " "
	}
}

// quoted reads a text in quotes.
func (p *parser) quoted() (string, error) {
	open := p.at
	var b strings.Builder
	for p.at++; p.at < len(p.text); {
		switch c := p.text[p.at]; c {
		case '"':
			p.at++
			return b.String(), nil
		case '\\':
			if err := p.escape(&b, `"`); err != nil {
				return "", err
			}
		default:
			b.WriteByte(c)
			p.at++
		}
	}
	return "", p.fail(open, len(p.text), "a quote that is not closed", `another "`, "")
}

// word adds a word to a pattern.
func (p *parser) word(pattern *Pattern, colons int) error {
	start := p.at
	rest := p.text[start:]
	if n := coloned(rest, colons); n > 0 {
		(*pattern)[len(*pattern)-1] += rest[:n]
		p.at += n
		return nil
	}
	r, n := utf8.DecodeRuneInString(rest)
	if isQuote(r) {
		return p.fail(start, start+n, rest[:n], `"`, fmt.Sprintf(`a text that begins with %s is written "%s..."`, rest[:n], rest[:n]))
	}
	if word := p.text[start:p.tokenEnd(start)]; foreign[word] != "" {
		return p.fail(start, p.tokenEnd(start), word, foreign[word], fmt.Sprintf("the text itself is written \"%s\"", word))
	}
	var b strings.Builder
	for p.at < len(p.text) && !p.isSpace(p.at) && !isSpecial(p.text[p.at]) {
		switch c := p.text[p.at]; c {
		case '*':
			(*pattern)[len(*pattern)-1] += b.String()
			if last := len(*pattern) - 1; last == 0 || (*pattern)[last] != "" { // two stars are one
				*pattern = append(*pattern, "")
			}
			b.Reset()
			p.at++
		case '\\':
			if err := p.escape(&b, `():<>"*{}`); err != nil {
				return err
			}
		default:
			b.WriteByte(c)
			p.at++
		}
	}
	(*pattern)[len(*pattern)-1] += b.String()
	return nil
}

func isQuote(r rune) bool {
	return slices.Contains([]rune{'\'', '‘', '’', '“', '”', '„', '«', '»'}, r)
}

// escape reads an escape: a backslash and one of the special characters, a backslash, a
// keyword where specials are those of a word, or four hexadecimal digits behind a u.
func (p *parser) escape(b *strings.Builder, specials string) error {
	start, rest := p.at, p.text[p.at+1:]
	if rest == "" {
		return p.fail(start, len(p.text), `\ at the end of the query`, `\\ for a backslash`, "")
	}
	if strings.IndexByte(specials, rest[0]) >= 0 || rest[0] == '\\' {
		b.WriteByte(rest[0])
		p.at += 2
		return nil
	}
	if len(specials) > 1 {
		for _, word := range keywords {
			if len(rest) >= len(word) && strings.EqualFold(rest[:len(word)], word) {
				b.WriteString(rest[:len(word)])
				p.at += 1 + len(word)
				return nil
			}
		}
	}
	if rest[0] == 'u' {
		if r, ok := hex4(rest[1:]); ok {
			p.at += len(`\u0000`)
			if utf16.IsSurrogate(r) {
				low := rune(utf8.RuneError)
				if strings.HasPrefix(p.text[p.at:], `\u`) {
					low, _ = hex4(p.text[p.at+2:])
				}
				if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
					return p.fail(start, p.at, "one half of a surrogate pair", "both", "")
				}
				p.at += len(`\u0000`)
			}
			b.WriteRune(r)
			return nil
		}
	}
	_, n := utf8.DecodeRuneInString(rest)
	hint := ""
	switch rest[0] {
	case 't':
		hint = `a tab is written \u0009`
	case 'n':
		hint = `a line end is written \u000a`
	}
	return p.fail(start, start+1+n, `\`+rest[:n], `\\ for a backslash`, hint)
}

// The colons that an address or a time must have to be read as one: a field and its value have
// one between them, no query that means something else has two in a word.
const (
	fieldColons = 2 // where a field may stand
	valueColons = 1 // where none may
)

// coloned returns the length of the address, network or time that text begins with, when it
// is one with so many colons or more and nothing else follows in its word; else 0.
func coloned(text string, colons int) int {
	end := strings.IndexAny(text, " \t\r\n\u00a0(){}<>\"*\\")
	if end < 0 {
		end = len(text)
	}
	if strings.Count(text[:end], ":") < colons || end < len(text) && strings.IndexByte(`({<>"*\`, text[end]) >= 0 {
		return 0
	}
	l := Literal(text[:end])
	if _, ok := l.Network(); ok {
		return end
	}
	if _, ok := l.Time(); ok {
		return end
	}
	return 0
}
