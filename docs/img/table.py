#!/usr/bin/env python3
"""Writes table.svg, what a terminal shows of a scan of the sample: make build && python3 docs/img/table.py"""
import html, os, pathlib, pty, re, struct, fcntl, subprocess, termios, unicodedata

COLUMNS, CHAR, LINE, LEFT, TOP = 159, 8.4, 19, 16, 60
COLOURS = {"2": "#8a949e", "1": "#ffffff", "1;31": "#ff6b62", "33": "#e5b567", "36": "#5fc9d8"}
root = pathlib.Path(__file__).resolve().parents[2]
command = "fresnel scan -q testdata/sample"


def shown():
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    p = subprocess.Popen([root / "build/fresnel", *command.split()[1:]], cwd=root, stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    out = b""
    while True:
        try:
            part = os.read(master, 1 << 16)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        out += part
    if p.wait() != 0:
        raise SystemExit(out.decode())
    return out.decode().replace("\r", "").rstrip("\n").split("\n")


def words(line):
    """Yields the column, the text and the style of each word."""
    style, column = "", 0
    for part in re.split(r"(\x1b\[[0-9;]*m)", line):
        if m := re.fullmatch(r"\x1b\[([0-9;]*)m", part):
            style = "" if m[1] in ("", "0") else m[1]
            continue
        for word in re.split(r"( +)", part):
            wide = sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in word)
            if word.strip():
                yield column, word, wide, style
            column += wide


lines = ["\x1b[2m$\x1b[0m " + " ".join(f"\x1b[1m{w}\x1b[0m" for w in command.split())] + shown()
width, height = round(2 * LEFT + COLUMNS * CHAR), TOP + LINE * len(lines)
svg = [
    f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" aria-label="$ {command}">',
    f'<rect width="{width}" height="{height}" rx="9" fill="#171b20"/>',
    "".join(f'<circle cx="{x}" cy="19" r="6" fill="{c}"/>' for x, c in ((20, "#ff5f57"), (40, "#febc2e"), (60, "#28c840"))),
    "<g font-family=\"ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace\" font-size=\"14\">",
]
for i, line in enumerate(lines):
    texts = ""
    for column, word, wide, style in words(line):
        bold = ' font-weight="700"' if style.startswith("1") else ""
        texts += f'<text x="{LEFT + column * CHAR:.1f}" y="{TOP + i * LINE}" textLength="{wide * CHAR:.1f}" fill="{COLOURS.get(style, "#d6dbe0")}"{bold}>{html.escape(word)}</text>'
    svg.append(texts)
(root / "docs/img/table.svg").write_text("\n".join([*svg, "</g>", "</svg>", ""]))
