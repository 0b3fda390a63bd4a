// Package all is the list of all inputs. A new one is a folder beside this one and a line
// here; help texts, detection and the table in the docs are made from the list.
package all

import (
	"fresnel/internal/source"
	"fresnel/internal/source/delimited"
	"fresnel/internal/source/ecs"
	"fresnel/internal/source/suricata"
	"fresnel/internal/source/sysmon"
	"fresnel/internal/source/zeek"
)

// Formats are all inputs in the order of detection: those with the most telling marks
// first. ecs takes every other JSON line with a time, delimited knows only the shapes of its
// ready maps.
var Formats = []source.Format{
	zeek.Format,
	suricata.Format,
	sysmon.Format,
	ecs.Format,
	delimited.Format,
}
