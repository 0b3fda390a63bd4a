// Letters that are drawn as nothing at all, or turn the order of what follows.
const hidden =
  /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]|\u034f|[\u115f\u1160]|[\u17b4\u17b5]|\u2800|\u3164|\uffa0|[\u180b-\u180f]|[\ufe00-\ufe0f]|[\u{e0100}-\u{e01ef}]/gu;

const short: Record<string, string> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** Text of a log as it may be shown: what cannot be seen, or misleads, is written out. */
export function safe(text: string): string {
  if (/^[ -~]*$/.test(text)) return text; // nearly all there is, and found so in a tenth of the time
  return text.replace(hidden, (c) => {
    const code = c.codePointAt(0) ?? 0;
    if (short[c]) return short[c];
    if (code < 0x100) return `\\x${code.toString(16).padStart(2, "0")}`;
    if (code < 0x10000) return `\\u${code.toString(16).padStart(4, "0")}`;
    return `\\U${code.toString(16).padStart(8, "0")}`;
  });
}
