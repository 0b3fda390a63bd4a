package human

// Colours of a terminal: parameters of its SGR sequence, from the eight that every theme sets.
const (
	Bold   = "1"
	Dim    = "2"
	Red    = "1;31"
	Yellow = "33"
	Cyan   = "36"
)

// Paint returns safe text in a colour of a terminal; "" is none.
func Paint(text, color string) string {
	if text == "" || color == "" {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}
