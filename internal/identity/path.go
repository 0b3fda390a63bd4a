package identity

import (
	"bytes"
	"strings"
)

// A Folder is the class of the folder that a program lies in.
type Folder uint8

// Classes of folders, from those that only an administrator fills to those that anybody can.
const (
	FolderUnknown Folder = iota // no path, or only a name
	Programs                    // of installed software: C:\Program Files, /opt, /Applications
	System                      // of the operating system: C:\Windows, /usr/bin, /System
	Other                       // none of these
	Profile                     // below the user's own folder, such as AppData or ~/.local
	Data                        // of data of all users: C:\ProgramData, /var/lib
	Downloads                   // Downloads, Desktop, Documents, a folder that is public, a share of the network
	Temp                        // temporary files, the recycle bin, folders of the system that anybody can write to
)

// String returns what the folder is, in words that follow "runs from".
func (f Folder) String() string {
	return [...]string{
		"an unknown folder", "a folder of installed software", "a folder of the system", "a folder of its own", "the user's profile",
		"a folder for data", "a folder of the user's files", "a temp folder",
	}[f]
}

// maxPath bounds the bytes of a path that are looked at: the first folders decide.
const maxPath = 512

// windowsRules and unixRules are the beginnings of normalized paths, the more special first.
var windowsRules = []struct {
	prefix string
	folder Folder
}{
	{"/windows/temp/", Temp},
	{"/windows/tasks/", Temp},
	{"/windows/tracing/", Temp},
	{"/windows/system32/tasks/", Temp},
	{"/windows/system32/spool/drivers/color/", Temp},
	{"/windows/system32/spool/printers/", Temp},
	{"/windows/syswow64/tasks/", Temp},
	{"/windows/serviceprofiles/", Profile},
	{"/windows/", System},
	{"/winnt/", System},
	{"/program files/", Programs},
	{"/program files (x86)/", Programs},
	{"/program files (arm)/", Programs},
	{"/progra~1/", Programs},
	{"/progra~2/", Programs},
	{"/programdata/microsoft/windows defender/platform/", Programs},
	{"/programdata/", Data},
	{"/users/public/", Downloads},
	{"/users/all users/", Data},
	{"/documents and settings/all users/", Data},
	{"/$recycle.bin/", Temp},
	{"/recycler/", Temp},
	{"/perflogs/", Temp},
	{"/temp/", Temp},
	{"/tmp/", Temp},
}

var unixRules = []struct {
	prefix string
	folder Folder
}{
	{"/tmp/", Temp},
	{"/var/tmp/", Temp},
	{"/dev/shm/", Temp},
	{"/dev/mqueue/", Temp},
	{"/run/shm/", Temp},
	{"/run/user/", Temp},
	{"/private/tmp/", Temp},
	{"/private/var/tmp/", Temp},
	{"/private/var/folders/", Temp},
	{"/var/folders/", Temp},
	{"/usr/local/", Programs},
	{"/bin/", System},
	{"/sbin/", System},
	{"/usr/", System},
	{"/lib/", System},
	{"/lib64/", System},
	{"/system/", System},
	{"/opt/", Programs},
	{"/snap/", Programs},
	{"/applications/", Programs},
	{"/library/", Programs},
	{"/nix/store/", Programs},
	{"/users/shared/", Downloads},
	{"/var/", Data},
	{"/srv/", Data},
	{"/etc/", Data},
	{"/root/", Profile},
	{"/volumes/", Downloads},
	{"/media/", Downloads},
	{"/mnt/", Downloads},
}

// inHome are the beginnings of paths below a user's own folder.
var inHome = []struct {
	prefix string
	folder Folder
}{
	{"appdata/local/temp/", Temp},
	{"local settings/temp/", Temp},
	{"appdata/", Profile},
	{"downloads/", Downloads},
	{"desktop/", Downloads},
	{"documents/", Downloads},
	{"my documents/", Downloads},
	{"pictures/", Downloads},
	{"music/", Downloads},
	{"videos/", Downloads},
	{".trash/", Temp},
}

// PathClass returns the class of the folder that the file of a program lies in. It reads paths
// of Windows (with drive letters, long-path and device prefixes, either slash, and parts
// such as "..") and of Unix, without regard to case.
func PathClass(path string) Folder {
	var buf [maxPath]byte
	return folderOf(normalize(buf[:0], path))
}

