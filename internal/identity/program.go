package identity

import (
	"bytes"
	_ "embed"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// A Kind is what a program is for, as far as that matters to who starts it or what it runs.
type Kind uint8

// The kinds of programs.
const (
	Ordinary    Kind = iota
	Interpreter      // runs programs that others wrote: python, node, java, curl
	Shell            // runs scripts, and ships with every system: powershell, wscript, bash
	Proxy            // a tool of the system that runs code of others and has no errand on the network: mshta, regsvr32
	Document         // opens documents and mail: Word, Outlook, Acrobat
	Browser
)

// A Program is what is known of all programs of one name.
type Program struct {
	Software string // the product, such as "Microsoft Teams"; empty when it is none of the common ones
	Kind     Kind
	folders  []string // of a program of Windows: where it lies, below the Windows folder
}

// System tells of programs that are part of Windows and lie in its folder.
func (p *Program) System() bool { return len(p.folders) > 0 }

// Lookup returns what is known of programs of this name, without regard to case; nil when
// nothing is.
func Lookup(name string) *Program {
	var buf [maxName]byte
	if len(name) > len(buf) {
		return nil
	}
	return programs()[string(appendLower(buf[:0], name))]
}

// KnownSoftware returns the product that programs of this name belong to, such as
// "Microsoft Teams"; empty when it is none of the common ones. A name proves nothing:
// whoever credits it looks at the folder and the signer too.
func KnownSoftware(name string) string {
	if p := Lookup(name); p != nil {
		return p.Software
	}
	return ""
}

// MakersDomain reports whether a registrable domain is one that the maker of a product of
// KnownSoftware runs.
func MakersDomain(software, domain string) bool {
	return slices.Contains(makers()[software], domain)
}

//go:embed makers.yaml
var makersText []byte

var makers = sync.OnceValue(func() map[string][]string {
	var all map[string][]string
	if err := yaml.Unmarshal(makersText, &all); err != nil {
		panic(err) // embedded; a test reads it
	}
	return all
})

// maxName bounds the names that are looked up: the longest known one has 60 bytes.
const maxName = 64

//go:embed software.yaml
var software []byte

var programs = sync.OnceValue(func() map[string]*Program {
	all := make(map[string]*Program)
	of := func(name string) *Program {
		name = strings.ToLower(name)
		if all[name] == nil {
			all[name] = &Program{}
		}
		return all[name]
	}
	var products map[string][]string
	if err := yaml.Unmarshal(software, &products); err != nil {
		panic(err) // embedded; a test reads it
	}
	for product, names := range products {
		for _, name := range names {
			of(name).Software = product
		}
	}
	for kind, names := range kinds {
		for name := range strings.FieldsSeq(names) {
			of(name).Kind = kind
		}
	}
	for folder, names := range systemFolders {
		for name := range strings.FieldsSeq(names) {
			p := of(name)
			for f := range strings.SplitSeq(folder, ",") {
				p.folders = append(p.folders, f)
			}
		}
	}
	return all
})

// kinds are the names that are of a kind, in lower case.
var kinds = map[Kind]string{
	Interpreter: `python python.exe pythonw.exe python2 python3 python3.exe python3.8 python3.9 python3.10 python3.11 python3.12 python3.13
		py.exe node node.exe java java.exe javaw.exe ruby ruby.exe perl perl.exe php php.exe go.exe dotnet dotnet.exe deno deno.exe bun lua
		autoit3.exe curl curl.exe wget wget.exe nc ncat ncat.exe socat`,
	Shell: `powershell.exe pwsh.exe pwsh powershell_ise.exe cmd.exe wscript.exe cscript.exe bash sh dash zsh fish bash.exe sh.exe
		osascript wsl.exe`,
	Proxy: `mshta.exe regsvr32.exe rundll32.exe installutil.exe regasm.exe regsvcs.exe msbuild.exe certutil.exe bitsadmin.exe cmstp.exe
		msxsl.exe odbcconf.exe control.exe hh.exe ieexec.exe presentationhost.exe forfiles.exe pcalua.exe mavinject.exe wmic.exe
		dfsvc.exe microsoft.workflow.compiler.exe notepad.exe calc.exe mspaint.exe gpupdate.exe werfault.exe dllhost.exe searchprotocolhost.exe`,
	Document: `winword.exe excel.exe powerpnt.exe outlook.exe olk.exe onenote.exe msaccess.exe mspub.exe visio.exe eqnedt32.exe
		acrord32.exe acrobat.exe foxitreader.exe soffice.bin soffice.exe thunderbird.exe hwp.exe`,
	Browser: `chrome.exe msedge.exe firefox.exe iexplore.exe brave.exe opera.exe vivaldi.exe chrome firefox chromium msedgewebview2.exe`,
}

// systemFolders are programs of Windows by the folders below that of Windows that they lie
// in. "" is the Windows folder itself.
var systemFolders = map[string]string{
	"": `explorer.exe regedit.exe notepad.exe hh.exe winhlp32.exe helppane.exe splwow64.exe`,
	"system32": `alg.exe audiodg.exe compattelrunner.exe consent.exe csrss.exe dashost.exe dwm.exe fontdrvhost.exe lsaiso.exe lsass.exe lsm.exe
		mousocoreworker.exe ntoskrnl.exe runtimebroker.exe searchindexer.exe securityhealthservice.exe sgrmbroker.exe services.exe sihclient.exe
		sihost.exe smartscreen.exe smss.exe spoolsv.exe sppsvc.exe taskeng.exe taskhost.exe taskhostex.exe taskhostw.exe usoclient.exe
		vssvc.exe wininit.exe winlogon.exe wlanext.exe wuauclt.exe wudfhost.exe wusa.exe conhost.exe devicecensus.exe
		applicationframehost.exe`,
	"system32,syswow64": `svchost.exe dllhost.exe rundll32.exe regsvr32.exe mshta.exe wscript.exe cscript.exe cmd.exe msiexec.exe bitsadmin.exe
		certutil.exe cmstp.exe ctfmon.exe userinit.exe logonui.exe backgroundtaskhost.exe werfault.exe wermgr.exe mobsync.exe reg.exe sc.exe
		schtasks.exe at.exe net.exe net1.exe netsh.exe nslookup.exe ping.exe gpupdate.exe control.exe odbcconf.exe forfiles.exe
		searchprotocolhost.exe searchfilterhost.exe systeminfo.exe whoami.exe tasklist.exe ipconfig.exe attrib.exe eventvwr.exe
		mmc.exe taskmgr.exe credwiz.exe dxdiag.exe explorer.exe notepad.exe calc.exe mspaint.exe backgroundtransferhost.exe`,
	"system32/wbem,syswow64/wbem":                                     `wmiprvse.exe wmic.exe scrcons.exe mofcomp.exe wmiadap.exe unsecapp.exe`,
	"system32/windowspowershell/v1.0,syswow64/windowspowershell/v1.0": `powershell.exe powershell_ise.exe`,
}

// copiedTo are folders below that of Windows where it keeps further copies of its programs.
var copiedTo = []string{"winsxs/", "servicing/", "softwaredistribution/", "sysnative/", "sysarm32/", "systemapps/", "immersivecontrolpanel/", "uus/"}

// A Place tells whether a program that has a name of the system lies where the system has it.
type Place uint8

// The places of a program.
const (
	PlaceUnknown Place = iota // no name of the system, or no path
	InPlace                   // a name of the system, in its folder
	LookAlike                 // one letter away from a name of the system
	Misplaced                 // a name of the system, in another folder
)

// SystemImage tells whether a program with a name of the system lies where the system has it.
// The path is that of the file; its last part counts as the name when name is empty. Only
// paths of Windows can be wrong; a look-alike is one by its name alone.
func SystemImage(name, path string) Place {
	if name == "" {
		name = path[strings.LastIndexAny(path, `\/`)+1:]
	}
	return Inspect(name, path).Place
}

// An Image is a program by its name and the path of its file.
type Image struct {
	Program *Program // nil when nothing is known of the name
	Folder  Folder
	Place   Place
}

// Inspect returns what Lookup, PathClass and SystemImage say of a program. It does not
// allocate.
func Inspect(name, path string) Image {
	var buf [maxPath]byte
	clean, windows := normalize(buf[:0], path)
	p := Lookup(name)
	return Image{p, folderOf(clean, windows), p.place(name, clean, windows)}
}

func (p *Program) place(name string, clean []byte, windows bool) Place {
	switch {
	case p == nil && lookAlike(name):
		return LookAlike
	case p == nil, !p.System(), !windows, len(clean) == 0:
		return PlaceUnknown
	}
	var rest []byte
	switch {
	case hasPrefix(clean, "/windows/"):
		rest = clean[len("/windows/"):]
	case hasPrefix(clean, "/winnt/"):
		rest = clean[len("/winnt/"):]
	default:
		return Misplaced
	}
	for _, f := range copiedTo {
		if hasPrefix(rest, f) {
			return InPlace
		}
	}
	dir := rest[:max(bytes.LastIndexByte(rest, '/'), 0)]
	for _, f := range p.folders {
		if string(dir) == f {
			return InPlace
		}
	}
	return Misplaced
}

// imitated are the names of the system that malware likes to come close to.
var imitated = []string{
	"svchost.exe", "explorer.exe", "lsass.exe", "csrss.exe", "services.exe", "winlogon.exe", "wininit.exe", "spoolsv.exe",
	"taskhostw.exe", "rundll32.exe", "dllhost.exe", "conhost.exe", "runtimebroker.exe", "smartscreen.exe",
}

// honest are names one letter away from those of the system that other software has.
var honest = []string{"service.exe", "iexplorer.exe", "explore.exe"}

// lookAlike reports whether name is one letter away from a name of the system: one changed,
// added, left out, or two neighbours swapped. Case is no difference, and a letter of another
// script is one.
func lookAlike(name string) bool {
	const shortest, longest = len("lsass.exe") - 1, len("runtimebroker.exe") + 4
	if len(name) < shortest || len(name) > longest {
		return false
	}
	var buf [longest]byte
	lower := buf[:0]
	for i := 0; i < len(name); { // a letter of several bytes becomes one that no name has
		r, n := utf8.DecodeRuneInString(name[i:])
		if r >= utf8.RuneSelf {
			r = 0xff
		}
		lower = append(lower, lowerByte(byte(r)))
		i += n
	}
	for _, h := range honest {
		if string(lower) == h {
			return false
		}
	}
	for _, want := range imitated {
		if d := len(lower) - len(want); d < -1 || d > 1 {
			continue
		}
		if oneEdit(lower, want) {
			return true
		}
	}
	return false
}

// oneEdit reports whether a and b differ by exactly one edit. Their lengths differ by one at
// most.
func oneEdit(a []byte, b string) bool {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	restA, restB := a[i:], b[i:]
	switch {
	case len(a) > len(b):
		return string(restA[1:]) == restB
	case len(a) < len(b):
		return string(restA) == restB[1:]
	case len(restA) == 0:
		return false
	}
	if string(restA[1:]) == restB[1:] {
		return true
	}
	return len(restA) > 1 && restA[0] == restB[1] && restA[1] == restB[0] && string(restA[2:]) == restB[2:]
}
