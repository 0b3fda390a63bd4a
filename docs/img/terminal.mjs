// Turns what a program writes to a terminal into an SVG picture of it.
//
// usage: node terminal.mjs COMMAND COLUMNS <OUTPUT >PICTURE.svg

import { readFileSync } from "node:fs";

const [command, columns] = process.argv.slice(2);
const cell = { width: 8.4, height: 19, font: 14 }; // pixels; the widths of letters are forced, whatever the font
const colours = { "": "#d6dbe0", 1: "#ffffff", 2: "#8a949e", "1;31": "#ff6b62", 33: "#e5b567", 36: "#5fc9d8" };

const escape = (s) => s.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
const lines = [`\x1b[2m$\x1b[0m \x1b[1m${command.slice(2)}\x1b[0m`, ...readFileSync(0, "utf8").trimEnd().split("\n")];
const text = lines.map((line, row) => {
  let at = 0, style = "";
  return line.split(/(\x1b\[[0-9;?]*[a-zA-Z])/).map((part) => {
    if (part.startsWith("\x1b")) {
      if (part.endsWith("m")) style = part.slice(2, -1).replace(/^0$/, "");
      return "";
    }
    const bold = style.startsWith("1") ? ' font-weight="700"' : "";
    return part.split(/( +)/).map((word) => { // each at its own place: SVG does not keep blanks
      const length = [...word].length, x = 16 + at * cell.width;
      at += length;
      return word.trim() === "" ? "" : `<text x="${x.toFixed(1)}" y="${60 + row * cell.height}" textLength="${(length * cell.width).toFixed(1)}" fill="${colours[style] ?? colours[""]}"${bold}>${escape(word)}</text>`;
    }).join("");
  }).join("");
}).join("\n");
const width = Math.ceil(32 + columns * cell.width), height = 60 + lines.length * cell.height;
console.log(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escape(command)}">
<rect width="${width}" height="${height}" rx="9" fill="#171b20"/>
<circle cx="20" cy="19" r="6" fill="#ff5f57"/><circle cx="40" cy="19" r="6" fill="#febc2e"/><circle cx="60" cy="19" r="6" fill="#28c840"/>
<g font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace" font-size="${cell.font}">
${text}
</g>
</svg>`);