// folderOf is PathClass of a normalized path.
func folderOf(clean []byte, windows bool) Folder {
	switch {
	case len(clean) == 0 || clean[0] != '/':
		return FolderUnknown
	case windows && len(clean) > 1 && clean[1] == '/':
		return Downloads // \\server\share
	}
	rules := unixRules
	if windows {
		rules = windowsRules
	}
	for i := range rules {
		if hasPrefix(clean, rules[i].prefix) {
			return rules[i].folder
		}
	}
	for _, home := range [...]string{"/users/", "/home/", "/documents and settings/"} {
		if !hasPrefix(clean, home) {
			continue
		}
		rest := clean[len(home):]
		slash := bytes.IndexByte(rest, '/')
		if slash < 0 {
			return Downloads // a file among the homes
		}
		rest = rest[slash+1:]
		for i := range inHome {
			if hasPrefix(rest, inHome[i].prefix) {
				return inHome[i].folder
			}
		}
		return Profile
	}
	return Other
}

// normalize appends path to dst, which is empty, in lower case, with "/" between its parts,
// without drive, device, empty parts, "." and "..". The path of a share keeps two slashes at
// its beginning. It stops at the capacity of dst.
func normalize(dst []byte, path string) (clean []byte, windows bool) {
	windows = strings.IndexByte(path, '\\') >= 0
	if len(path) >= 2 && path[1] == ':' {
		windows = true
	}
	share := false
	if windows {
		path, share = trimDevice(path)
	}
	if path == "" || path[0] != '/' && path[0] != '\\' {
		return dst, windows // only a name
	}
	root := 0
	if share {
		dst = append(dst, '/')
		root = 1
	}
	for i := 0; i < len(path); {
		for i < len(path) && (path[i] == '/' || windows && path[i] == '\\') {
			i++
		}
		end := i
		for end < len(path) && path[end] != '/' && (!windows || path[end] != '\\') {
			end++
		}
		part := path[i:end]
		i = end
		switch {
		case part == "" && end < len(path), part == ".":
			continue
		case part == "..":
			for len(dst) > root {
				dst = dst[:len(dst)-1]
				if dst[:len(dst)+1][len(dst)] == '/' {
					break
				}
			}
			continue
		}
		if len(dst)+1+len(part) > cap(dst) {
			part = part[:max(cap(dst)-len(dst)-1, 0)]
			if len(dst) == cap(dst) {
				return dst, windows
			}
		}
		dst = append(dst, '/')
		dst = appendLower(dst, part)
	}
	return dst, windows
}

// trimDevice takes away what stands before the first folder of a path of Windows: a drive, the
// prefix of long paths, a device. It reports whether the path is that of a share.
func trimDevice(path string) (rest string, share bool) {
	for _, p := range [...]string{`\\?\UNC\`, `\??\UNC\`} {
		if len(path) >= len(p) && equalFold(path[:len(p)], p) {
			return path[len(p)-1:], true
		}
	}
	for _, p := range [...]string{`\\?\`, `\\.\`, `\??\`} {
		if strings.HasPrefix(path, p) {
			path = path[len(p)-1:]
			break
		}
	}
	const device, disk = `\Device\`, "HarddiskVolume"
	switch {
	case len(path) > len(device) && equalFold(path[:len(device)], device):
		rest = path[len(device):]
		slash := strings.IndexByte(rest, '\\')
		if slash < 0 {
			return "", false
		}
		isDisk := len(rest) >= len(disk) && equalFold(rest[:len(disk)], disk)
		return rest[slash:], !isDisk // \Device\Mup\server\share
	case strings.HasPrefix(path, `\\`):
		return path, true
	case len(path) >= 3 && path[0] == '\\' && path[2] == ':':
		path = path[1:]
	}
	if len(path) >= 2 && path[1] == ':' {
		return path[2:], false
	}
	if root := `\SystemRoot\`; len(path) >= len(root) && equalFold(path[:len(root)], root) {
		return `\Windows\` + path[len(root):], false
	}
	return path, false
}

func lowerByte(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// appendLower appends s with ASCII letters in lower case.
func appendLower(dst []byte, s string) []byte {
	for i := range len(s) {
		dst = append(dst, lowerByte(s[i]))
	}
	return dst
}

func hasPrefix(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && string(b[:len(prefix)]) == prefix
}

// equalFold reports whether a and b differ at most in the case of ASCII letters.
func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lowerByte(a[i]) != lowerByte(b[i]) {
			return false
		}
	}
	return true
}

// containsFold reports whether s holds part, which is in lower case, in any case.
func containsFold(s, part string) bool {
	for i := 0; i+len(part) <= len(s); i++ {
		if equalFold(s[i:i+len(part)], part) {
			return true
		}
	}
	return false
}
